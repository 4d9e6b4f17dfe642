// Package option decodes the vendors' options: names and values as a person
// wrote them in YAML or CSV, checked against each vendor's own table, with
// every problem reported at its place. The same tables feed the JSON Schema
// and the reference configuration, so an option exists in one place only.
package option

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
)

// Pos is where something was written. Line and Col count from 1; a zero Line
// means the file as a whole.
type Pos struct {
	File      string
	Line, Col int
}

// String returns FILE:LINE:COL, or FILE alone without a line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Problem is one mistake of a person: where, what, and what to do.
type Problem struct {
	Pos  Pos
	Text string
}

// String returns one line, FILE:LINE:COL: text.
func (p Problem) String() string { return p.Pos.String() + ": " + p.Text }

// Value is one option as written: a scalar's text, or a list of them.
type Value struct {
	Text   string
	List   []string
	IsList bool
	Pos    Pos
}

// Set is the options of one agent by name, agent over group over platform.
type Set map[string]Value

// Kind is the type of an option's value.
type Kind uint8

// The kinds.
const (
	String Kind = iota
	Int
	Bool
	Duration // Go's syntax: 10s, 1m30s
	List     // a list of strings; one scalar counts as a list of one, commas or semicolons divide it
)

// Spec describes one option of a vendor.
type Spec struct {
	Name    string
	Kind    Kind
	Default string   // as a person would write it; "" = left out
	Enum    []string // where not empty, the only values of a String
	Min     int64    // of an Int, or of a Duration in nanoseconds; checked when Max > Min
	Max     int64
	MaxLen  int // of a String, in characters; 0 = no limit
	When    When
	Doc     string
	// SecretFile marks a String that names a file with a secret: the reader of
	// the configuration reads it, and again when it changes. A vendor has one at
	// most.
	SecretFile bool
	// CheckSecret, of a SecretFile, says what the vendor does not take in the
	// secret, or "". It quotes nothing of it.
	CheckSecret func(secret string) string
	// Callback marks a String that is an address of ours, for the platform to
	// send events to.
	Callback bool
}

// When is what another option must be for this one to do anything; the zero
// When is no condition.
type When struct {
	Option string
	Is     string // the only value; "" = any that is not empty
	Not    string // the only value that does not do, where Is is empty
}

// String names the condition for people: "taken: force".
func (w When) String() string {
	switch {
	case w.Is != "":
		return w.Option + ": " + w.Is
	case w.Not != "":
		return w.Option + " other than " + w.Not
	}
	return w.Option
}

func (w When) holds(r *Reader) bool {
	if w.Option == "" {
		return true
	}
	text := r.text(w.Option)
	return text != "" && text != w.Not && (w.Is == "" || text == w.Is)
}

// Text is the option's documentation with its condition and its values.
func (s Spec) Text() string {
	text := s.Doc
	if s.When.Option != "" {
		text += " (only with " + s.When.String() + ")"
	}
	if len(s.Enum) > 0 {
		text += " (" + strings.Join(s.Enum, ", ") + ")"
	}
	return text
}

// Idle returns the specs of the options in set that do nothing beside the
// others, in the order of the table.
func Idle(set Set, specs []Spec) (idle []Spec) {
	var r *Reader
	for _, s := range specs {
		if _, written := set[s.Name]; !written || s.When.Option == "" {
			continue
		}
		if r == nil {
			r = Read(set, specs)
		}
		if !s.When.holds(r) {
			idle = append(idle, s)
		}
	}
	return idle
}

// Settings returns an account's decoded options, of the type that the vendor's decode
// returns: the defaults, for that window, where they are another vendor's or missing.
func Settings[S any](a session.Account, decode func(Set, time.Duration) (any, session.Terms, []Problem), window time.Duration) S {
	if s, ok := a.Options.(S); ok {
		return s
	}
	decoded, _, _ := decode(nil, window)
	s, _ := decoded.(S) // decode makes no other type
	return s
}

// Reader gives typed values of a Set and collects what is wrong with it.
type Reader struct {
	set      Set
	specs    map[string]Spec
	problems []Problem
}

