package live

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestUnitCredentials runs the unit alone, without a user of its own: the
// passwords are systemd's credentials. A rotated one acts from the next restart
// on, which signs nobody else in.
func TestUnitCredentials(t *testing.T) {
	t.Parallel()
	onMachines(t, func(t *testing.T, m *machine) {
		m.installUnit()
		m.run("rm", "/usr/lib/systemd/system/agentkeeper.service.d/10-user.conf")
		names := logins(291, 4)
		u := newUnitSite(m, m.simulate("huawei", names, "--hold", "1s"), names)
		m.run("rm", "-r", "/etc/agentkeeper/secrets")
		u.groups, u.members = u.withCredentials(names), nil
		m.write("/etc/agentkeeper/agentkeeper.yaml", strings.Replace(u.yaml(), "    passwords_dir: secrets\n    agents:\n", "    agents: []\n", 1), 0o644)
		m.run("chown", "-R", "root:root", "/etc/agentkeeper")
		m.run("chmod", "755", "/etc/agentkeeper")
		for _, login := range names {
			u.credential(login, secret)
		}
		u.credential(names[2], "not yet the platform's")
		u.encrypt(names[encrypted])
		u.start()
		within(t, patience, "the agents whose password is right", func() error { return signedInError(u.platform, 3) })
		within(t, patience, "the parking", func() error { return u.k.is(names[2], "parked", "refused") })
		if dynamic := m.property(unit, "DynamicUser"); dynamic != "yes" {
			t.Errorf("DynamicUser=%s", dynamic)
		}
		u.testRotation(names)
	})
}

// encrypted is the agent whose credential systemd-creds has encrypted.
const encrypted = 3

// withCredentials gives every login a systemd credential, and the unit the
// lines that load them: one from a path, one that is encrypted, the others from
// the credential store where systemd is new enough to import them by a pattern.
func (u *unitSite) withCredentials(names []string) (groups []string) {
	agents := make([]string, len(names))
	lines := ""
	version, _ := strconv.Atoi(u.m.version)
	for i, login := range names {
		agents[i] = fmt.Sprintf("{login: %q, number: %q, password_credential: agentkeeper.%s}", login, "40"+login, login)
		switch {
		case i == encrypted:
			lines += fmt.Sprintf("LoadCredentialEncrypted=agentkeeper.%s:%s.cred\n", login, credentialPath(login))
		case i == 0 || version < 254:
			lines += fmt.Sprintf("LoadCredential=agentkeeper.%s:%s\n", login, credentialPath(login))
		}
	}
	u.dropIn("60-credentials", "[Service]\n"+lines)
	return []string{"{name: credentials, platform: hq, agents: [" + strings.Join(agents, ", ") + "]}"}
}

func credentialPath(login string) string {
	return filepath.Join("/etc/credstore", "agentkeeper."+login)
}

func (u *unitSite) credential(login, text string) {
	u.t.Helper()
	u.m.write(credentialPath(login), text+"\n", 0o600)
}

// encrypt replaces a credential by its encrypted form.
func (u *unitSite) encrypt(login string) {
	u.t.Helper()
	path := credentialPath(login)
	u.m.run("systemd-creds", "encrypt", "--with-key=host", "--name=agentkeeper."+login, path, path+".cred")
	u.m.run("rm", path)
}

// testRotation mends the refused password: a reload does not see it, since
// systemd gives credentials at a start, and a restart does.
func (u *unitSite) testRotation(names []string) {
	before := u.platform.huawei()
	u.credential(names[2], secret)
	u.m.run("systemctl", "reload", unit)
	within(u.t, patience, "the reload", func() error { return u.k.shows(reloadGauge, 1) })
	if err := u.k.is(names[2], "parked", "refused"); err != nil {
		u.t.Errorf("after a reload: %v", err)
	}
	u.m.run("systemctl", "restart", unit)
	within(u.t, patience, "the mended agent", func() error { return signedInError(u.platform, 4) })
	got := touched(before, u.platform.huawei())
	if len(got) != 1 || got[names[2]].SignIns != 1 {
		u.t.Errorf("operations of the rotation: %v, want one sign-in of %s", got, names[2])
	}
	out := u.m.run("sh", "-c", "grep -rl -e '"+secret+"' /proc/"+u.pid()+"/environ /proc/"+u.pid()+"/cmdline || true")
	if out != "" {
		u.t.Errorf("the password stands in %s", out)
	}
}
