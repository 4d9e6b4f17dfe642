package strict

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/vendors/option"
)

var inner = Section{Title: "inner", Keys: []Key{{Name: "path"}}}

var whole = Section{Keys: []Key{
	{Name: "text", Fallback: "none"},
	{Name: "choice", Fallback: "a", Choices: []string{"a", "b"}},
	{Name: "flag", Fallback: "false"},
	{Name: "count", Fallback: "3", Most: 9},
	{Name: "rate", Fallback: "1.5"},
	{Name: "pause", Fallback: "30s"},
	{Name: "size", Fallback: "1KiB"},
	{Name: "inner", Of: &inner},
	{Name: "list", Of: &inner},
	{Name: "soon", Later: true},
}}

// values are what the accessors make of a text.
type values struct {
	Text, Choice string
	Flag         bool
	Count        int
	Rate         float64
	Pause        time.Duration
	Size         int64
	Paths        []string
}

// read decodes a text, and returns every problem as a line.
func read(text string) (v values, lines []string) {
	var r Report
	root := Parse(&r, "dir/f", []byte(text), "text")
	if root == nil {
		_, err := r.End("dir/f")
		return v, strings.Split(err.Error(), "\n")
	}
	m := New(&r, &whole, "dir/f", "", option.Pos{File: "dir/f", Line: 1, Col: 1}, root)
	v = values{
		Text: m.Text("text"), Choice: m.Choice("choice"), Flag: m.Flag("flag"), Count: m.Count("count"),
		Rate: m.Rate("rate"), Pause: m.Duration("pause"), Size: m.Size("size"),
	}
	for _, s := range append(m.Items("list"), m.Section("inner")) {
		v.Paths = append(v.Paths, s.Path("path"))
		s.Done(nil)
	}
	m.Done(func(key string) string {
		if key == "elsewhere" {
			return "write it elsewhere"
		}
		return ""
	})
	if _, err := r.End("dir/f"); err != nil {
		lines = strings.Split(err.Error(), "\n")
	}
	return v, lines
}

var fallbacks = values{Text: "none", Choice: "a", Count: 3, Rate: 1.5, Pause: 30 * time.Second, Size: 1024, Paths: []string{""}}

func TestValues(t *testing.T) {
	text := "text: x\nchoice: b\nflag: TRUE\ncount: 9\nrate: .5\npause: 1m\nsize: 1.5 kB\nlist: [{path: p}, {path: /q}]\ninner: &i {path: r}\nsoon: ''\n"
	want := values{"x", "b", true, 9, 0.5, time.Minute, 1500, []string{"dir/p", "/q", "dir/r"}}
	for text, want := range map[string]values{text: want, "text:\n": fallbacks, "<<: {count: 4}\nrate: 1.5\n": func() values { v := fallbacks; v.Count = 4; return v }()} {
		got, lines := read(text)
		if diff := cmp.Diff(want, got); diff != "" || len(lines) > 0 {
			t.Errorf("%s\n%s\n%q", text, diff, lines)
		}
	}
}

// A mistake is placed, does not stop the decoder, and leaves the fallback.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "dir/f:1:1: the file is empty; write at least text",
		"text: [":                    "dir/f:1:1: this is no YAML",
		"text: \x01":                 "dir/f:1:7: a character that is no text",
		"text: *x":                   "dir/f:1:7: an alias to an anchor that is not defined",
		"text: !go x":                "dir/f:1:7: a YAML tag has no meaning here",
		"text: {a: b}":               "dir/f:1:7: text is a mapping; write a single value",
		"[text]":                     "dir/f:1:1: the file is a list; write a mapping",
		"choice: c":                  "dir/f:1:9: choice is none of its values; write one of a, b",
		"flag: maybe":                "dir/f:1:7: flag is neither true nor false",
		"count: 10":                  "dir/f:1:8: count is too large; write 9 or less",
		"count: x":                   "dir/f:1:8: count is no whole number above 0",
		"rate: 0":                    "dir/f:1:7: rate is no number above 0",
		"pause: 5":                   "dir/f:1:8: pause is no duration",
		"pause: 0s":                  "dir/f:1:8: pause is not above 0",
		"size: 0":                    "dir/f:1:7: size is no size",
		"inner: 5":                   "dir/f:1:8: inner is a single value; write a mapping",
		"list: {path: x}":            "dir/f:1:7: list is a mapping; write a list",
		"list: [{pth: x}]":           `dir/f:1:9: unknown key "pth"; did you mean "path"?`,
		"text: x\ntext: y":           "dir/f:2:1: text is written twice, first in line 1; keep one",
		"<<: x":                      "dir/f:1:5: << merges mappings, this is a single value",
		"soon: 1":                    "dir/f:1:7: soon is not supported by this version",
		"elsewhere: 1":               `dir/f:1:1: unknown key "elsewhere"; write it elsewhere`,
		"something: 1":               `dir/f:1:1: unknown key "something"; known here: choice, count, flag`,
		"hunter2!: 1":                `dir/f:1:1: unknown key; write "key: value"`,
		"text: x\n---\ntext: y\n":    "dir/f:2:1: a second document begins here",
		"count: x\nsize: y\nrate: 2": "dir/f:1:8: count is no whole number above 0; write one, for example 3\ndir/f:2:7: size is no size",
	} {
		got, lines := read(text)
		if said := strings.Join(lines, "\n"); !strings.HasPrefix(said, want) || strings.Contains(said, "hunter2") {
			t.Errorf("%q:\n%s\nwant\n%s", text, said, want)
		}
		if got.Count != 3 && got.Count != 0 {
			t.Errorf("%q: count %d", text, got.Count)
		}
	}
}

// Of what is wrong in many rows alike, the first is told, with how many more
// there are.
func TestRowsFold(t *testing.T) {
	var r Report
	r.AsRows("list")
	for line := range 9 {
		r.Wrong(option.Pos{File: "list", Line: line + 2, Col: 1}, "cell %d is empty", line)
		r.Warn(option.Pos{File: "list", Line: line + 2, Col: 1}, "cell %d is odd", line)
		r.Wrong(option.Pos{File: "other", Line: line + 2, Col: 1}, "the same")
	}
	warnings, err := r.End("list")
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 10 || lines[0] != "list:2:1: cell 0 is empty (and 8 more like it: line 3, 4, 5, 6, 7 …)" {
		t.Errorf("%q", lines)
	}
	if len(warnings) != 1 || !strings.HasSuffix(warnings[0].Text, "(and 8 more like it: line 3, 4, 5, 6, 7 …)") {
		t.Errorf("%v", warnings)
	}
}

// Warnings are bounded, sorted and told once each.
func TestWarningsAreBounded(t *testing.T) {
	var r Report
	for line := range 300 {
		r.Warn(option.Pos{File: "f", Line: 300 - line%150, Col: 1}, "odd")
	}
	warnings, err := r.End("f")
	if err != nil || len(warnings) != maxWarnings+1 || warnings[maxWarnings].Text != "50 more warnings are not shown" {
		t.Errorf("%d warnings, %v", len(warnings), err)
	}
	if !slices.IsSortedFunc(warnings[:maxWarnings], func(a, b option.Problem) int { return a.Pos.Line - b.Pos.Line }) {
		t.Error("not sorted")
	}
}
