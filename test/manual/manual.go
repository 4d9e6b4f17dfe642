// Package manual reads the manual's pages for tests, and keeps the parts of them
// that are made from tables of the program. A test that has such a part takes the
// flag -update, which writes it anew.
package manual

import (
	"flag"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the generated parts of the manual")

// Page is one page of the manual.
type Page struct {
	Path    string          // from the repository's root, with slashes
	Text    string          // without what stands in blocks of code
	Anchors map[string]bool // of its headings, as links name them
	Blocks  []Block
}

// Block is a block of code.
type Block struct {
	Language string // as written behind the fence
	Text     string
	Line     int // of the fence above it
}

// Pages reads every page of the repository at root, by its path from there.
func Pages(t *testing.T, root string) map[string]*Page {
	t.Helper()
	pages, files := map[string]*Page{}, os.DirFS(root)
	err := fs.WalkDir(files, ".", func(at string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && at != "." && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case path.Ext(at) != ".md":
			return nil
		}
		text, err := fs.ReadFile(files, at)
		pages[at] = parse(at, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

const fence = "```"

func parse(at, text string) *Page {
	p := &Page{Path: at, Anchors: map[string]bool{}}
	inBlock := false
	n := 0
	var prose strings.Builder
	for line := range strings.Lines(text) {
		n++
		bare := strings.TrimSpace(line)
		switch {
		case inBlock && bare == fence:
			inBlock = false
		case inBlock:
			p.Blocks[len(p.Blocks)-1].Text += line
		case strings.HasPrefix(bare, fence):
			inBlock = true
			p.Blocks = append(p.Blocks, Block{Language: strings.TrimPrefix(bare, fence), Line: n})
		default:
			prose.WriteString(line)
			if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
				p.Anchors[Anchor(heading)] = true
			}
		}
	}
	p.Text = prose.String()
	return p
}

// Anchor is how a link names a heading: in small letters, with dashes for blanks
// and without other marks.
func Anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// Generated compares a generated part of a page with what it must be, and writes it
// where the test runs with -update. The part stands between two comments: name is
// its name in both, and command in the first one is the command that makes it.
func Generated(t *testing.T, file, name, command, want string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- "+name+": made by "+command+" -->\n", "<!-- end of "+name+" -->\n"
	before, rest, begun := strings.Cut(string(text), begin)
	part, after, ended := strings.Cut(rest, end)
	if !begun || !ended {
		t.Fatalf("%s does not have the lines\n%s%s", file, begin, end)
	}
	want = "\n" + want + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, part); diff != "" {
		t.Errorf("%s: %s is old: %s (-want +got)\n%s", file, name, command, diff)
	}
}

// Cell is a text as it may stand in a table in Markdown.
func Cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;", "\n", " ").Replace(text)
}
