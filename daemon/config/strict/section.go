package strict

import "slices"

// Section is what may stand in one mapping: its table of keys.
type Section struct {
	Title string // what messages call it; "" = by its path in the file
	Doc   string
	Keys  []Key
}

// Key is one key of a section.
type Key struct {
	Name     string
	Kind     Kind
	Fallback string   // as a person would write it; "" = none
	Most     int      // of a Count
	Choices  []string // of a Choice
	Must     bool     // a file without it is wrong
	Later    bool     // of a later version: refused rather than ignored
	Restart  bool     // a change acts at the next start, not at a reload; only told
	Of       *Section // of the mapping, or the mappings, that it holds
	Doc      string
}

// Kind is what a key's value may be, one of the caller's own kinds: the decoder
// leaves it alone, a schema is made by it.
type Kind uint8

// Key returns the line of a name.
func (s *Section) Key(name string) (Key, bool) {
	i := slices.IndexFunc(s.Keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return s.Keys[i], true
}

// Known lists the names that this version decodes, sorted.
func (s *Section) Known() (names []string) {
	for _, k := range s.Keys {
		if !k.Later {
			names = append(names, k.Name)
		}
	}
	slices.Sort(names)
	return names
}

// path is what messages call the section, given where it stands.
func (s *Section) path(where string) string {
	if s.Title != "" {
		return s.Title
	}
	return where
}
