package live

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPackage installs, upgrades, removes and purges the package.
func TestPackage(t *testing.T) {
	t.Parallel()
	dir := packagesDir(t)
	onMachines(t, func(t *testing.T, m *machine) {
		for _, version := range []string{"1.0.0", "1.0.1"} {
			m.copy(filepath.Join(dir, "agentkeeper_"+version+"_amd64.deb"), "/root/"+version+".deb", 0o644)
		}
		m.testFirstInstallation()
		names := logins(1000, 50)
		u := newUnitSite(m, m.simulate("huawei", names, "--hold", "1s"), names)
		m.run("agentkeeper", "check")
		u.giveByEnvironment()
		u.start()
		u.awaitOnline()
		u.testUpgrade()
		u.testRemoval()
	})
}

// missing is what an installation says, in one line, where there is no
// configuration.
const missing = "agentkeeper is enabled and not started: write /etc/agentkeeper/agentkeeper.yaml (agentkeeper check --sample prints an example), " +
	"then: agentkeeper check && systemctl start agentkeeper\n"

// testFirstInstallation: all is there, and nothing has started. Nor does it
// start without a configuration, which is no failure.
func (m *machine) testFirstInstallation() {
	m.t.Helper()
	out := m.run("dpkg", "-i", "/root/1.0.0.deb")
	if !strings.Contains(out, missing) || strings.Count(out, "not started") != 1 {
		m.t.Errorf("the installation says %s", out)
	}
	for range 2 {
		if state, enabled := m.property(unit, "ActiveState"), m.property(unit, "UnitFileState"); state != "inactive" || enabled != "enabled" {
			m.t.Errorf("without a configuration the unit is %s and %s", state, enabled)
		}
		m.run("systemctl", "start", unit, socketUnit)
	}
	if got := strings.TrimSpace(m.run("stat", "-c", "%a %U %G", "/etc/agentkeeper")); got != "750 root agentkeeper" {
		m.t.Errorf("/etc/agentkeeper: %s", got)
	}
	if out := m.run("systemd-analyze", "verify", "--man=no", unit, socketUnit); out != "" {
		m.t.Errorf("systemd-analyze verify: %s", out)
	}
	_, newer := m.try("test", "-e", "/usr/lib/systemd/system/agentkeeper.service.d/50-newer.conf")
	if (newer == nil) != (m.version >= "254") {
		m.t.Errorf("systemd %s, drop-in for newer ones: %v", m.version, newer)
	}
	m.run("sh", "-c", "agentkeeper check --sample >/etc/agentkeeper/agentkeeper.yaml")
	if out, err := m.try("agentkeeper", "check"); err == nil || !strings.Contains(out, "agentkeeper.yaml:") {
		m.t.Errorf("the reference configuration is good as it is: %s", out)
	}
	m.run("dpkg", "-r", "agentkeeper")
	if out := m.run("dpkg", "-i", "/root/1.0.0.deb"); !strings.Contains(out, "mend what agentkeeper check says") {
		m.t.Errorf("the installation with a configuration that is none says %s", out)
	}
}

// giveByEnvironment hands two passwords over by the unit: an upgrade can check
// the configuration in the service's environment only.
func (u *unitSite) giveByEnvironment() {
	u.members[0].keys, u.members[1].keys = ", password_env: KEEPER_PASSWORD", ", password_credential: agentkeeper.one"
	u.deploy()
	u.m.write("/root/one", secret, 0o600)
	u.dropIn("80-secrets", `[Service]
Environment="ODD=it's $HOME \x60false\x60 \"q\" \nsecond line" KEEPER_PASSWORD=`+secret+`
LoadCredential=agentkeeper.one:/root/one
`)
	if _, err := u.m.try("agentkeeper", "check"); err == nil {
		u.t.Error("the configuration is good without the service's environment")
	}
}

// testUpgrade takes the new version in: no agent signs in. Then a package that
// would not start with the configuration leaves the old process alone.
func (u *unitSite) testUpgrade() {
	before := u.platform.huawei()
	pid, began := u.pid(), time.Now()
	u.m.run("dpkg", "-i", "/root/1.0.1.deb")
	took := time.Since(began)
	if u.pid() == pid {
		u.t.Error("the old process runs after the upgrade")
	}
	if out := u.m.run("agentkeeper", "version"); !strings.Contains(out, "1.0.1") {
		u.t.Errorf("version: %s", out)
	}
	u.untouched(before, fmt.Sprintf("an upgrade of %v", took.Round(time.Millisecond)))
	u.testRPMScripts()

	pid = u.pid()
	writeFile(u.t, u.path(), u.yaml()+"listne: 127.0.0.1:1\n")
	out := u.m.run("dpkg", "-i", "/root/1.0.0.deb")
	if !strings.Contains(out, "goes on with the old version") || !strings.Contains(out, "listne") {
		u.t.Errorf("a version that would not start is installed with %s", out)
	}
	if u.pid() != pid {
		u.t.Error("the process was replaced by one that does not start")
	}
	u.deploy()
	u.testDowngrade(pid)
	u.untouched(before, "a package that would not start, the next that does, and a downgrade")
	u.testWithoutRestart()
}

