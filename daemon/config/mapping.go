package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/vendors/option"
)

// entry is one key and its value as written.
type entry struct{ key, value *yaml.Node }

// mapping is one YAML mapping under decode. Each accessor takes one key, and a
// wrong value gives a problem and the fallback, so that decoding goes on; done
// reports the keys that nobody asked for. Null counts as left out.
type mapping struct {
	report  *report
	file    string
	where   string // path from the root, for messages
	pos     option.Pos
	entries []entry
	index   map[string]int
	asked   []string
	refused []string // keys of a later version
	broken  bool     // not a mapping at all; what it lacks is not worth saying
}

// newMapping opens n, which may be nil for a section that is left out; pos is
// its place then.
func newMapping(r *report, file, where string, pos option.Pos, n *yaml.Node) *mapping {
	m := &mapping{report: r, file: file, where: where, pos: pos}
	if n == nil {
		return m
	}
	if n = target(n); n.Kind != yaml.MappingNode {
		if !isNull(n) {
			r.wrong(position(file, n), "%s is %s; write a mapping, key: value", orFile(where), kindOf(n))
			m.broken = true
		}
		return m
	}
	m.pos = position(file, n)
	m.index = make(map[string]int, len(n.Content)/2)
	m.addOwn(n)
	m.merge(n, map[*yaml.Node]bool{n: true})
	return m
}

func orFile(where string) string {
	if where == "" {
		return "the file"
	}
	return where
}

// addOwn takes the keys that are written in n itself.
func (m *mapping) addOwn(n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := target(n.Content[i])
		switch {
		case key.Tag == "!!merge":
		case key.Kind != yaml.ScalarNode:
			m.report.wrong(position(m.file, key), "a key is %s; write a name", kindOf(key))
		default:
			m.add(entry{n.Content[i], n.Content[i+1]}, key.Value)
		}
	}
}

func (m *mapping) add(e entry, name string) {
	if i, twice := m.index[name]; twice {
		m.report.wrong(position(m.file, e.key), "%s is written twice, first in line %d; keep one",
			m.label(e), m.entries[i].key.Line)
		return
	}
	m.index[name] = len(m.entries)
	m.entries = append(m.entries, e)
}

// merge adds what "<<" brings and is not written in the mapping itself; an
// earlier source wins over a later one. seen ends cycles.
func (m *mapping) merge(n *yaml.Node, seen map[*yaml.Node]bool) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		source := target(n.Content[i+1])
		sources := []*yaml.Node{source}
		if source.Kind == yaml.SequenceNode {
			sources = source.Content
		}
		for _, s := range sources {
			m.mergeFrom(target(s), seen)
		}
	}
}

func (m *mapping) mergeFrom(source *yaml.Node, seen map[*yaml.Node]bool) {
	if source.Kind != yaml.MappingNode {
		m.report.wrong(position(m.file, source), "<< merges mappings, this is %s", kindOf(source))
		return
	}
	if seen[source] {
		return
	}
	seen[source] = true
	for i := 0; i+1 < len(source.Content); i += 2 {
		key := target(source.Content[i])
		if _, have := m.index[key.Value]; have || key.Tag == "!!merge" || key.Kind != yaml.ScalarNode {
			continue
		}
		m.index[key.Value] = len(m.entries)
		m.entries = append(m.entries, entry{source.Content[i], source.Content[i+1]})
	}
	m.merge(source, seen)
}

// name is the key's full name for messages.
func (m *mapping) name(key string) string {
	if m.where == "" {
		return key
	}
	return m.where + "." + key
}

// label is the full name of a key that a person wrote.
func (m *mapping) label(e entry) string {
	if !isShown(e) {
		return "this key"
	}
	return m.name(target(e.key).Value)
}

// get returns the key's value, nil where it is left out.
func (m *mapping) get(key string) *yaml.Node {
	m.asked = append(m.asked, key)
	return m.lookup(key)
}

func (m *mapping) lookup(key string) *yaml.Node {
	i, ok := m.index[key]
	if !ok {
		return nil
	}
	if n := target(m.entries[i].value); !isNull(n) {
		return n
	}
	return nil
}

// has reports whether the key has a value.
func (m *mapping) has(key string) bool { return m.get(key) != nil }

func (m *mapping) isText(key string) bool {
	n := m.get(key)
	return n != nil && n.Kind == yaml.ScalarNode
}

// at is where the key's value is written, or the mapping where it is left out.
func (m *mapping) at(key string) option.Pos {
	if i, ok := m.index[key]; ok {
		return position(m.file, m.entries[i].value)
	}
	return m.pos
}

// all marks every key as known and returns them in the order of the file, for
// mappings whose keys are names.
func (m *mapping) all() []entry {
	for name := range m.index {
		m.asked = append(m.asked, name)
	}
	return m.entries
}

// section opens the mapping under key.
func (m *mapping) section(key string) *mapping {
	n := m.get(key)
	return newMapping(m.report, m.file, m.name(key), m.at(key), n)
}

