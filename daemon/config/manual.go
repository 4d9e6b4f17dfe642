package config

import (
	"fmt"
	"strings"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/vendors"
)

// Key is one key of the configuration file, as the manual tells of it.
type Key struct {
	Path    string // from the root: NAME is a name that people choose, [] is each element of a list
	Value   string // what may be written there, for people
	Default string // as a person would write it; "" = none
	Must    bool   // a file without it is a mistake
	Restart bool   // a change acts at the next start; a reload says so and goes on with the old value
	Doc     string
}

// Keys returns every key of the tables in the order of the file. Keys that stand in
// several places are listed at the first one, and the others refer to it.
func Keys() []Key {
	var w keyWriter
	w.section(&rootSection, "", false)
	return w.keys
}

// notYet ends the text of a key that this version refuses.
const notYet = " Not in this version: a value is a mistake."

// keyWriter collects keys.
type keyWriter struct {
	keys  []Key
	first map[*strict.Section]string // where each section was listed
}

func (w *keyWriter) section(s *strict.Section, path string, restart bool) {
	for _, k := range s.Keys {
		at := path + k.Name
		out := Key{Path: at, Value: valueOf(k), Default: k.Fallback, Must: k.Must, Restart: restart || k.Restart, Doc: k.Doc}
		if k.Of == nil {
			if k.Later {
				out.Doc += notYet
			}
			w.keys = append(w.keys, out)
			continue
		}
		inner := at + "."
		switch k.Kind {
		case kindNamed:
			inner = at + ".NAME."
		case kindList:
			inner = at + "[]."
		}
		if out.Doc == "" {
			out.Doc = k.Of.Doc
		}
		first, listed := w.first[k.Of]
		if listed {
			out.Doc += " The same keys as `" + strings.TrimSuffix(first, ".") + "`."
		}
		w.keys = append(w.keys, out)
		if listed {
			continue
		}
		if w.first == nil {
			w.first = map[*strict.Section]string{}
		}
		w.first[k.Of] = inner
		w.section(k.Of, inner, out.Restart)
	}
}

// valueOf says what a key takes.
func valueOf(k strict.Key) string {
	if text, ok := map[strict.Kind]string{
		kindText: "text", kindName: "name", kindFilled: "text", kindAddress: "host:port", kindPath: "path",
		kindFlag: "true, false", kindRate: "number", kindDuration: "duration", kindSize: "size", kindMode: "octal mode",
		kindCrons: "cron, or a list", kindDays: "list of days", kindWorkdays: "list of days", kindTexts: "list of texts", kindSpan: "duration",
		kindSection: "mapping", kindNamed: "mapping by name", kindList: "list of mappings", kindOptions: "mapping",
		kindFileOrList: "path, or mapping", kindColumns: "mapping",
	}[k.Kind]; ok {
		return text
	}
	switch k.Kind {
	case kindChoice:
		return strings.Join(k.Choices, ", ")
	case kindChoices:
		return "list of " + strings.Join(k.Choices, ", ")
	case kindVendor:
		return strings.Join(vendors.Names(), ", ")
	case kindCount:
		return fmt.Sprintf("1 to %d", k.Most)
	}
	panic("config: a kind of key has no name for the manual")
}