// testDowngrade mends what kept the new version from starting, and goes back to
// the one before. A group that an administrator chose stays.
func (u *unitSite) testDowngrade(pid string) {
	const path = "/etc/agentkeeper/agentkeeper.yaml"
	u.m.run("chgrp", "adm", path)
	for _, version := range []string{"1.0.1", "1.0.0"} {
		u.m.run("dpkg", "-i", "/root/"+version+".deb")
		if now := u.pid(); now == pid {
			u.t.Errorf("the old process runs after the change to %s", version)
		} else {
			pid = now
		}
		if _, body, err := u.k.get("/metrics"); err != nil || !strings.Contains(body, `version="`+version+`"`) {
			u.t.Errorf("%s does not run after its installation: %v", version, err)
		}
	}
	if got := strings.TrimSpace(u.m.run("stat", "-c", "%G", path)); got != "adm" {
		u.t.Errorf("the configuration's group became %s", got)
	}
}

// testWithoutRestart upgrades while the service must not or cannot be started:
// it was stopped by a person, or has failed, or policy-rc.d forbids it, or the
// restart fails. Each time the package is whole afterwards.
func (u *unitSite) testWithoutRestart() {
	const policy = "/usr/sbin/policy-rc.d"
	pid := u.pid()
	u.m.write(policy, "#!/bin/sh\nexit 101\n", 0o755)
	u.upgradeLeaves("active")
	if u.pid() != pid {
		u.t.Error("restarted against policy-rc.d")
	}
	u.m.run("rm", policy)
	u.dropIn("90-fails", "[Service]\nExecStartPre=/bin/false\nRestart=no\n")
	if out := u.upgradeLeaves("failed"); !strings.Contains(out, "could not be started") {
		u.t.Errorf("a restart that fails: %s", out)
	}
	u.upgradeLeaves("failed") // and is not tried again
	u.dropIn("90-fails", "")
	u.m.run("systemctl", "reset-failed", unit)
	u.upgradeLeaves("inactive")
	u.testOtherFile()
}

// testOtherFile upgrades a service whose unit names another configuration: that
// one counts.
func (u *unitSite) testOtherFile() {
	u.dropIn("90-file", "[Service]\nExecStart=\nExecStart=/usr/bin/agentkeeper run -c /etc/agentkeeper/other.yaml\n")
	u.m.run("cp", "-p", "/etc/agentkeeper/agentkeeper.yaml", "/etc/agentkeeper/other.yaml")
	u.start()
	u.awaitOnline()
	pid := u.pid()
	u.m.write("/etc/agentkeeper/agentkeeper.yaml", "listne: 127.0.0.1:1\n", 0o640)
	if out := u.upgradeLeaves("active"); u.pid() == pid {
		u.t.Errorf("not restarted: %s", out)
	}
	u.dropIn("90-file", "")
	u.deploy()
	u.m.run("systemctl", "restart", unit)
	u.awaitOnline()
}

// upgradeLeaves installs the package over itself and wants a state of the unit.
func (u *unitSite) upgradeLeaves(state string) string {
	u.t.Helper()
	out := u.m.run("dpkg", "-i", "/root/1.0.0.deb")
	if got := u.m.property(unit, "ActiveState"); got != state {
		u.t.Errorf("after an upgrade the unit is %s, want %s: %s", got, state, out)
	}
	if got := u.m.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "agentkeeper"); got != "installed" {
		u.t.Errorf("the package is %s: %s", got, out)
	}
	return out
}

// testRPMScripts runs the scripts as rpm does at an upgrade: the new package's,
// then the old one's.
func (u *unitSite) testRPMScripts() {
	before := u.platform.huawei()
	pid := u.pid()
	for _, script := range []string{"preinstall.sh 2", "postinstall.sh 2", "preremove.sh 1", "postremove.sh 1"} {
		name, stage, _ := strings.Cut(script, " ")
		u.m.copy(filepath.Join("..", "..", "systemd", "package", name), "/root/"+name, 0o755)
		u.m.run("/root/"+name, stage)
	}
	if u.pid() == pid {
		u.t.Error("the old process runs after an rpm's upgrade")
	}
	u.untouched(before, "an rpm's scripts at an upgrade")
}

