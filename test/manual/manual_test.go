package manual

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"agentkeeper/daemon/config"
)

// readmeLimit is the most that the first page may have, in bytes: it is read
// whole by people who want to know what this is.
const readmeLimit = 14 << 10

// root is the repository's.
const root = "../.."

// TestReadmeIsShort keeps the first page one that is read.
func TestReadmeIsShort(t *testing.T) {
	info, err := os.Stat(root + "/README.md")
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
)

// TestLinks follows every link of the manual that leads into the repository. A
// package has each page and each file that one links to, but no directory.
func TestLinks(t *testing.T) {
	pages, followed := Pages(t, root), 0
	for _, p := range pages {
		for _, found := range links.FindAllStringSubmatch(inlineCode.ReplaceAllString(p.Text, ""), -1) {
			target, err := url.Parse(found[1])
			switch {
			case err != nil:
				t.Errorf("%s: %v", p.Path, err)
				continue
			case target.Scheme != "":
				continue
			}
			followed++
			to := p.Path
			if target.Path != "" {
				to = path.Join(path.Dir(p.Path), target.Path)
			}
			info, err := os.Stat(filepath.Join(root, filepath.FromSlash(to)))
			switch there := pages[to]; {
			case err != nil:
				t.Errorf("%s: there is no %s", p.Path, to)
			case !info.Mode().IsRegular():
				t.Errorf("%s: %s is a directory, which no package has; link to a file", p.Path, to)
			case target.Fragment != "" && (there == nil || !there.Anchors[target.Fragment]):
				t.Errorf("%s: %s has no heading #%s", p.Path, to, target.Fragment)
			}
		}
	}
	if followed < 50 {
		t.Errorf("%d links were followed", followed)
	}
}

// TestEveryPageIsLinked wants each page to be reachable from the first one.
func TestEveryPageIsLinked(t *testing.T) {
	pages, reached := Pages(t, root), map[string]bool{}
	var visit func(at string)
	visit = func(at string) {
		if pages[at] == nil || reached[at] {
			return
		}
		reached[at] = true
		for _, found := range links.FindAllStringSubmatch(pages[at].Text, -1) {
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
	for _, p := range Pages(t, root) {
		for _, b := range p.Blocks {
			first, _, _ := strings.Cut(b.Text, "\n")
			switch {
			case b.Language != "yaml" || hasPrefixOf(first, others):
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
func load(t *testing.T, p *Page, b Block) {
	t.Helper()
	authority := string(certificate(t))
	const at = "/etc/agentkeeper/"
	texts := map[string]string{
		at + "agentkeeper.yaml": b.Text,
		at + "bots.csv":         "login,number,password_file\n293,40040,293.secret\n",
		at + "export.csv":       "Логин;Внутренний номер;ФИО;Табельный номер;Статус\n291;40038;Иванова;00417;Активен\n",
		at + "days/own.txt":     "2026-12-30\n",
		at + "days/ru.ics":      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20270101\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		at + "gateway-ca.pem":   authority,
		at + "callback.pem":     authority,
		at + "callback-key.pem": "",
	}
	if _, _, err := config.Load(at+"agentkeeper.yaml", config.WithTexts(texts)); err != nil {
		t.Errorf("%s, line %d: %v", p.Path, b.Line, err)
	}
}

// loadWeb checks a web configuration with the library that serves by it.
func loadWeb(t *testing.T, p *Page, b Block) {
	t.Helper()
	dir := t.TempDir()
	chain, key := keyPair(t)
	for name, text := range map[string][]byte{"web.yml": []byte(b.Text), "listen.pem": chain, "listen-key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := web.Validate(filepath.Join(dir, "web.yml")); err != nil {
		t.Errorf("%s, line %d: %v", p.Path, b.Line, err)
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
