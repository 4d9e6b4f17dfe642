package config

import (
	"fmt"
	"strings"
	"testing"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/test/manual"
)

// The manual's table of keys is the one that the decoder uses.
func TestTableOfKeys(t *testing.T) {
	manual.Generated(t, "../docs/configuration.md", "keys", "go test ./daemon/config -run TestTableOfKeys -update", tableOfKeys())
}

// Every key is listed, or stands in a section that another key refers to.
func TestKeysAreWhole(t *testing.T) {
	listed := map[string]bool{}
	for _, k := range Keys() {
		if k.Doc == "" || k.Value == "" || listed[k.Path] {
			t.Errorf("%+v: without a text, or twice", k)
		}
		listed[k.Path] = true
	}
	seen := map[*strict.Section]bool{}
	count := 0
	var walk func(s *strict.Section)
	walk = func(s *strict.Section) {
		if seen[s] {
			return
		}
		seen[s] = true
		for _, k := range s.Keys {
			if count++; k.Of != nil {
				walk(k.Of)
			}
		}
	}
	walk(&rootSection)
	if len(listed) != count {
		t.Errorf("%d keys are listed, the tables have %d", len(listed), count)
	}
}

// tableOfKeys returns the keys as a table in Markdown.
func tableOfKeys() string {
	var out strings.Builder
	out.WriteString("| key | value | default | a change acts | |\n|---|---|---|---|---|\n")
	keys := Keys()
	for i, k := range keys {
		fallback, acts := "", "at a reload"
		switch {
		case k.Must:
			fallback = "must be written"
		case k.Default != "":
			fallback = "`" + k.Default + "`"
		}
		switch {
		case i+1 < len(keys) && holds(k, keys[i+1]), strings.HasSuffix(k.Doc, notYet):
			acts = ""
		case k.Restart:
			acts = "at a **restart**"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s |\n", k.Path, k.Value, fallback, acts, manual.Cell(k.Doc))
	}
	return out.String()
}

// holds reports whether the next key in the list is one of k's own, which then says
// when a change of it acts.
func holds(k, next Key) bool {
	rest, inside := strings.CutPrefix(next.Path, k.Path)
	return inside && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "[]."))
}
