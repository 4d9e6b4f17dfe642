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
// the versions 1.0.0 and 1.0.1 in, of the commit AGENTKEEPER_TEST_COMMIT, and of
// 0.9.0, which has the configuration as a configuration file of its own.
const packagesVariable = "AGENTKEEPER_TEST_PACKAGES"

func packagesDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv(packagesVariable)
	if dir == "" {
		t.Skip("no packages: sh test/systemd.sh builds and tests them")
	}
	return dir
}

// shipped are files of every package of the service, with their modes.
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
	"/usr/share/man/man8/agentkeeper.8.gz":                       "-rw-r--r--",
	"/usr/share/man/man5/agentkeeper.yaml.5.gz":                  "-rw-r--r--",
	"/usr/share/man/man1/agentkeeper-run.1.gz":                   "-rw-r--r--",
	"/usr/share/agentkeeper/alerts.yaml":                         "-rw-r--r--",
	"/usr/share/agentkeeper/recording.yaml":                      "-rw-r--r--",
	"/usr/share/agentkeeper/alertmanager.yaml":                   "-rw-r--r--",
	"/usr/share/agentkeeper/dashboard.json":                      "-rw-r--r--",
	"/usr/share/doc/agentkeeper/README.md":                       "-rw-r--r--",
	"/usr/share/doc/agentkeeper/changelog.gz":                    "-rw-r--r--",
	"/usr/share/doc/agentkeeper/examples/agentkeeper.yaml":       "-rw-r--r--",
	"/usr/share/doc/agentkeeper/vendors/docs/huawei.md":          "-rw-r--r--",
	"/usr/share/doc/agentkeeper/daemon/docs/operating.md":        "-rw-r--r--",
	"/usr/share/doc/agentkeeper/runbook.md":                      "link",
	"/usr/share/doc/agentkeeper/metrics/runbook.md":              "-rw-r--r--",
	"/usr/share/doc/agentkeeper/copyright":                       "-rw-r--r--",
	"/usr/share/doc/agentkeeper/third-party-licenses.txt":        "-rw-r--r--",
	"/usr/share/doc/agentkeeper/sbom.cdx.json":                   "-rw-r--r--",
	"/usr/lib/systemd/system/agentkeeper.service.d":              "drwxr-xr-x",
	"/usr/share/agentkeeper":                                     "drwxr-xr-x",
	"/usr/share/doc/agentkeeper":                                 "drwxr-xr-x",
	"/etc/agentkeeper":                                           "drwxr-x---",
}

// shippedSimulators are those of every package of the simulators.
var shippedSimulators = map[string]string{
	"/usr/bin/vendorsim":                                            "-rwxr-xr-x",
	"/usr/share/man/man1/vendorsim.1.gz":                            "-rw-r--r--",
	"/usr/share/doc/agentkeeper-vendorsim":                          "drwxr-xr-x",
	"/usr/share/doc/agentkeeper-vendorsim/test/README.md":           "-rw-r--r--",
	"/usr/share/doc/agentkeeper-vendorsim/changelog.gz":             "-rw-r--r--",
	"/usr/share/doc/agentkeeper-vendorsim/copyright":                "-rw-r--r--",
	"/usr/share/doc/agentkeeper-vendorsim/third-party-licenses.txt": "-rw-r--r--",
	"/usr/share/doc/agentkeeper-vendorsim/sbom.cdx.json":            "-rw-r--r--",
}

// TestPackageContents looks into every package: the right files, all root's,
// none that anybody may write or that gives rights, none that a package manager
// would ask about.
func TestPackageContents(t *testing.T) {
	t.Parallel()
	dir := packagesDir(t)
	for _, arch := range []string{"amd64", "arm64"} {
		testContents(t, filepath.Join(dir, "agentkeeper_1.0.0_"+arch), arch, shipped)
		testContents(t, filepath.Join(dir, "agentkeeper-vendorsim_1.0.0_"+arch), arch, shippedSimulators)
		files := printed(t, "dpkg-deb", "-c", filepath.Join(dir, "agentkeeper_1.0.0_"+arch+".deb"))
		if !strings.Contains(files, " ./usr/share/zsh/vendor-completions/_agentkeeper\n") || strings.Contains(files, "/etc/agentkeeper/agentkeeper.yaml") {
			t.Errorf("the deb for %s has %s", arch, files)
		}
		rpm := filepath.Join(dir, "agentkeeper_1.0.0_"+arch+".rpm")
		if files := printed(t, "rpm", "-qp", "--nosignature", "-l", rpm); !strings.Contains(files, "/usr/share/zsh/site-functions/_agentkeeper\n") {
			t.Errorf("%s has %s", rpm, files)
		}
	}
	cmd := exec.Command("sha256sum", "--check", "--quiet", "SHA256SUMS")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("SHA256SUMS: %v\n%s", err, out)
	}
}