// testRemoval removes: stopped, signed out, state kept. A second installation
// goes on with it. A purge leaves nothing but the user.
func (u *unitSite) testRemoval() {
	u.dropIn("80-secrets", "") // an installation checks without a service's environment
	u.members[0].keys, u.members[1].keys = "", ""
	u.deploy()
	u.m.run("dpkg", "-r", "agentkeeper")
	if n := signedIn(u.platform.huawei()); n != 0 {
		u.t.Errorf("%d agents are signed in after the removal", n)
	}
	for path, there := range map[string]bool{"/usr/bin/agentkeeper": false, "/var/lib/agentkeeper": true, "/etc/agentkeeper/agentkeeper.yaml": true,
		"/etc/systemd/system/multi-user.target.wants/agentkeeper.service": false, "/usr/lib/systemd/system/agentkeeper.service.d": false} {
		if _, err := os.Lstat(u.m.path(path)); (err == nil) != there {
			u.t.Errorf("after the removal: %s is there: %v, want %v", path, err == nil, there)
		}
	}
	u.m.run("dpkg", "-i", "/root/1.0.1.deb")
	u.awaitOnline() // a good configuration: started at once
	u.m.run("dpkg", "-P", "agentkeeper")
	if n := signedIn(u.platform.huawei()); n != 0 {
		u.t.Errorf("%d agents are signed in after the purge", n)
	}
	for _, path := range []string{"/var/lib/agentkeeper", "/var/lib/private/agentkeeper", "/etc/agentkeeper/agentkeeper.yaml"} {
		if _, err := os.Lstat(u.m.path(path)); err == nil {
			u.t.Errorf("after the purge: %s is still there", path)
		}
	}
	if failed := u.m.run("systemctl", "--failed", "--no-legend", "--plain"); strings.Contains(failed, "agentkeeper") {
		u.t.Errorf("failed units: %s", failed)
	}
}

// rpmMachine boots a copy of this machine, whose rpm it is, with packages in /root.
func rpmMachine(t *testing.T, versions ...string) *machine {
	t.Helper()
	dir := packagesDir(t)
	if why := noMachine([]string{"/"}); why != nil {
		t.Skipf("no systemd can be booted here: %v", why)
	}
	m := boot(t, "/")
	for _, version := range versions {
		m.copy(filepath.Join(dir, "agentkeeper_"+version+"_amd64.rpm"), "/root/"+version+".rpm", 0o644)
	}
	m.run("rm", "-f", "/usr/sbin/policy-rc.d") // an image for containers has one that forbids every start
	m.run("rpm", "--initdb")
	return m
}

// rpm runs rpm, for which all that the package needs is missing: it is the other
// package manager's.
func (m *machine) rpm(args ...string) string {
	m.t.Helper()
	return m.run(append([]string{"rpm", "--nodeps", "--nosignature"}, args...)...)
}

// TestPackageByRPM has rpm itself install, upgrade and remove the package, on a
// copy of this machine, whose rpm it is.
func TestPackageByRPM(t *testing.T) {
	t.Parallel()
	m := rpmMachine(t, "1.0.0", "1.0.1")
	rpm := m.rpm
	if out := rpm("-i", "/root/1.0.0.rpm"); !strings.Contains(out, missing) {
		t.Errorf("the installation says %s", out)
	}
	names := logins(1000, 20)
	u := newUnitSite(m, m.simulate("huawei", names, "--hold", "1s"), names)
	u.start()
	u.awaitOnline()
	before, pid := u.platform.huawei(), u.pid()
	for _, step := range [][]string{{"-U", "/root/1.0.1.rpm"}, {"-U", "--oldpackage", "/root/1.0.0.rpm"}} {
		out := rpm(step...)
		if now := u.pid(); now == pid {
			t.Errorf("the old process runs after %v: %s", step, out)
		} else {
			pid = now
		}
		u.untouched(before, fmt.Sprint("rpm ", step))
	}
	if enabled := m.property(unit, "UnitFileState"); enabled != "enabled" {
		t.Errorf("after the upgrades the unit is %s", enabled)
	}
	kept := m.configuration()
	rpm("-e", "agentkeeper")
	if n := signedIn(u.platform.huawei()); n != 0 {
		t.Errorf("%d agents are signed in after the removal", n)
	}
	if got := m.configuration(); got != kept {
		t.Errorf("the removal made of the configuration %s, it was %s", got, kept)
	}
	for path, there := range map[string]bool{"/usr/bin/agentkeeper": false, "/usr/share/agentkeeper": false, "/var/lib/agentkeeper": true,
		"/usr/lib/systemd/system/agentkeeper.service.d": false, "/etc/systemd/system/multi-user.target.wants/agentkeeper.service": false} {
		if _, err := os.Lstat(m.path(path)); (err == nil) != there {
			t.Errorf("after the removal: %s is there: %v, want %v", path, err == nil, there)
		}
	}
}
