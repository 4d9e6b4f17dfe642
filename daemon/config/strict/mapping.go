package strict

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"agentkeeper/vendors/option"
)

// Entry is one key and its value as written.
type Entry struct{ Key, Value *yaml.Node }

// Mapping is one YAML mapping under decode. Each accessor takes one key of the
// section's table; a wrong value is reported and the table's fallback returned,
// so that decoding goes on. A key that is not in the table is the caller's
// mistake: the accessors panic. Done reports the keys that were written and are
// not in the table. Null counts as left out.
type Mapping struct {
	File    string
	Where   string // path from the root, for messages; "" is the root
	Pos     option.Pos
	Entries []Entry // in the order of the file, then what "<<" merged
	Broken  bool    // not a mapping at all; what it lacks is not worth saying

	report *Report
	of     *Section // the keys that may stand here; nil where they are names
	index  map[string]int
}

// New opens n, which may be nil for a section that is left out; pos is
// its place then.
func New(r *Report, of *Section, file, where string, pos option.Pos, n *yaml.Node) *Mapping {
	m := &Mapping{File: file, Where: where, Pos: pos, report: r, of: of}
	if n == nil {
		return m
	}
	if n = Target(n); n.Kind != yaml.MappingNode {
		if !IsNull(n) {
			r.Wrong(Position(file, n), "%s is %s; write a mapping, key: value", orFile(where), KindOf(n))
			m.Broken = true
		}
		return m
	}
	m.Pos = Position(file, n)
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
func (m *Mapping) addOwn(n *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := Target(n.Content[i])
		switch {
		case key.Tag == "!!merge":
		case key.Kind != yaml.ScalarNode:
			m.WrongAt(key, "a key is %s; write a name", KindOf(key))
		default:
			m.add(Entry{n.Content[i], n.Content[i+1]}, key.Value)
		}
	}
}

func (m *Mapping) add(e Entry, name string) {
	if i, twice := m.index[name]; twice {
		m.WrongAt(e.Key, "%s is written twice, first in line %d; keep one",
			m.label(e), m.Entries[i].Key.Line)
		return
	}
	m.index[name] = len(m.Entries)
	m.Entries = append(m.Entries, e)
}

// merge adds what "<<" brings and is not written in the mapping itself; an
// earlier source wins over a later one. seen ends cycles.
func (m *Mapping) merge(n *yaml.Node, seen map[*yaml.Node]bool) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			continue
		}
		source := Target(n.Content[i+1])
		sources := []*yaml.Node{source}
		if source.Kind == yaml.SequenceNode {
			sources = source.Content
		}
		for _, s := range sources {
			m.mergeFrom(Target(s), seen)
		}
	}
}

func (m *Mapping) mergeFrom(source *yaml.Node, seen map[*yaml.Node]bool) {
	if source.Kind != yaml.MappingNode {
		m.WrongAt(source, "<< merges mappings, this is %s", KindOf(source))
		return
	}
	if seen[source] {
		return
	}
	seen[source] = true
	for i := 0; i+1 < len(source.Content); i += 2 {
		key := Target(source.Content[i])
		if _, have := m.index[key.Value]; have || key.Tag == "!!merge" || key.Kind != yaml.ScalarNode {
			continue
		}
		m.index[key.Value] = len(m.Entries)
		m.Entries = append(m.Entries, Entry{source.Content[i], source.Content[i+1]})
	}
	m.merge(source, seen)
}

// Name is the key's full name for messages.
func (m *Mapping) Name(key string) string {
	if m.Where == "" {
		return key
	}
	return m.Where + "." + key
}

// label is the full name of a key that a person wrote.
func (m *Mapping) label(e Entry) string {
	if !isShown(e) {
		return "this key"
	}
	return m.Name(Target(e.Key).Value)
}

// spec is the key's line in the section's table.
func (m *Mapping) spec(name string) Key {
	k, ok := m.of.Key(name)
	if !ok {
		panic("strict: " + m.Name(name) + " is not in the table of keys")
	}
	return k
}

// Get returns the key's value, nil where it is left out.
func (m *Mapping) Get(key string) *yaml.Node {
	i, ok := m.index[key]
	if !ok {
		return nil
	}
	if n := Target(m.Entries[i].Value); !IsNull(n) {
		return n
	}
	return nil
}