// list returns the elements under key.
func (m *mapping) list(key string) []*yaml.Node {
	n := m.get(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.wrong(key, "is %s; write a list, one \"- \" a line", kindOf(n))
		return nil
	}
	return n.Content
}

func (m *mapping) wrong(key, format string, args ...any) {
	m.report.wrong(m.at(key), m.name(key)+" "+format, args...)
}

// missing reports a key without a value, where a wrong one was not reported.
func (m *mapping) missing(key, remedy string, args ...any) {
	if !m.broken && (!m.has(key) || m.isText(key)) {
		m.wrong(key, "is missing; "+remedy, args...)
	}
}

// scalar returns the key's text as written, whatever YAML takes it for.
func (m *mapping) scalar(key string) (string, bool) {
	n := m.get(key)
	if n == nil {
		return "", false
	}
	if n.Kind != yaml.ScalarNode {
		m.wrong(key, "is %s; write a single value", kindOf(n))
		return "", false
	}
	return n.Value, true
}

func (m *mapping) text(key, fallback string) string {
	if text, ok := m.scalar(key); ok {
		return text
	}
	return fallback
}

// filled is a text that must not be empty.
func (m *mapping) filled(key, fallback string) string {
	text := m.text(key, fallback)
	if text == "" {
		m.wrong(key, "must not be empty; leave it out for %s", fallback)
	}
	return text
}

// path is a text taken relative to the file's directory; "" stays "".
func (m *mapping) path(key string) string {
	return relativeTo(m.file, m.text(key, ""))
}

func (m *mapping) choice(key, fallback string, allowed ...string) string {
	text := m.text(key, fallback)
	if !slices.Contains(allowed, text) {
		m.wrong(key, "is %q; write one of %s", text, strings.Join(allowed, ", "))
		return fallback
	}
	return text
}

func (m *mapping) flag(key string) bool {
	switch text := strings.ToLower(m.text(key, "false")); text {
	case "true":
		return true
	case "false":
	default:
		m.wrong(key, "is %q; write true or false", text)
	}
	return false
}

// count is a whole number above zero.
func (m *mapping) count(key string, fallback int) int {
	text, ok := m.scalar(key)
	if !ok {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		m.wrong(key, "is %q; write a whole number above 0", text)
		return fallback
	}
	return n
}

// rate is a number above zero, fractions allowed.
func (m *mapping) rate(key string, fallback float64) float64 {
	text, ok := m.scalar(key)
	if !ok {
		return fallback
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0) || n > 1e6 {
		m.wrong(key, "is %q; write a number above 0, for example %v", text, fallback)
		return fallback
	}
	return n
}

// duration is Go's, above zero.
func (m *mapping) duration(key string, fallback time.Duration) time.Duration {
	text, ok := m.scalar(key)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		m.wrong(key, "is %q, which is no duration; write for example 500ms, 30s or 1m30s", text)
		return fallback
	}
	if d <= 0 {
		m.wrong(key, "is %s; write a duration above 0", text)
		return fallback
	}
	return d
}

// size is a number of bytes above zero.
func (m *mapping) size(key string, fallback int64) int64 {
	text, ok := m.scalar(key)
	if !ok {
		return fallback
	}
	n, ok := parseSize(text)
	if !ok {
		m.wrong(key, "is %q, which is no size; write for example 512MiB or 1GiB", text)
		return fallback
	}
	return n
}

// done reports the keys that nobody asked for. options are those of the
// vendor, for a person who wrote one outside of options.
func (m *mapping) done(options []option.Spec) {
	for _, e := range m.entries {
		name := target(e.key).Value
		if slices.Contains(m.asked, name) || slices.Contains(m.refused, name) {
			continue
		}
		m.report.wrong(position(m.file, e.key), "%s", m.unknown(e, name, options))
	}
}

func (m *mapping) unknown(e entry, name string, options []option.Spec) string {
	if guess := didYouMean(name, m.asked); guess != "" {
		return fmt.Sprintf("unknown key %q%s", name, guess)
	}
	if !isShown(e) {
		return `unknown key; write "key: value", and quote a text that contains a comma or a colon`
	}
	if slices.ContainsFunc(options, func(s option.Spec) bool { return s.Name == name }) {
		return fmt.Sprintf("unknown key %q; it is an option of the vendor, write it as options: {%s: …}", name, name)
	}
	if len(m.asked) == 0 {
		return fmt.Sprintf("unknown key %q; this version knows none here", name)
	}
	return fmt.Sprintf("unknown key %q; known here: %s", name, strings.Join(m.known(), ", "))
}

// known is every key that was asked for, each once.
func (m *mapping) known() []string {
	names := slices.Clone(m.asked)
	slices.Sort(names)
	return slices.Compact(names)
}

// isShown reports whether a key may be repeated in a message. One without a
// value, or that is no plain word, may be the rest of a password: YAML takes
// {password: a,b} and {password:b} apart otherwise than meant.
func isShown(e entry) bool {
	name := target(e.key).Value
	return isName(name) && !isNull(target(e.value))
}

// relativeTo resolves path against the directory of the file that names it.
func relativeTo(file, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
