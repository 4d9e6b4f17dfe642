package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every module that a program is linked with, for each architecture, has its
// licence in the text that ships with it.
func TestLicences(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	b := build{ctx: t.Context(), root: root}
	for _, p := range products {
		for _, arch := range architectures {
			text, err := b.licences(arch, p.program)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}{{end}}{{end}}", "./cmd/"+p.program)
			cmd.Dir, cmd.Env = root, append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
			modules, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			linked := strings.Fields(strings.ReplaceAll(string(modules), " ", "@"))
			if len(linked) < 5 {
				t.Errorf("%s is linked with %q", p.program, linked)
			}
			for _, module := range append(linked, "Go's standard library@go") {
				name := strings.ReplaceAll(module, "@", " ")
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + `\S*: (LICEN|COPYING)`).Match(text) {
					t.Errorf("%s for %s: the licence of %s is missing", p.program, arch, name)
				}
			}
			for _, words := range []string{"Redistribution and use in source and binary forms", "Permission is hereby granted, free of charge"} {
				if !strings.Contains(string(text), words) {
					t.Errorf("%s for %s: no licence says %q", p.program, arch, words)
				}
			}
		}
	}
}

// A library that may not be passed on is not shipped.
func TestWithoutLicence(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"NOTICE", "license.go", "README.md"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := library{name: "example.com/x v1.0.0", root: dir, dirs: []string{filepath.Join(dir, "inner")}}
	if err := os.Mkdir(l.dirs[0], 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := l.terms(); err == nil || !strings.Contains(err.Error(), "example.com/x v1.0.0 has no licence") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(l.dirs[0], "LICENCE.txt"), []byte("terms\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	terms, err := l.terms()
	if err != nil || len(terms) != 2 || terms[1] != (term{"inner/LICENCE.txt", "terms"}) {
		t.Errorf("%+v, %v", terms, err)
	}
}
