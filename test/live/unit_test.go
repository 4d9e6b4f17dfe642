package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"agentkeeper/test/rig"
	"agentkeeper/test/sim/huawei"
)

const (
	unit       = "agentkeeper.service"
	socketUnit = "agentkeeper.socket"
	publicURL  = "http://127.0.0.1:9464"
)

// unitSite is a site whose service is a unit of a machine.
type unitSite struct {
	*site
	m *machine
	k *service // of the unit, whichever process it has
}

// installUnit puts the program and its units where a package has them.
func (m *machine) installUnit() {
	m.t.Helper()
	m.copy(filepath.Join(programs, "agentkeeper"), "/usr/bin/agentkeeper", 0o755)
	units := filepath.Join("..", "..", "systemd")
	for _, name := range []string{unit, socketUnit} {
		m.copy(filepath.Join(units, name), "/usr/lib/systemd/system/"+name, 0o644)
	}
	m.copy(filepath.Join(units, "user.conf"), "/usr/lib/systemd/system/agentkeeper.service.d/10-user.conf", 0o644)
	m.copy(filepath.Join(units, "sysusers.conf"), "/usr/lib/sysusers.d/agentkeeper.conf", 0o644)
	if v, err := strconv.Atoi(m.version); err == nil && v >= 254 {
		m.copy(filepath.Join(units, "newer.conf"), "/etc/systemd/system/agentkeeper.service.d/50-newer.conf", 0o644)
	}
	m.run("systemd-sysusers")
	m.run("systemctl", "daemon-reload")
}

// newUnitSite configures the logins on a simulator in the machine's network.
func newUnitSite(m *machine, pl *platform, names []string) *unitSite {
	m.t.Helper()
	s := newSite(m.t, pl, names)
	u := &unitSite{site: s, m: m}
	s.dir = m.path("/etc/agentkeeper")
	s.listen = "127.0.0.1:9464"
	s.control = "/run/agentkeeper/control.sock"
	s.store = "/var/lib/agentkeeper"
	s.place = []string{"options: {hold: 1s}"}
	for _, login := range names {
		s.password(login, secret)
	}
	u.k = &service{
		process: processOf(m.t, &rig.Process{Name: unit, Out: &output{}, Err: &output{}, Done: make(chan struct{})}),
		url:     publicURL, client: &http.Client{Timeout: 10 * time.Second, Transport: m.over()},
	}
	u.deploy()
	return u
}

// deploy writes the configuration and lets the service's user read it.
func (u *unitSite) deploy() {
	u.t.Helper()
	u.write()
	u.m.run("chown", "-R", "agentkeeper:agentkeeper", "/etc/agentkeeper")
}

// start starts the unit: systemctl returns when the service is ready.
func (u *unitSite) start() {
	u.t.Helper()
	u.m.run("systemctl", "start", unit)
	u.isReady()
}

func (u *unitSite) isReady() {
	u.t.Helper()
	if status, body, err := u.k.get("/-/ready"); err != nil || status != http.StatusOK {
		u.t.Fatalf("systemctl is back, but the service is not ready: %d %s %v", status, body, err)
	}
}

func (u *unitSite) awaitOnline() {
	u.t.Helper()
	u.site.awaitOnline(u.k)
}

// untouched fails the test when the platform was asked for a sign-in or
// sign-out since before, then waits for polls of all agents.
func (u *unitSite) untouched(before state[huawei.AgentState], what string) {
	u.t.Helper()
	u.awaitOnline()
	now := u.platform.huawei()
	within(u.t, patience, "polls of all after "+what, func() error { return polledSince(u.platform, now, len(u.members)) })
	after := u.platform.huawei()
	if got := touched(before, after); len(got) != 0 {
		u.t.Fatalf("%s: sign-ins and sign-outs of %d agents, want none: %v", what, len(got), got)
	}
	u.t.Logf("%s: %d agents, 0 sign-ins, 0 sign-outs, largest gap %v", what, len(u.members), time.Duration(after.Total.LargestGap).Round(time.Millisecond))
}

// pid is the service's main process, in the machine's numbers.
func (u *unitSite) pid() string {
	u.t.Helper()
	return u.m.property(unit, "MainPID")
}

// dropIn adds a drop-in to the unit, or removes it where text is empty.
func (u *unitSite) dropIn(name, text string) {
	u.t.Helper()
	path := "/etc/systemd/system/agentkeeper.service.d/" + name + ".conf"
	if text == "" {
		u.m.run("rm", path)
	} else {
		u.m.write(path, text, 0o644)
	}
	u.m.run("systemctl", "daemon-reload")
}

