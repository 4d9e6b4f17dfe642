package main

import (
	"fmt"
	"strings"
	"testing"
)

// The house does without these, in tests as in the product.
func TestNoneOfThese(t *testing.T) {
	m, err := measure("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.functions) < 1000 {
		t.Fatalf("only %d functions were found", len(m.functions))
	}
	for _, f := range m.findings {
		switch f.kind {
		case kindParallel, kindMixed:
			t.Error(f)
		case kindStruct, kindFile, kindUnsaid:
			if !f.test {
				t.Error(f)
			}
		}
	}
}

// Each kind is found where it is, and nowhere else.
func TestFindings(t *testing.T) {
	fields := func(n int) string { return strings.Repeat("a int\n", n) }
	for name, tt := range map[string]struct {
		text string
		want string // "" for nothing
	}{
		"three values":               {"func f() { var a, b, c int\na, b, c = 1, 2, 3 }", "a.go:3: parallel assignment: 3 targets"},
		"three new values":           {"func f() { a, b, c := 1, 2, 3 }", "a.go:2: parallel assignment: 3 targets"},
		"three values of a var":      {"var a, b, c = 1, 2, 3", "a.go:2: parallel assignment: 3 targets"},
		"two values":                 {"func f() { a, b := 1, 2 }", ""},
		"a call of three values":     {"func f() { a, b, c := g() }", ""},
		"|| beside &&":               {"var x = a ||\nb && c", "a.go:2: || and && without parentheses: which binds first?"},
		"&& beside ||":               {"var x = a && b || c", "a.go:2: || and && without parentheses: which binds first?"},
		"parentheses":                {"var x = a || (b && c)", ""},
		"|| within &&":               {"var x = a && (b || c)", ""},
		"a wide struct":              {"type t struct {\n" + fields(21) + "}", "a.go:2: struct: t has 21 fields"},
		"a struct":                   {"type t struct {\n" + fields(20) + "}", ""},
		"a long file":                {strings.Repeat("\n", 500), "a.go:1: file: 501 lines"},
		"a long function":            {"func f() {" + strings.Repeat("\n", 60) + "}", "a.go:2: function: f has 61 lines"},
		"exported, without a word":   {"func F() {}", "a.go:2: exported without a comment: F"},
		"a type, without a word":     {"type T int", "a.go:2: exported without a comment: T"},
		"exported, with a word":      {"// F is.\nfunc F() {}", ""},
		"a method of another's kind": {"func (t *t) F() {}", ""},
	} {
		var m measures
		if err := m.file("a.go", []byte("package a\n"+tt.text)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := strings.Trim(fmt.Sprint(m.findings), "[]"); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
