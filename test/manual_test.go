package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/exporter-toolkit/web"

	"agentkeeper/daemon/config"
)

// readmeLimit is the most that the first page may have, in bytes: it is read
// whole by people who want to know what this is.
const readmeLimit = 14 << 10

// page is one page of the manual.
type page struct {
	path    string          // from the repository's root, with slashes
	text    string          // without what stands in blocks of code
	anchors map[string]bool // of its headings, as links name them
	blocks  []block
}

// block is a block of code.
type block struct {
	language, text string
	line           int // of the line before its first one
}

// manual reads every page of the repository.
func manual(t *testing.T) map[string]*page {
	t.Helper()
	pages := map[string]*page{}
	root := os.DirFS("..")
	err := fs.WalkDir(root, ".", func(at string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && at != "." && strings.HasPrefix(entry.Name(), ".") {
			return fs.SkipDir
		}
		if path.Ext(at) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(root, at)
		pages[at] = parsed(at, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func parsed(at, text string) *page {
	p, fence, n := &page{path: at, anchors: map[string]bool{}}, "", 0
	var prose strings.Builder
	for line := range strings.Lines(text) {
		n++
		bare := strings.TrimSpace(line)
		switch {
		case fence == "" && strings.HasPrefix(bare, "```"):
			fence = "```"
			p.blocks = append(p.blocks, block{language: strings.TrimPrefix(bare, "```"), line: n})
		case bare == fence && fence != "":
			fence = ""
		case fence != "":
			p.blocks[len(p.blocks)-1].text += line
		default:
			prose.WriteString(line)
			if heading := strings.TrimLeft(line, "#"); heading != line && strings.HasPrefix(heading, " ") {
				p.anchors[anchor(heading)] = true
			}
		}
	}
	p.text = prose.String()
	return p
}

// anchor is how a link names a heading: in small letters, blanks as dashes,
// without other marks.
func anchor(heading string) string {
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

// TestReadmeIsShort keeps the first page one that is read.
func TestReadmeIsShort(t *testing.T) {
	info, err := os.Stat("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > readmeLimit {
		t.Errorf("README.md has %d bytes, %d at most: move a part of it into the room that it is about", info.Size(), readmeLimit)
	}
}

var (
	inlineCode = regexp.MustCompile("`[^`\n]+`")
	links      = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	packaged   = regexp.MustCompile(`dst: /usr/share/doc/agentkeeper/([^,]+), type: symlink`)
)

// TestLinks follows every link of the manual that leads into the repository. What
// it leads to must be shipped with the page, too.
func TestLinks(t *testing.T) {
	pages := manual(t)
	contents, err := os.ReadFile("../systemd/package/nfpm.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shipped := map[string]bool{}
	for _, found := range packaged.FindAllStringSubmatch(string(contents), -1) {
		shipped[found[1]] = true
	}
	followed := 0
	for _, p := range pages {
		for _, found := range links.FindAllStringSubmatch(inlineCode.ReplaceAllString(p.text, ""), -1) {
			target, err := url.Parse(found[1])
			switch {
			case err != nil:
				t.Errorf("%s: %v", p.path, err)
			case target.Scheme != "":
				continue
			}
			followed++
			to := p.path
			if target.Path != "" {
				to = path.Join(path.Dir(p.path), target.Path)
			}
			_, missing := os.Stat(filepath.Join("..", filepath.FromSlash(to)))
			switch there := pages[to]; {
			case missing != nil:
				t.Errorf("%s: there is no %s", p.path, to)
			case there == nil && !shipped[to]:
				t.Errorf("%s: %s is in no package; link to a page, or ship it (systemd/package/nfpm.yaml)", p.path, to)
			case target.Fragment != "" && !there.anchors[target.Fragment]:
				t.Errorf("%s: %s has no heading #%s", p.path, to, target.Fragment)
			}
		}
	}
	if followed < 50 {
		t.Errorf("%d links were followed", followed)
	}
}

// TestEveryPageIsLinked wants each page to be reachable from the first one.
func TestEveryPageIsLinked(t *testing.T) {
	pages, reached := manual(t), map[string]bool{}
	var visit func(at string)
	visit = func(at string) {
		if pages[at] == nil || reached[at] {
			return
		}
		reached[at] = true
		for _, found := range links.FindAllStringSubmatch(pages[at].text, -1) {
			to, _, _ := strings.Cut(found[1], "#")
			visit(path.Join(path.Dir(at), to))
		}
	}
	visit("README.md")
	for at := range pages {
		if !reached[at] {
			t.Errorf("no link leads from README.md to %s", at)
		}
	}
}

// others are the first lines of blocks that are the configuration of another
// program.
var others = []string{"# prometheus.yml", "# alertmanager.yml"}

// TestShownConfigurations loads each configuration that the manual shows, and the
// web configurations.
func TestShownConfigurations(t *testing.T) {
	shown := 0
	for _, p := range manual(t) {
		for _, b := range p.blocks {
			first, _, _ := strings.Cut(b.text, "\n")
			switch {
			case b.language != "yaml" || hasPrefixOf(first, others):
			case strings.HasPrefix(first, "# web.yml"):
				loadWeb(t, p, b)
			default:
				shown++
				load(t, p, b)
			}
		}
	}
	if shown < 10 {
		t.Errorf("%d configurations are shown", shown)
	}
}

func hasPrefixOf(line string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}

// load loads a configuration beside the files that the manual's name.
func load(t *testing.T, p *page, b block) {
	t.Helper()
	authority := string(certificate(t))
	const at = "/etc/agentkeeper/"
	texts := map[string]string{
		at + "agentkeeper.yaml": b.text,
		at + "bots.csv":         "login,number,password_file\n293,40040,293.secret\n",
		at + "export.csv":       "Логин;Внутренний номер;ФИО;Табельный номер;Статус\n291;40038;Иванова;00417;Активен\n",
		at + "days/own.txt":     "2026-12-30\n",
		at + "days/ru.ics":      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20270101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		at + "gateway-ca.pem":   authority,
		at + "callback.pem":     authority,
		at + "callback-key.pem": "",
	}
	if _, _, err := config.Load(at+"agentkeeper.yaml", config.WithTexts(texts)); err != nil {
		t.Errorf("%s, line %d: %v", p.path, b.line, err)
	}
}

// loadWeb checks a web configuration with the library that serves by it.
func loadWeb(t *testing.T, p *page, b block) {
	t.Helper()
	dir := t.TempDir()
	chain, key := keyPair(t)
	for name, text := range map[string][]byte{"web.yml": []byte(b.text), "listen.pem": chain, "listen-key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := web.Validate(filepath.Join(dir, "web.yml")); err != nil {
		t.Errorf("%s, line %d: %v", p.path, b.line, err)
	}
}

func certificate(t *testing.T) []byte {
	t.Helper()
	chain, _ := keyPair(t)
	return chain
}

// keyPair returns a certificate and its key, in PEM.
func keyPair(t *testing.T) (chain, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	signed, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
