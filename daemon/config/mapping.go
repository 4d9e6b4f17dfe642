package config

import (
	"fmt"
	"net"
	"net/url"
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

// mapping is one YAML mapping under decode. Each accessor takes one key of the
// section's table, and a wrong value gives a problem and the table's fallback,
// so that decoding goes on; done reports the keys that are not in the table.
// Null counts as left out.
type mapping struct {
	report  *report
	of      *section // the keys that may stand here; nil where they are names
	file    string
	where   string // path from the root, for messages
	pos     option.Pos
	entries []entry
	index   map[string]int
	broken  bool // not a mapping at all; what it lacks is not worth saying
}

// newMapping opens n, which may be nil for a section that is left out; pos is
// its place then.
func newMapping(r *report, of *section, file, where string, pos option.Pos, n *yaml.Node) *mapping {
	m := &mapping{report: r, of: of, file: file, where: where, pos: pos}
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

// spec is the key's line in the section's table.
func (m *mapping) spec(name string) key {
	k, ok := m.of.key(name)
	if !ok {
		panic("config: " + m.name(name) + " is not in the table of keys")
	}
	return k
}

// get returns the key's value, nil where it is left out.
func (m *mapping) get(key string) *yaml.Node {
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

// section opens the mapping under key.
func (m *mapping) section(key string) *mapping {
	of := m.spec(key).of
	return newMapping(m.report, of, m.file, of.path(m.name(key)), m.at(key), m.get(key))
}

// names opens the mapping under key whose keys are names that people choose, or
// the vendor's options.
func (m *mapping) names(key string) *mapping {
	_ = m.spec(key)
	return newMapping(m.report, nil, m.file, m.name(key), m.at(key), m.get(key))
}

// items opens the mappings in the list under key.
func (m *mapping) items(key string) []*mapping {
	of := m.spec(key).of
	var items []*mapping
	for _, n := range m.list(key) {
		items = append(items, newMapping(m.report, of, m.file, of.path(m.name(key)), position(m.file, n), n))
	}
	return items
}

// list returns the elements under key.
func (m *mapping) list(key string) []*yaml.Node {
	_ = m.spec(key)
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

// hosts returns the hosts' names listed under key.
func (m *mapping) hosts(key string) (names []string) {
	for _, n := range m.list(key) {
		n = target(n)
		if n.Kind != yaml.ScalarNode || !isHost(n.Value) {
			m.report.wrong(position(m.file, n), "%s is no host's name; write for example keeper.example.com, without scheme and port", m.name(key))
			continue
		}
		names = append(names, n.Value)
	}
	return names
}

// maxOrigins bounds cors_origins: each is compared at each request.
const maxOrigins = 32

// origins returns the sites listed under key as browsers name them: scheme, host,
// and a port that is not the scheme's.
func (m *mapping) origins(key string) (list []string) {
	nodes := m.list(key)
	if len(nodes) > maxOrigins {
		m.wrong(key, "lists %d sites; %d at most are taken", len(nodes), maxOrigins)
		return nil
	}
	for _, n := range nodes {
		n = target(n)
		site, ok := originOf(n.Value)
		if n.Kind != yaml.ScalarNode || !ok {
			m.report.wrong(position(m.file, n), "%s is no site; write scheme, host and port alone, for example https://board.example.com (* is not taken: name each site)", m.name(key))
			continue
		}
		list = append(list, site)
	}
	return list
}

// originOf returns an address that is nothing but a site as browsers name it.
func originOf(text string) (site string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || (u.Path != "" && u.Path != "/") {
		return "", false
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if !isHost(host) && net.ParseIP(host) == nil {
		return "", false
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host, true
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
	_ = m.spec(key)
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

// text is any single value, the table's fallback where there is none.
func (m *mapping) text(key string) string {
	if text, ok := m.scalar(key); ok {
		return text
	}
	return m.spec(key).fallback
}

// filled is a text that must not be empty.
func (m *mapping) filled(key string) string {
	text := m.text(key)
	if text == "" {
		m.wrong(key, "must not be empty; leave it out for %s", m.spec(key).fallback)
	}
	return text
}

// path is a text taken relative to the file's directory; "" stays "".
func (m *mapping) path(key string) string {
	return relativeTo(m.file, m.text(key))
}

func (m *mapping) choice(key string) string {
	text, k := m.text(key), m.spec(key)
	if !slices.Contains(k.choices, text) {
		m.wrong(key, "is none of its values; write one of %s", strings.Join(k.choices, ", "))
		return k.fallback
	}
	return text
}

func (m *mapping) flag(key string) bool {
	switch strings.ToLower(m.text(key)) {
	case "true":
		return true
	case "false":
	default:
		m.wrong(key, "is neither true nor false; write one of them")
	}
	return false
}

// count is a whole number above zero, up to the key's most.
func (m *mapping) count(key string) int {
	k := m.spec(key)
	fallback, _ := strconv.Atoi(k.fallback)
	n, err := strconv.Atoi(m.text(key))
	switch {
	case n > k.most:
		m.wrong(key, "is too large; write %d or less, or leave it out for %d", k.most, fallback)
		return fallback
	case err != nil || n < 1:
		m.wrong(key, "is no whole number above 0; write one, for example 3")
		return fallback
	}
	return n
}

// rate is a number above zero, fractions allowed.
func (m *mapping) rate(key string) float64 {
	fallback, _ := strconv.ParseFloat(m.spec(key).fallback, 64)
	text := m.text(key)
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0) || n > 1e6 {
		m.wrong(key, "is no number above 0; write one, for example %v", fallback)
		return fallback
	}
	return n
}

// duration is Go's, above zero.
func (m *mapping) duration(key string) time.Duration {
	fallback, _ := time.ParseDuration(m.spec(key).fallback)
	return m.durationOr(key, fallback)
}

// durationOr is a duration whose fallback depends on more than the table.
func (m *mapping) durationOr(key string, fallback time.Duration) time.Duration {
	text, ok := m.scalar(key)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		m.wrong(key, "is no duration; write for example 500ms, 30s or 1m30s")
		return fallback
	}
	if d <= 0 {
		m.wrong(key, "is not above 0; write a duration such as 30s")
		return fallback
	}
	return d
}

// size is a number of bytes above zero.
func (m *mapping) size(key string) int64 {
	fallback, _ := parseSize(m.spec(key).fallback)
	text := m.text(key)
	n, ok := parseSize(text)
	if !ok {
		m.wrong(key, "is no size; write for example 512MiB or 1GiB")
		return fallback
	}
	return n
}

// done reports the keys that are not in the table, and those of a later
// version unless they are empty. options are those of the vendor, for a person
// who wrote one outside of options.
func (m *mapping) done(options []option.Spec) {
	for _, e := range m.entries {
		name := target(e.key).Value
		k, known := m.of.key(name)
		switch n := m.get(name); {
		case !known:
			m.report.wrong(position(m.file, e.key), "%s", m.unknown(e, name, options))
		case k.later && n != nil && !isEmpty(n):
			m.wrong(name, "is not supported by this version; leave it out")
		}
	}
}

func (m *mapping) unknown(e entry, name string, options []option.Spec) string {
	known := m.of.known()
	guess := didYouMean(name, known)
	switch {
	case guess != "" && isShown(e):
		return fmt.Sprintf("unknown key %q%s", name, guess)
	case guess != "":
		return "unknown key" + guess
	case !isShown(e):
		return `unknown key; write "key: value", and quote a text that contains a comma or a colon`
	}
	if slices.ContainsFunc(options, func(s option.Spec) bool { return s.Name == name }) {
		return fmt.Sprintf("unknown key %q; it is an option of the vendor, write it as options: {%s: …}", name, name)
	}
	return fmt.Sprintf("unknown key %q; known here: %s", name, strings.Join(known, ", "))
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
