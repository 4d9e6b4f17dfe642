package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// licenceFile is the name of a file with the terms of a library.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)([.-].*)?$`)

// library is something of others that a program is linked with.
type library struct {
	name, root string
	dirs       []string // of the packages that are linked
}

// licences returns the licences of everything that a program is linked with, as a
// text for people: Go's standard library, and each module in the version of go.mod.
// It asks the module cache alone, so the modules must be there. A library without a
// licence is an error.
func (b *build) licences(arch, program string) ([]byte, error) {
	libraries, err := b.libraries(arch, program)
	if err != nil {
		return nil, err
	}
	var list, texts bytes.Buffer
	first := map[string]string{} // where each text was printed
	for _, l := range libraries {
		terms, err := l.terms()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&list, "  %s\n", l.name)
		for _, t := range terms {
			title := l.name + ": " + t.file
			fmt.Fprintf(&texts, "\n%s\n%s\n\n", title, strings.Repeat("=", len(title)))
			if other, printed := first[t.text]; printed {
				fmt.Fprintf(&texts, "The same text as %s.\n", other)
				continue
			}
			first[t.text] = title
			texts.WriteString(t.text + "\n")
		}
	}
	head := fmt.Sprintf("The program %s contains these libraries. Their licences follow, as they demand.\n\n%s", program, list.Bytes())
	return append([]byte(head), texts.Bytes()...), nil
}

// libraries lists what a program is linked with, sorted, Go itself first.
func (b *build) libraries(arch, program string) ([]library, error) {
	out, err := b.command(arch, "go", "list", "-deps", "-json=Dir,Module", "./cmd/"+program)
	if err != nil {
		return nil, err
	}
	goroot, err := b.command("", "go", "env", "GOROOT", "GOVERSION")
	if err != nil {
		return nil, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(goroot)), "\n")
	found := map[string]*library{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		name := p.Module.Path + " " + p.Module.Version
		if found[name] == nil {
			found[name] = &library{name: name, root: p.Module.Dir}
		}
		found[name].dirs = append(found[name].dirs, p.Dir)
	}
	all := []library{{name: "Go's standard library " + version, root: root}}
	for _, name := range sortedKeys(found) {
		all = append(all, *found[name])
	}
	return all, nil
}

func sortedKeys(of map[string]*library) (names []string) {
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// term is one file of a library's terms.
type term struct{ file, text string }

// terms reads a library's licences: those at its root, and those of the directories
// between it and a package that is linked.
func (l library) terms() (all []term, err error) {
	dirs := []string{l.root}
	for _, dir := range l.dirs {
		for ; len(dir) > len(l.root); dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	licensed := false
	for _, dir := range slices.Compact(dirs) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, fmt.Errorf("read the licence of %s: %w", l.name, err)
		}
		for _, e := range entries {
			if !licenceFile.MatchString(e.Name()) || !e.Type().IsRegular() || strings.HasSuffix(e.Name(), ".go") {
				continue
			}
			path := filepath.Join(dir, e.Name())
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("read the licence of %s: %w", l.name, err)
			}
			file, err := filepath.Rel(l.root, path)
			if err != nil {
				return nil, err
			}
			licensed = licensed || !regexp.MustCompile(`(?i)^(notice|patents)`).MatchString(e.Name())
			all = append(all, term{file, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n"))})
		}
	}
	if !licensed {
		return nil, fmt.Errorf("%s has no licence in %s: nobody may pass it on; take another library", l.name, l.root)
	}
	return all, nil
}

// copyright is Debian's file about the terms of a package.
const copyright = `Copyright 2026 the owner of agentkeeper

The owner of this project has not chosen a licence yet. Until then nobody but the
owner may copy, change or pass on the program and its source.

The program contains libraries of others. Which, and under which licences, is in
the file third-party-licenses.txt beside this one.
`

// terms writes what a package says about licences.
func (b *build) terms(p product, arch, stage string) error {
	text, err := b.licences(arch, p.program)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(stage, "third-party-licenses.txt"), text, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(stage, "copyright"), []byte(copyright), 0o600)
}