// journal returns the service's entries that match, for example
// AGENTKEEPER_AGENT=hq/291.
func (u *unitSite) journal(matches ...string) (entries []map[string]any) {
	u.t.Helper()
	u.m.run("journalctl", "--sync")
	out := u.m.run(append([]string{"journalctl", "--no-pager", "-o", "json", "_SYSTEMD_UNIT=" + unit}, matches...)...)
	for text := range strings.Lines(out) {
		var e map[string]any
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			u.t.Fatalf("%v: %s", err, text)
		}
		entries = append(entries, e)
	}
	return entries
}

// TestUnit runs the shipped unit under a real systemd. The parts follow one
// another on one machine: 200 agents that sign in once.
func TestUnit(t *testing.T) {
	t.Parallel()
	onMachines(t, func(t *testing.T, m *machine) {
		m.installUnit()
		names := logins(1000, fleetSize+1)
		u := newUnitSite(m, m.simulate("huawei", names, "--hold", "1s"), names[:fleetSize])
		for _, part := range []struct {
			name string
			test func(*unitSite)
		}{
			{"start", (*unitSite).testStart},
			{"sandbox", (*unitSite).testSandbox},
			{"journal", (*unitSite).testJournal},
			{"reload", func(u *unitSite) { u.testReload(names[fleetSize]) }},
			{"restart", (*unitSite).testRestart},
			{"crash loop", (*unitSite).testCrashLoop},
			{"watchdog", (*unitSite).testWatchdog},
			{"stop", (*unitSite).testStop},
			{"mistakes", (*unitSite).testMistakes},
		} {
			if !t.Run(part.name, func(t *testing.T) { u.of(t, part.test) }) {
				break
			}
		}
	})
}

// of lets a part of the test fail on its own.
func (u *unitSite) of(t *testing.T, part func(*unitSite)) {
	all := u.t
	defer func() {
		u.t = all
		u.m.t = all
		u.k.t = all
		u.platform.t = all
	}()
	u.t = t
	u.m.t = t
	u.k.t = t
	u.platform.t = t
	part(u)
}

func (u *unitSite) testStart() {
	began := time.Now()
	u.start()
	u.t.Logf("ready after %v", time.Since(began).Round(time.Millisecond))
	u.awaitOnline()
	u.shows(fmt.Sprintf("%d of %d agents online, 0 waiting, 0 parked", fleetSize, fleetSize))
	if got := u.m.property(unit, "NRestarts"); got != "0" {
		u.t.Errorf("%s restarts, want none", got)
	}
}

// shows waits for a status in `systemctl status`.
func (u *unitSite) shows(want string) {
	u.t.Helper()
	within(u.t, patience, "the unit's status", func() error {
		if got := u.m.property(unit, "StatusText"); got != want {
			return fmt.Errorf("%q, want %q", got, want)
		}
		return nil
	})
}

// testSandbox looks at the process from outside: it works, as all the parts
// show, under what the unit takes away.
func (u *unitSite) testSandbox() {
	status := u.m.run("cat", "/proc/"+u.pid()+"/status")
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"} {
		if !strings.Contains(status, want+"\n") {
			u.t.Errorf("/proc/PID/status lacks %q:\n%s", want, status)
		}
	}
	if uid := strings.TrimSpace(u.m.run("stat", "-c", "%U", "/proc/"+u.pid())); uid != "agentkeeper" && uid != "root" { // root's where it is not dumpable
		u.t.Errorf("the process is %s's", uid)
	}
	for path, want := range map[string]string{
		"/var/lib/agentkeeper/": "700 agentkeeper agentkeeper", "/run/agentkeeper": "750 agentkeeper agentkeeper",
		"/run/agentkeeper/control.sock": "660 agentkeeper agentkeeper",
	} {
		if got := strings.TrimSpace(u.m.run("stat", "-c", "%a %U %G", path)); got != want {
			u.t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/usr/x", "/etc/x", "/home/x", "/root/x", "/sys/fs/cgroup/x"} {
		if out, err := u.m.try("nsenter", "-t", u.pid(), "-m", "--", "touch", path); err == nil {
			u.t.Errorf("the service's mounts let %s be written: %s", path, out)
		}
	}
	u.testCallers()
}