// Has reports whether the key has a value.
func (m *Mapping) Has(key string) bool { return m.Get(key) != nil }

// IsText reports whether the key has a single value.
func (m *Mapping) IsText(key string) bool {
	n := m.Get(key)
	return n != nil && n.Kind == yaml.ScalarNode
}

// At is where the key's value is written, or the mapping where it is left out.
func (m *Mapping) At(key string) option.Pos {
	if i, ok := m.index[key]; ok {
		return m.PosOf(m.Entries[i].Value)
	}
	return m.Pos
}

// Section opens the mapping under key.
func (m *Mapping) Section(key string) *Mapping {
	of := m.spec(key).Of
	return New(m.report, of, m.File, of.path(m.Name(key)), m.At(key), m.Get(key))
}

// Names opens the mapping under key whose keys are names that people choose: no
// table says which there may be.
func (m *Mapping) Names(key string) *Mapping {
	_ = m.spec(key)
	return New(m.report, nil, m.File, m.Name(key), m.At(key), m.Get(key))
}

// Items opens the mappings in the list under key.
func (m *Mapping) Items(key string) []*Mapping {
	of := m.spec(key).Of
	var items []*Mapping
	for _, n := range m.List(key) {
		items = append(items, New(m.report, of, m.File, of.path(m.Name(key)), m.PosOf(n), n))
	}
	return items
}

// List returns the elements under key.
func (m *Mapping) List(key string) []*yaml.Node {
	_ = m.spec(key)
	n := m.Get(key)
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		m.Wrong(key, "is %s; write a list, one \"- \" a line", KindOf(n))
		return nil
	}
	return n.Content
}

// Wrong reports a mistake of the key's value, after the key's name.
func (m *Mapping) Wrong(key, format string, args ...any) {
	m.report.Wrong(m.At(key), m.Name(key)+" "+format, args...)
}

// WrongAt reports a mistake at a node of this mapping's file.
func (m *Mapping) WrongAt(n *yaml.Node, format string, args ...any) {
	m.report.Wrong(m.PosOf(n), format, args...)
}

// PosOf is where a node of this mapping's file begins.
func (m *Mapping) PosOf(n *yaml.Node) option.Pos { return Position(m.File, n) }

// Missing reports a key without a value, where a wrong one was not reported.
func (m *Mapping) Missing(key, remedy string, args ...any) {
	if !m.Broken && (!m.Has(key) || m.IsText(key)) {
		m.Wrong(key, "is missing; "+remedy, args...)
	}
}

// Done reports the keys that are not in the table, and those of a later version
// unless they are empty. remedy, which may be nil, says what to do about a key
// that belongs elsewhere, "" for one that it does not know.
func (m *Mapping) Done(remedy func(key string) string) {
	for _, e := range m.Entries {
		name := Target(e.Key).Value
		k, known := m.of.Key(name)
		switch n := m.Get(name); {
		case !known:
			m.WrongAt(e.Key, "%s", m.unknown(e, name, remedy))
		case k.Later && n != nil && !isEmpty(n):
			m.Wrong(name, "is not supported by this version; leave it out")
		}
	}
}

func (m *Mapping) unknown(e Entry, name string, remedy func(key string) string) string {
	known := m.of.Known()
	guess := option.DidYouMean(name, known)
	switch {
	case guess != "" && isShown(e):
		return fmt.Sprintf("unknown key %q%s", name, guess)
	case guess != "":
		return "unknown key" + guess
	case !isShown(e):
		return `unknown key; write "key: value", and quote a text that contains a comma or a colon`
	}
	if remedy != nil {
		if text := remedy(name); text != "" {
			return fmt.Sprintf("unknown key %q; %s", name, text)
		}
	}
	return fmt.Sprintf("unknown key %q; known here: %s", name, strings.Join(known, ", "))
}

// isShown reports whether a key may be repeated in a message. One without a
// value, or that is no plain word, may be the rest of a password: YAML takes
// {password: a,b} and {password:b} apart otherwise than meant.
func isShown(e Entry) bool {
	name := Target(e.Key).Value
	return IsName(name) && !IsNull(Target(e.Value))
}
