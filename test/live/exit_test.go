package live

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecondProcess starts a second service on the same store: it ends with 75
// before it binds anything, though the same addresses are configured.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	s := newSite(t, simulate(t, "huawei", names), names)
	s.listen = freeAddress(t)
	s.write()
	k := s.runOnline()
	before := s.platform.huawei()
	second := s.launch()
	second.wantCode(patience, 75)
	if text := second.err.String(); !strings.Contains(text, filepath.Join(s.dir, "store")) {
		t.Errorf("the message %q does not name the store", text)
	}
	if status, _, err := k.control("GET", "/api/v1/agents", ""); err != nil || status != 200 {
		t.Errorf("the first service's control socket after the second start: %d, %v", status, err)
	}
	if err := k.online(3); err != nil {
		t.Error(err)
	}
	if got := touched(before, s.platform.huawei()); len(got) != 0 {
		t.Errorf("the second process caused operations: %v", got)
	}
}

// TestAddressInUse has somebody else listen there.
func TestAddressInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	names := logins(291, 1)
	s := newSite(t, simulate(t, "huawei", names), names)
	s.listen = l.Addr().String()
	s.write()
	p := finished(t, "agentkeeper", "run", "-c", s.path())
	p.wantCode(patience, 1)
	for _, want := range []string{s.listen, "address already in use", "`listen`"} {
		if !strings.Contains(p.err.String(), want) {
			t.Errorf("the message %q lacks %q", p.err.String(), want)
		}
	}
	if n := s.platform.huawei().Total.SignIns; n != 0 {
		t.Errorf("%d sign-ins, want none", n)
	}
}

// mistakes are twenty, each on lines of its own.
const mistakes = `listen: nowhere
stop_timeout: soon
log: {level: loud}
stroe: {dir: /nowhere}
per_agent_metrics: perhaps
events: {max_age: -1h, max_bytes: many}
platforms:
  hq:
    vendor: huawei
    url: ftp://10.0.0.5
    window: 2 minutes
    sign_in: {rate: fast, concurrent: 0}
    backoff: {initial: 2m, max: 1m}
    lockout: {failures: none}
    options: {hold: forever, color: red}
groups:
  - name: bots
    platform: nowhere
    agents:
      - {login: "291", number: "40291", password: here}
  - name: more bots
    platform: hq
    agents:
      - {number: "40292", password_file: absent}
`

// TestMistakes wants every mistake of a configuration at once.
func TestMistakes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "agentkeeper.yaml")
	writeFile(t, path, mistakes)
	form := regexp.MustCompile(`^` + regexp.QuoteMeta(path) + `:\d+:\d+: .+`)
	for _, verb := range []string{"run", "check"} {
		p := finished(t, "agentkeeper", verb, "-c", path)
		p.wantCode(patience, 78)
		found := strings.Split(strings.TrimSuffix(p.err.String(), "\n"), "\n")
		if len(found) != 20 {
			t.Errorf("%s: %d lines, want 20:\n%s", verb, len(found), p.err.String())
		}
		for _, l := range found {
			if !form.MatchString(l) {
				t.Errorf("%s: %q is not FILE:LINE:COL: text", verb, l)
			}
		}
	}
}

// TestMissingFiles are configuration errors.
func TestMissingFiles(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names), names)
	if err := os.Remove(filepath.Join(s.dir, "secrets", "292")); err != nil {
		t.Fatal(err)
	}
	p := finished(t, "agentkeeper", "run", "-c", s.path())
	p.wantCode(patience, 78)
	want := "passwords_dir " + filepath.Join(s.dir, "secrets") + ", the file named as this login: no such file"
	if place := regexp.MustCompile(`:\d+:\d+: `); !strings.Contains(p.err.String(), want) || !place.MatchString(p.err.String()) {
		t.Errorf("the message %q does not say which file is missing, and where its login stands", p.err.String())
	}
	finished(t, "agentkeeper", "run", "-c", filepath.Join(s.dir, "absent.yaml")).wantCode(patience, 78)
	if n := s.platform.huawei().Total.SignIns; n != 0 {
		t.Errorf("%d sign-ins, want none", n)
	}
}

// TestStatusCodes asks for the status of services that are there, were there
// and never were.
func TestStatusCodes(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	s := newSite(t, simulate(t, "huawei", names), names)
	k := s.runOnline()
	status := func(want int, args ...string) *process {
		t.Helper()
		p := finished(t, "agentkeeper", append([]string{"status"}, args...)...)
		p.wantCode(patience, want)
		return p
	}
	if out := status(0, "--control", k.socket()).out.String(); strings.Count(out, "online") < 3 {
		t.Errorf("status prints\n%s", out)
	}
	if out := status(0, "--control", k.socket(), "--check").out.String(); !strings.HasPrefix(out, "OK - 3 of 3 agents online") {
		t.Errorf("status --check prints %q", out)
	}
	status(2, "--bogus")
	absent := filepath.Join(s.dir, "absent.sock")
	if text := status(69, "--control", absent).err.String(); !strings.Contains(text, absent) {
		t.Errorf("the message %q does not name the socket", text)
	}
	k.kill()
	status(69, "--control", k.socket())
	status(3, "--control", k.socket(), "--check")
}

// TestLockout gives ten agents wrong passwords: the platform sees as many
// attempts as the lock-out budget allows and no more, over restarts too.
func TestLockout(t *testing.T) {
	t.Parallel()
	names := logins(291, 10)
	s := newSite(t, simulate(t, "huawei", names), names)
	for _, login := range names {
		s.password(login, "wrong")
	}
	k := s.run()
	const quarantined = `agentkeeper_quarantined{platform="hq"}`
	for i, end := range []func(*service){(*service).kill9, (*service).stop, (*service).kill9, nil} {
		within(t, patience, "the quarantine", func() error { return k.shows(quarantined, 1) })
		within(t, patience, "every agent's reason", func() error { return stopped(k) })
		if n := s.platform.huawei().Total.SignIns; n > 3 || n == 0 {
			t.Fatalf("start %d: the platform counts %d attempts, want 1 to 3", i+1, n)
		}
		if status, _, err := k.get("/-/healthy"); err != nil || status != 200 {
			t.Errorf("/-/healthy: %d, %v", status, err)
		}
		finished(t, "agentkeeper", "status", "--control", k.socket(), "--check").wantCode(patience, 2)
		if end == nil {
			break
		}
		end(k)
		k = s.run()
	}
	table := finished(t, "agentkeeper", "status", "--control", k.socket())
	table.wantCode(patience, 0)
	if got := strings.Count(table.out.String(), "quarantine"); got < 7 {
		t.Errorf("status shows %d agents in quarantine, want 7:\n%s", got, table.out.String())
	}
	for login, a := range k.agents() {
		if a.State == "parked" && (a.Code != "100-004" || a.Action == "") {
			t.Errorf("agent %s: code %q, action %q: want the vendor's code and what to do", login, a.Code, a.Action)
		}
	}
	t.Logf("10 wrong passwords, 4 starts: the platform counts %d attempts", s.platform.huawei().Total.SignIns)
}

// stopped returns nil when three agents are parked as refused and the others
// wait for the end of the quarantine.
func stopped(k *service) error {
	list, err := k.list()
	if err != nil {
		return err
	}
	got := map[string]int{}
	for _, a := range list {
		got[a.State+" "+a.Reason]++
	}
	if got["parked refused"] != 3 || got["waiting quarantine"]+got["parked quarantine"] != 7 {
		return fmt.Errorf("agents by state: %v, want 3 refused and 7 in quarantine", got)
	}
	return nil
}