// testCallers asks as root, as a member of the group, as somebody else, and as
// another unit's made-up user that has the group by its unit alone.
func (u *unitSite) testCallers() {
	u.m.write("/etc/sysusers.d/people.conf", "u colleague - - /\nu stranger - - /\nm colleague agentkeeper\n", 0o644)
	u.m.run("systemd-sysusers")
	for user, want := range map[string]string{"root": "OK - ", "colleague": "OK - ", "stranger": "you may not open"} {
		out, _ := u.m.try("setpriv", "--reuid", user, "--regid", user, "--init-groups", "agentkeeper", "status", "--check")
		if !strings.Contains(out, want) {
			u.t.Errorf("agentkeeper status --check as %s: %q, want %q", user, out, want)
		}
	}
	if out, _ := u.m.try("systemd-run", "--quiet", "--wait", "--pipe", "-p", "DynamicUser=yes", "-p", "SupplementaryGroups=agentkeeper", "agentkeeper", "status", "--check"); !strings.Contains(out, "OK - ") {
		u.t.Errorf("agentkeeper status --check as another unit with SupplementaryGroups=agentkeeper: %q", out)
	}
}

// testJournal finds entries by their fields.
func (u *unitSite) testJournal() {
	agent := "hq/" + u.members[0].login
	entries := u.journal("AGENTKEEPER_AGENT=" + agent)
	if len(entries) == 0 {
		u.t.Fatalf("no entry with AGENTKEEPER_AGENT=%s", agent)
	}
	for _, e := range entries {
		if e["SYSLOG_IDENTIFIER"] != "agentkeeper" || e["PRIORITY"] == nil || !strings.Contains(fmt.Sprint(e["MESSAGE"]), "agent="+agent) {
			u.t.Errorf("an entry is %v", e)
		}
	}
	if e := u.journal("AGENTKEEPER_AGENT="+agent, "AGENTKEEPER_STATE=online"); len(e) != 1 {
		u.t.Errorf("%d entries that say online, want one", len(e))
	}
	if e := u.journal("AGENTKEEPER_AGENT="+agent, "AGENTKEEPER_OPERATION=sign_in"); len(e) == 0 {
		u.t.Error("no audit entry of the sign-in")
	}
	if worse := u.m.run("journalctl", "-q", "--no-pager", "-p", "err", "-u", unit); worse != "" {
		u.t.Errorf("errors in the journal of a good start:\n%s", worse)
	}
}

// testReload adds an agent, then breaks the file: the reload fails, is seen to
// fail, and changes nothing.
func (u *unitSite) testReload(added string) {
	before := u.platform.huawei()
	u.add(added, "")
	u.password(added, secret)
	u.deploy()
	u.m.run("systemctl", "reload", unit)
	u.awaitOnline()
	if got := touched(before, u.platform.huawei()); len(got) != 1 || got[added].SignIns != 1 {
		u.t.Errorf("operations of a reload with one agent more: %v", got)
	}
	u.testBrokenReload()
}

func (u *unitSite) testBrokenReload() {
	before := u.platform.huawei()
	pid := u.pid()
	writeFile(u.t, u.path(), u.yaml()+"listne: 127.0.0.1:1\n")
	if out, err := u.m.try("systemctl", "reload", unit); err == nil {
		u.t.Errorf("systemctl reload succeeds with a mistake: %s", out)
	}
	if err := u.k.shows(reloadGauge, 0); err != nil {
		u.t.Error(err)
	}
	u.shows(fmt.Sprintf("%d of %d agents online, 0 waiting, 0 parked; the last reload failed, the old configuration is in use", len(u.members), len(u.members)))
	if e := u.journal("PRIORITY=3"); len(e) != 1 || !strings.Contains(fmt.Sprint(e[0]["AGENTKEEPER_ERROR"]), "agentkeeper.yaml:") {
		u.t.Errorf("the journal's errors: %v, want one that names the place", e)
	}
	if active := u.m.property(unit, "ActiveState"); active != "active" || u.pid() != pid {
		u.t.Errorf("after the broken reload the unit is %s", active)
	}
	u.deploy()
	u.m.run("systemctl", "reload", unit)
	if err := u.k.shows(reloadGauge, 1); err != nil {
		u.t.Error(err)
	}
	u.untouched(before, "a broken reload and a good one")
}

// testRestart restarts twice: no agent signs in.
func (u *unitSite) testRestart() {
	for i := range 2 {
		before := u.platform.huawei()
		pid, began := u.pid(), time.Now()
		u.m.run("systemctl", "restart", unit)
		took := time.Since(began)
		u.isReady()
		if u.pid() == pid {
			u.t.Fatal("the same process after the restart")
		}
		u.untouched(before, fmt.Sprintf("restart no. %d of %v", i+1, took.Round(time.Millisecond)))
	}
}