// testContents looks into the deb, the rpm and the bill of materials of a package.
func testContents(t *testing.T, path, arch string, want map[string]string) {
	t.Helper()
	listed(t, path+".deb", printed(t, "dpkg-deb", "-c", path+".deb"), want)
	if got := printed(t, "dpkg-deb", "-I", path+".deb"); strings.Contains(got, "conffiles") {
		t.Errorf("%s has configuration files: %s", path, got)
	}
	if got := printed(t, "dpkg-deb", "-f", path+".deb", "Version", "Architecture"); got != "Version: 1.0.0\nArchitecture: "+arch+"\n" {
		t.Errorf("%s: %q", path, got)
	}
	listed(t, path+".rpm", printed(t, "rpm", "-qp", "--nosignature", "-lv", path+".rpm"), want)
	if got := printed(t, "rpm", "-qp", "--nosignature", "--configfiles", path+".rpm"); got != "" {
		t.Errorf("%s.rpm has configuration files: %s", path, got)
	}
	testBill(t, path+".cdx.json", want["/usr/bin/agentkeeper"] != "")
}

// TestPackagePolicy has Debian's own checker look at the packages.
func TestPackagePolicy(t *testing.T) {
	t.Parallel()
	dir := packagesDir(t)
	if _, err := exec.LookPath("lintian"); err != nil {
		t.Skip("no lintian: sh test/systemd.sh installs it")
	}
	for _, name := range []string{"agentkeeper", "agentkeeper-vendorsim"} {
		// The packages are not Debian's: no maintainer there. Static programs are what
		// is shipped, the scripts serve rpm as well, and secrets lie in a directory that
		// not everybody sees.
		out := printed(t, "lintian", "--allow-root", "--fail-on", "none", "--suppress-tags", strings.Join([]string{
			"bogus-mail-host", "bogus-mail-host-in-debian-changelog", "root-in-contact",
			"statically-linked-binary", "maintainer-script-calls-systemctl", "non-standard-dir-perm",
		}, ","), filepath.Join(dir, name+"_1.0.0_amd64.deb"))
		if out != "" {
			t.Errorf("lintian says of %s:\n%s", name, out)
		}
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

func listed(t *testing.T, path, list string, want map[string]string) {
	t.Helper()
	modes := map[string]string{}
	for line := range strings.Lines(list) {
		found := listing.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			t.Errorf("%s: %q is not root's, or not understood", path, line)
			continue
		}
		mode := found[1]
		if mode[0] == 'l' {
			mode = "link" // whose mode says nothing
		} else if strings.ContainsAny(mode, "sStT") || mode[8] == 'w' {
			t.Errorf("%s: mode of %q", path, line)
		}
		modes[strings.TrimPrefix(found[3], ".")] = mode
	}
	for name, mode := range want {
		if modes[name] != mode {
			t.Errorf("%s: %s has mode %q, want %q", path, name, modes[name], mode)
		}
	}
}

// testBill wants the program's own version and what it is made of.
func testBill(t *testing.T, path string, service bool) {
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
	parts := []string{"std", "github.com/alecthomas/kong"}
	if service {
		parts = append(parts, "github.com/nats-io/nats-server/v2", "github.com/prometheus/client_golang")
	}
	for _, want := range parts {
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
	for _, name := range []string{"agentkeeper_1.0.0_amd64.deb", "agentkeeper_1.0.0_amd64.rpm", "agentkeeper_1.0.0_amd64.cdx.json",
		"agentkeeper-vendorsim_1.0.0_amd64.deb", "agentkeeper-vendorsim_1.0.0_amd64.rpm", "agentkeeper-vendorsim_1.0.0_amd64.cdx.json"} {
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
