package live

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// packagesVariable names the directory that test/systemd.sh builds packages of
// the versions 1.0.0 and 1.0.1 in, of the commit AGENTKEEPER_TEST_COMMIT.
const packagesVariable = "AGENTKEEPER_TEST_PACKAGES"

func packagesDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(packagesVariable)
	if dir == "" {
		t.Skip("no packages: sh test/systemd.sh builds and tests them")
	}
	return dir
}

// shipped are files of every package, with their modes.
var shipped = map[string]string{
	"/usr/bin/agentkeeper":                                       "-rwxr-xr-x",
	"/usr/lib/systemd/system/agentkeeper.service":                "-rw-r--r--",
	"/usr/lib/systemd/system/agentkeeper.socket":                 "-rw-r--r--",
	"/usr/lib/systemd/system/agentkeeper.service.d/10-user.conf": "-rw-r--r--",
	"/usr/lib/sysusers.d/agentkeeper.conf":                       "-rw-r--r--",
	"/usr/share/agentkeeper/newer.conf":                          "-rw-r--r--",
	"/usr/share/agentkeeper/agentkeeper.schema.json":             "-rw-r--r--",
	"/usr/share/bash-completion/completions/agentkeeper":         "-rw-r--r--",
	"/usr/share/fish/vendor_completions.d/agentkeeper.fish":      "-rw-r--r--",
	"/usr/share/man/man1/agentkeeper.1.gz":                       "-rw-r--r--",
	"/usr/share/man/man1/agentkeeper-run.1.gz":                   "-rw-r--r--",
	"/usr/share/agentkeeper/alerts.yaml":                         "-rw-r--r--",
	"/usr/share/agentkeeper/recording.yaml":                      "-rw-r--r--",
	"/usr/share/agentkeeper/alertmanager.yaml":                   "-rw-r--r--",
	"/usr/share/agentkeeper/dashboard.json":                      "-rw-r--r--",
	"/usr/share/doc/agentkeeper/README.md":                       "-rw-r--r--",
	"/usr/share/doc/agentkeeper/runbook.md":                      "-rw-r--r--",
	"/usr/share/doc/agentkeeper/sbom.cdx.json":                   "-rw-r--r--",
	"/usr/lib/systemd/system/agentkeeper.service.d":              "drwxr-xr-x",
	"/usr/share/agentkeeper":                                     "drwxr-xr-x",
	"/usr/share/doc/agentkeeper":                                 "drwxr-xr-x",
	"/etc/agentkeeper":                                           "drwxr-x---",
	"/etc/agentkeeper/agentkeeper.yaml":                          "-rw-r-----",
}

// TestPackageContents looks into every package: the right files, all root's,
// none that anybody may write or that gives rights; the conffile is one.
func TestPackageContents(t *testing.T) {
	t.Parallel()
	dir := packagesDir(t)
	for _, arch := range []string{"amd64", "arm64"} {
		deb := filepath.Join(dir, "agentkeeper_1.0.0_"+arch+".deb")
		listed(t, deb, printed(t, "dpkg-deb", "-c", deb), "/usr/share/zsh/vendor-completions/_agentkeeper")
		if got := printed(t, "dpkg-deb", "-I", deb, "conffiles"); got != "/etc/agentkeeper/agentkeeper.yaml\n" {
			t.Errorf("%s: conffiles %q", deb, got)
		}
		if got := printed(t, "dpkg-deb", "-f", deb, "Version", "Architecture"); got != "Version: 1.0.0\nArchitecture: "+arch+"\n" {
			t.Errorf("%s: %q", deb, got)
		}
		rpm := filepath.Join(dir, "agentkeeper_1.0.0_"+arch+".rpm")
		listed(t, rpm, printed(t, "rpm", "-qp", "--nosignature", "-lv", rpm), "/usr/share/zsh/site-functions/_agentkeeper")
		if got := printed(t, "rpm", "-qp", "--nosignature", "--configfiles", rpm); got != "/etc/agentkeeper/agentkeeper.yaml\n" {
			t.Errorf("%s: configuration files %q", rpm, got)
		}
		testBill(t, filepath.Join(dir, "agentkeeper_1.0.0_"+arch+".cdx.json"))
	}
	cmd := exec.Command("sha256sum", "--check", "--quiet", "SHA256SUMS")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("SHA256SUMS: %v\n%s", err, out)
	}
}

// printed runs a tool and returns its standard output.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, complaint.String())
	}
	return string(out)
}

// listing is a line of dpkg-deb -c or rpm -lv: mode, owners, and the path.
var listing = regexp.MustCompile(`^([-dlrwxsStT]{10}) .*?\b(root[ /]+root)\b.* (\.?/\S*?)/?( -> .*)?$`)

func listed(t *testing.T, path, list string, also string) {
	t.Helper()
	modes := map[string]string{}
	for line := range strings.Lines(list) {
		found := listing.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			t.Errorf("%s: %q is not root's, or not understood", path, line)
			continue
		}
		if strings.ContainsAny(found[1], "sStT") || found[1][8] == 'w' {
			t.Errorf("%s: mode of %q", path, line)
		}
		modes[strings.TrimPrefix(found[3], ".")] = found[1]
	}
	for name, mode := range shipped {
		if modes[name] != mode {
			t.Errorf("%s: %s has mode %q, want %q", path, name, modes[name], mode)
		}
	}
	if modes[also] == "" {
		t.Errorf("%s lacks %s", path, also)
	}
}

// testBill wants the program's own version and what it is made of.
func testBill(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var bill struct {
		Format   string `json:"bomFormat"`
		Metadata struct {
			Component struct{ Name, Version string } `json:"component"`
		} `json:"metadata"`
		Components []struct{ Name, Version, Purl string } `json:"components"`
	}
	if err := json.Unmarshal(text, &bill); err != nil || bill.Format != "CycloneDX" {
		t.Fatalf("%s: %v, format %q", path, err, bill.Format)
	}
	if c := bill.Metadata.Component; c.Name != "agentkeeper" || c.Version != "v1.0.0" {
		t.Errorf("%s is about %+v", path, c)
	}
	names := map[string]bool{}
	for _, c := range bill.Components {
		names[c.Name] = c.Version != "" && c.Purl != ""
	}
	for _, want := range []string{"std", "github.com/nats-io/nats-server/v2", "github.com/prometheus/client_golang"} {
		if !names[want] {
			t.Errorf("%s does not name %s with version and purl", path, want)
		}
	}
}

// TestPackageRepeats builds a package again, from another directory, and wants
// the same bytes.
func TestPackageRepeats(t *testing.T) {
	t.Parallel()
	dir := packagesDir(t)
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	root, out := filepath.Join("..", ".."), t.TempDir()
	printed(t, "cp", "-r", root, elsewhere)
	cmd := exec.Command("go", "run", "./systemd/package", "-version", "1.0.0", "-arch", "amd64", "-out", out, "-commit", os.Getenv("AGENTKEEPER_TEST_COMMIT"))
	cmd.Dir = elsewhere
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, name := range []string{"agentkeeper_1.0.0_amd64.deb", "agentkeeper_1.0.0_amd64.rpm", "agentkeeper_1.0.0_amd64.cdx.json"} {
		first, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		second, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("%s differs when it is built elsewhere: %d and %d bytes", name, len(first), len(second))
		}
	}
}