// Read checks set against specs: unknown names, wrong types, values out of
// range. Accessors of a wrong value return the default, so decoding goes on
// and every problem is found at once.
func Read(set Set, specs []Spec) *Reader {
	r := &Reader{set: set, specs: make(map[string]Spec, len(specs))}
	for _, s := range specs {
		r.specs[s.Name] = s
	}
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		spec, known := r.specs[name]
		if !known {
			r.Problem(name, fmt.Sprintf("unknown option %q%s", name, DidYouMean(name, namesOf(specs))))
			continue
		}
		r.check(name, spec, set[name])
	}
	return r
}

// Has reports whether the option was written at all.
func (r *Reader) Has(name string) bool { _, ok := r.set[name]; return ok }

// Problem adds a problem at the place where the option was written.
func (r *Reader) Problem(name, text string) {
	r.problems = append(r.problems, Problem{Pos: r.set[name].Pos, Text: text})
}

// Problems returns all problems found so far.
func (r *Reader) Problems() []Problem { return r.problems }

// String returns the option's text or its default.
func (r *Reader) String(name string) string { return r.text(name) }

// Int returns the option's number or its default; 0 where there is none.
func (r *Reader) Int(name string) int {
	n, _ := strconv.Atoi(r.text(name))
	return n
}

// Bool returns the option's truth or its default; false where there is none.
func (r *Reader) Bool(name string) bool { b, _ := parseBool(r.text(name)); return b }

// Duration returns the option's duration or its default; 0 where there is none.
func (r *Reader) Duration(name string) time.Duration {
	d, _ := time.ParseDuration(r.text(name))
	return d
}

// List returns the option's elements, or its default's.
func (r *Reader) List(name string) []string {
	if v, ok := r.set[name]; ok && v.IsList {
		return v.List
	}
	return split(r.text(name))
}

func (r *Reader) text(name string) string {
	spec, known := r.specs[name]
	if !known {
		panic("option: " + name + " is not in the vendor's table")
	}
	v, ok := r.set[name]
	if !ok || v.IsList || valid(spec, v.Text) != "" {
		return spec.Default
	}
	return v.Text
}

func (r *Reader) check(name string, spec Spec, v Value) {
	if v.IsList {
		if spec.Kind != List {
			r.Problem(name, fmt.Sprintf("option %q takes one value, not a list", name))
		}
		return
	}
	if why := valid(spec, v.Text); why != "" {
		r.Problem(name, fmt.Sprintf("option %q: %s", name, why))
	}
}

// valid returns why text cannot be the option's value, or "".
func valid(spec Spec, text string) string {
	switch spec.Kind {
	case Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return "no whole number"
		}
		return outOfRange(spec, int64(n), strconv.FormatInt)
	case Bool:
		if _, ok := parseBool(text); !ok {
			return "neither true nor false"
		}
	case Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return "no duration: write for example 200ms, 10s or 1m30s"
		}
		if d < 0 {
			return "negative"
		}
		return outOfRange(spec, int64(d), func(n int64, _ int) string { return time.Duration(n).String() })
	case String:
		if len(spec.Enum) > 0 && !slices.Contains(spec.Enum, text) {
			return "not one of " + strings.Join(spec.Enum, ", ")
		}
		if spec.MaxLen > 0 && len([]rune(text)) > spec.MaxLen {
			return fmt.Sprintf("%d characters, the platform takes at most %d", len([]rune(text)), spec.MaxLen)
		}
	case List:
	}
	return ""
}

func outOfRange(spec Spec, n int64, format func(int64, int) string) string {
	if spec.Max > spec.Min && (n < spec.Min || n > spec.Max) {
		return fmt.Sprintf("outside %s to %s", format(spec.Min, 10), format(spec.Max, 10))
	}
	return ""
}

func parseBool(text string) (value, ok bool) {
	switch strings.ToLower(text) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

func split(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ';' || c == ' ' })
}

func namesOf(specs []Spec) []string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return names
}
