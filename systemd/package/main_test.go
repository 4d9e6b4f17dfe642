package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
		err  bool
	}{
		{nil, "", false},
		{[]string{"-arch", "arm64", "-out", "/tmp/x", "-version", "1.2.3", "-commit", "c"}, "", false},
		{[]string{"-arch", "sparc"}, `no packages for "sparc", only for amd64 and arm64`, true},
		{[]string{"now"}, `"now" is no option`, true},
		{[]string{"-nonsense"}, "flag provided but not defined: -nonsense", true},
		{[]string{"--help"}, "SOURCE_DATE_EPOCH", true},
	} {
		var told bytes.Buffer
		b := build{progress: &told}
		if err := b.parse(c.args); (err != nil) != c.err || errors.Is(err, flag.ErrHelp) != slices.Contains(c.args, "--help") {
			t.Errorf("%v: %v", c.args, err)
		}
		if !strings.Contains(told.String(), c.says) || (c.says == "" && told.Len() > 0) {
			t.Errorf("%v says %q", c.args, told.String())
		}
	}
}

// A line about each file, and the checksums as sha256sum -c reads them.
func TestShow(t *testing.T) {
	var shown bytes.Buffer
	b := build{out: t.TempDir(), artefacts: &shown}
	if err := os.WriteFile(filepath.Join(b.out, "a.deb"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	const sum = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	line, err := b.show("a.deb")
	if want := sum + "  a.deb\n"; err != nil || line != want {
		t.Errorf("%q, %v, want %q", line, err, want)
	}
	if err := b.sum(line); err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(shown.String(), "\n"); len(got) != 3 || got[0] != filepath.Join(b.out, "a.deb")+" 3 bytes sha256:"+sum ||
		!strings.HasPrefix(got[1], filepath.Join(b.out, "SHA256SUMS")+" 72 bytes sha256:") {
		t.Errorf("shown: %q", got)
	}
	if _, err := b.show("b.deb"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// entry is a line of a package's contents.
var entry = regexp.MustCompile(`(?m)^ +- \{.*dst: ([^,]+),(?: type: ([^,]+),)?.*\}$`)

// The configuration is nobody's but the user's: a package manager that has it as
// a configuration file asks questions in an upgrade.
func TestNoConfigurationFiles(t *testing.T) {
	for _, p := range products {
		text, err := os.ReadFile(p.template)
		if err != nil {
			t.Fatal(err)
		}
		entries := entry.FindAllStringSubmatch(string(text), -1)
		if len(entries) < 5 {
			t.Fatalf("%s: %d entries", p.template, len(entries))
		}
		for _, e := range entries {
			if place, kind := e[1], e[2]; strings.HasPrefix(kind, "config") || (strings.HasPrefix(place, "/etc/") && kind != "dir" && kind != "ghost") {
				t.Errorf("%s: %s is of type %q", p.template, place, kind)
			}
		}
	}
}

// The packages have the manual in the repository's tree, with what it links to.
func TestDocuments(t *testing.T) {
	dirs, files, err := documents(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"README.md", "daemon/docs/configuration.md", "vendors/docs/huawei.md", "metrics/README.md", "metrics/alerts.yaml", "systemd/agentkeeper.service"} {
		if !slices.Contains(files, want) {
			t.Errorf("no package has %s: %q", want, files)
		}
	}
	for _, want := range []string{"daemon", "daemon/docs", "metrics"} {
		if !slices.Contains(dirs, want) {
			t.Errorf("no package has the directory %s: %q", want, dirs)
		}
	}
	for _, file := range files {
		example := strings.HasPrefix(file, "test/examples/") // the manual shows them
		if strings.HasPrefix(file, "..") || (strings.HasSuffix(file, ".go") && !example) {
			t.Errorf("%s would be in the packages", file)
		}
	}
}
