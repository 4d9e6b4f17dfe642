package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// manual writes the pages, compressed.
func (b *build) manual(program string) (files []made, err error) {
	dir := b.common("man")
	if _, err := b.command("", program, "man", "--dir", dir); err != nil {
		return nil, err
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man?", "*"))
	if err != nil {
		return nil, err
	}
	for _, at := range pages {
		text, err := os.ReadFile(at)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(at+".gz", compress(text), 0o600); err != nil {
			return nil, err
		}
		section := filepath.Base(filepath.Dir(at))
		files = append(files, made{at + ".gz", "/usr/share/man/" + section + "/" + filepath.Base(at) + ".gz"})
	}
	return files, nil
}

// simulatorManual writes the simulators' page: their help texts, one after the
// other.
func (b *build) simulatorManual() error {
	program := b.common("host-vendorsim")
	if err := b.compile("vendorsim", runtime.GOARCH, program); err != nil {
		return err
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, ".TH VENDORSIM 1 \"\" %q \"User Commands\"\n.SH NAME\nvendorsim \\- simulates contact\\-centre platforms\n", "vendorsim "+b.version)
	vendors, err := b.vendorPages()
	if err != nil {
		return err
	}
	sections := [][]string{{"DESCRIPTION"}}
	for _, name := range vendors {
		sections = append(sections, []string{strings.ToUpper(name), name})
	}
	for _, s := range sections {
		section, args := s[0], append(s[1:], "--help")
		text, err := b.command("", program, args...)
		if err != nil {
			return err
		}
		fmt.Fprintf(&page, ".SH %s\n.nf\n", section)
		for line := range strings.Lines(string(text)) {
			page.WriteString(`\&` + strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(line)) // no line of it is a request
		}
		page.WriteString(".fi\n")
	}
	return os.WriteFile(b.common("vendorsim.1.gz"), compress(page.Bytes()), 0o600)
}

// vendorPages are the names of the pages about the vendors, which are those of
// the simulators.
func (b *build) vendorPages() (names []string, err error) {
	paths, err := filepath.Glob(filepath.Join(b.root, "vendors", "docs", "*.md"))
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".md"))
	}
	return names, err
}

// linked is the target of a link that may lead into the repository.
var linked = regexp.MustCompile(`\]\(([^)#:\s]+)`)

// documents returns the manual below root: every page, what the pages link to, and
// the directories of both, each list in the order of names. A package has them in
// the repository's tree, so that all links work there too.
func documents(root string) (dirs, files []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		more, err := withLinked(root, path)
		files = append(files, more...)
		return err
	})
	slices.Sort(files)
	files = slices.Compact(files)
	for _, file := range files {
		for dir := filepath.Dir(file); dir != "."; dir = filepath.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), files, err
}

// withLinked returns a page and the files that it links to, by their paths from root.
func withLinked(root, page string) (files []string, err error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	paths := []string{page}
	for _, found := range linked.FindAllSubmatch(text, -1) {
		to := filepath.Join(filepath.Dir(page), string(found[1]))
		if info, err := os.Stat(to); err == nil && info.Mode().IsRegular() { //nolint:gosec // a link of our own manual
			paths = append(paths, to)
		}
	}
	for _, path := range paths {
		file, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// changelogs writes of which commit each package is, as Debian's tools read it.
func (b *build) changelogs() error {
	seconds, err := strconv.ParseInt(b.epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", b.epoch)
	}
	at := time.Unix(seconds, 0).UTC().Format(time.RFC1123Z)
	for _, p := range products {
		text := fmt.Sprintf("%s (%s) unstable; urgency=medium\n\n  * Commit %s.\n\n -- agentkeeper <root@localhost>  %s\n", p.pack, b.version, b.commit, at)
		if err := os.WriteFile(b.common(p.pack+".changelog.gz"), compress([]byte(text)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// compress is gzip -9n.
func compress(text []byte) []byte {
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = z.Write(text)
	_ = z.Close()
	return out.Bytes()
}
