package live

import (
	"path/filepath"
	"strings"
	"testing"
)

// configuration is the configuration's owners, mode, and sum.
func (m *machine) configuration() string {
	m.t.Helper()
	const path = "/etc/agentkeeper/agentkeeper.yaml"
	return m.run("stat", "-c", "%a %U %G %Y", path) + m.run("sha256sum", path)
}

// only wants the configuration to be there as it was, and nothing that a package
// manager has put beside it.
func (m *machine) only(want, what string) {
	m.t.Helper()
	if got := m.configuration(); got != want {
		m.t.Errorf("%s made of the configuration %s, it was %s", what, got, want)
	}
	if beside := m.run("find", "/etc/agentkeeper", "-name", "*.yaml.*"); beside != "" {
		m.t.Errorf("%s left %s", what, beside)
	}
}

// TestPackageFromOlder upgrades from a version whose package had the configuration
// as a file of its own. Nobody answers questions, and what people wrote stays,
// over the upgrade, a removal and the next installation. So does an example that
// nobody has touched.
func TestPackageFromOlder(t *testing.T) {
	t.Parallel()
	dir := packagesDir(t)
	onMachines(t, func(t *testing.T, m *machine) {
		for _, version := range []string{"0.9.0", "1.0.0"} {
			m.copy(filepath.Join(dir, "agentkeeper_"+version+"_amd64.deb"), "/root/"+version+".deb", 0o644)
		}
		m.run("dpkg", "-i", "/root/0.9.0.deb")
		sample := m.configuration()
		m.run("dpkg", "-i", "/root/1.0.0.deb")
		m.only(sample, "the upgrade of an untouched installation")
		m.run("dpkg", "-P", "agentkeeper")

		m.run("dpkg", "-i", "/root/0.9.0.deb")
		u := m.older()
		kept := m.configuration()
		before := u.platform.huawei()
		pid := u.pid()
		if out := m.run("dpkg", "-i", "/root/1.0.0.deb"); u.pid() == pid {
			t.Errorf("the old process runs after the upgrade: %s", out)
		}
		u.untouched(before, "the upgrade from an older package")
		m.only(kept, "the upgrade")
		if got := m.run("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "agentkeeper"); got != "1.0.0 installed" {
			t.Errorf("the package is %s", got)
		}
		m.run("dpkg", "-i", "/root/1.0.0.deb")
		m.only(kept, "the same version once more")
		m.run("dpkg", "-r", "agentkeeper")
		m.only(kept, "the removal")
		m.run("dpkg", "-i", "/root/1.0.0.deb")
		u.awaitOnline()
		m.only(kept, "the installation after a removal")
		m.run("dpkg", "-P", "agentkeeper")
		if left := m.run("find", "/etc/agentkeeper", "-name", "*.yaml*"); left != "" {
			t.Errorf("the purge left %s", left)
		}
	})
}

// older runs the installed version with a configuration of its user's.
func (m *machine) older() *unitSite {
	m.t.Helper()
	names := logins(1000, 20)
	u := newUnitSite(m, m.simulate("huawei", names, "--hold", "1s"), names)
	m.run("chmod", "0640", "/etc/agentkeeper/agentkeeper.yaml")
	u.start()
	u.awaitOnline()
	return u
}

// TestPackageFromOlderByRPM is the same with rpm, which renames or removes a
// configuration file that the new package lacks.
func TestPackageFromOlderByRPM(t *testing.T) {
	t.Parallel()
	m := rpmMachine(t, "0.9.0", "1.0.0")
	m.rpm("-i", "/root/0.9.0.rpm")
	sample := m.configuration()
	m.rpm("-U", "/root/1.0.0.rpm")
	m.only(sample, "the upgrade of an untouched installation")
	m.rpm("-e", "agentkeeper")
	m.only(sample, "the removal of an untouched installation")
	m.run("rm", "/etc/agentkeeper/agentkeeper.yaml")

	m.rpm("-i", "/root/0.9.0.rpm")
	u := m.older()
	kept := m.configuration()
	before := u.platform.huawei()
	pid := u.pid()
	if out := m.rpm("-U", "/root/1.0.0.rpm"); u.pid() == pid {
		t.Errorf("the old process runs after the upgrade: %s", out)
	}
	u.untouched(before, "the upgrade from an older package")
	m.only(kept, "the upgrade")
	if got := strings.TrimSpace(m.run("rpm", "-q", "--qf", "%{VERSION}", "agentkeeper")); got != "1.0.0" {
		t.Errorf("the package is %s", got)
	}
	m.rpm("-e", "agentkeeper")
	m.only(kept, "the removal")
	m.rpm("-i", "/root/1.0.0.rpm")
	u.awaitOnline()
	m.only(kept, "the installation after a removal")
}