// testCrashLoop kills the process again and again, sooner than it can settle.
func (u *unitSite) testCrashLoop() {
	before := u.platform.huawei()
	restarts := u.restarts()
	const crashes = 4
	for i := range crashes {
		u.m.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", unit)
		within(u.t, patience, "the next process", func() error {
			if n := u.restarts(); n != restarts+i+1 || u.m.property(unit, "ActiveState") != "active" {
				return fmt.Errorf("%d restarts", n)
			}
			return nil
		})
	}
	u.untouched(before, fmt.Sprintf("a crash loop of %d", crashes))
}

func (u *unitSite) restarts() int {
	u.t.Helper()
	n, err := strconv.Atoi(u.m.property(unit, "NRestarts"))
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

// testWatchdog stops the process as a machine that swaps to death does.
func (u *unitSite) testWatchdog() {
	u.dropIn("90-watchdog", "[Service]\nWatchdogSec=2s\n")
	u.m.run("systemctl", "restart", unit)
	u.awaitOnline()
	before := u.platform.huawei()
	restarts := u.restarts()
	// Idle for more than twice the watchdog's time: the scheduler moves all the same.
	throughout(u.t, 5*time.Second, "a process that is well", func() error {
		if n := u.restarts(); n != restarts {
			return fmt.Errorf("%d restarts", n-restarts)
		}
		return nil
	})
	began := time.Now()
	u.m.run("systemctl", "kill", "-s", "STOP", "--kill-who=main", unit)
	within(u.t, patience, "the watchdog", func() error {
		if u.restarts() != restarts+1 {
			return fmt.Errorf("not yet")
		}
		_, _, err := u.k.get("/-/ready")
		return err
	})
	u.t.Logf("serving again %v after the process hung, with WatchdogSec=2s", time.Since(began).Round(time.Millisecond))
	u.untouched(before, "a process that hung")
	u.dropIn("90-watchdog", "")
}

// testStop stops with more to do than TimeoutStopSec gives time for: an agent in
// a call is waited for within stop_timeout, the others are signed out.
func (u *unitSite) testStop() {
	u.stopTimeout = "6s"
	u.deploy()
	u.dropIn("90-stop", "[Service]\nTimeoutStopSec=3s\n")
	u.m.run("systemctl", "restart", unit)
	u.awaitOnline()
	talking := u.members[0].login
	u.platform.order("agents/"+talking+"/call", "{}")
	began := time.Now()
	u.m.run("systemctl", "stop", unit)
	took := time.Since(began)
	if took < 4*time.Second { // a part of stop_timeout is kept for what follows the agents' end
		u.t.Errorf("the stop took %v: the agent in a call was not waited for", took)
	}
	if result, code := u.m.property(unit, "Result"), u.m.property(unit, "ExecMainStatus"); result != "success" || code != "0" {
		u.t.Errorf("the stop ended as %s, exit code %s", result, code)
	}
	after := u.platform.huawei()
	if n := signedIn(after); n != 1 || !after.Agents[talking].SignedIn {
		u.t.Errorf("%d agents are signed in after the stop, want the one in a call", n)
	}
	if _, err := os.Stat(u.m.path("/run/agentkeeper")); err == nil {
		u.t.Error("the runtime directory is still there")
	}
	u.t.Logf("%d agents signed out, the one in a call left, in %v with TimeoutStopSec=3s and stop_timeout 6s", len(u.members)-1, took.Round(time.Millisecond))
	u.dropIn("90-stop", "")
}

// testMistakes starts with a configuration that is wrong: systemd does not try
// again, and nobody signs in.
func (u *unitSite) testMistakes() {
	before := u.platform.huawei()
	writeFile(u.t, u.path(), u.yaml()+"listne: 127.0.0.1:1\n")
	u.m.run("chown", "agentkeeper:", "/etc/agentkeeper/agentkeeper.yaml")
	if out, err := u.m.try("systemctl", "start", unit); err == nil {
		u.t.Errorf("a start with a mistake succeeds: %s", out)
	}
	throughout(u.t, 2500*time.Millisecond, "no second try", func() error {
		if state, n := u.m.property(unit, "ActiveState"), u.restarts(); state != "failed" || n != 0 {
			return fmt.Errorf("%s after %d restarts", state, n)
		}
		return nil
	})
	if code := u.m.property(unit, "ExecMainStatus"); code != "78" {
		u.t.Errorf("exit code %s, want 78", code)
	}
	if got := touched(before, u.platform.huawei()); len(got) != 0 {
		u.t.Errorf("operations: %v", got)
	}
}
