package live

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// step is one command: what it ends with, and what it prints.
type step struct {
	line string // words divided by blanks; '~' stands for a blank in a word
	code int
	out  string // a part of the standard output; "" for nothing at all
	err  string // a part of the standard error; "" for nothing at all
}

// runs carries steps out, one after the other.
func (s *site) runs(k *service, steps []step) {
	s.t.Helper()
	for _, st := range steps {
		args := strings.Fields(st.line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "~", " ")
		}
		cmd := command("agentkeeper", args...)
		cmd.Dir = s.dir
		cmd.Env = append(cmd.Env, "AGENTKEEPER_CONTROL="+k.socket())
		p := start(s.t, cmd)
		if got := p.code(patience); got != st.code {
			s.t.Errorf("%s: exit code %d, want %d\n%s%s", st.line, got, st.code, p.out.String(), p.err.String())
			continue
		}
		for _, said := range []struct{ what, got, want string }{{"output", p.out.String(), st.out}, {"error", p.err.String(), st.err}} {
			if !regexp.MustCompile(said.want).MatchString(said.got) || (said.want == "" && said.got != "") {
				s.t.Errorf("%s: the standard %s is\n%s\nwant %q", st.line, said.what, said.got, said.want)
			}
		}
	}
}

// TestCommandLine goes through the commands as a person at night would.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	names := logins(291, 4)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	// Pauses so long that an agent of a platform that is away is seen waiting, and
	// not in its next attempt.
	s.place = []string{"options: {hold: 1s}", "backoff: {initial: 5m, max: 5m}"}
	s.write()
	k := s.runOnline()
	s.runs(k, []step{
		{"status", 0, `hq/294 +online +online[\s\S]*\n\n4 agents: 4 online; all as wished; able to work \d of 4\n$`, ""},
		{"status --state parked", 0, `0 agents; all as wished`, ""},
		{"status --state asleep", 2, "", "unknown state"},
		{"status -o json", 0, `^{"agents":\[{"id":"hq/291"`, ""},
		{"status --watch --check", 2, "", "--watch"},
		{"status --platform hg", 1, "", `no such platform: hg; did you mean hq\? \(there are: hq\)`},
		{"status --check --group bot", 3, `^UNKNOWN - no such group: bot; did you mean bots\?`, ""},
		{"status --check --state online", 2, "", "leave --state"},
		{"help status", 0, "^Usage: agentkeeper status", ""},
		{"--version", 0, "^agentkeeper .*commit", ""},
		{"version -o json", 0, `"version":`, ""},
		{"explain hq/291", 0, `^hq/291 is online, since [\s\S]*The configuration wants it online[\s\S]*The last changes:[\s\S]*signing_in`, ""},
		{"explain hq/291 -o json", 0, `"explanation":\["hq/291 is online, since`, ""},
		{"explain hq/29l", 1, "", `no such agent: hq/29l; did you mean hq/291 or hq/292 or hq/293\?`},
		{"explain 291", 1, "", `no such agent: 291; did you mean hq/291\?`},
		{"explain", 2, "", `expected "<agent>"\nTry: agentkeeper explain --help`},
		{"sign-out hq/291", 2, "", "missing flags: --reason"},
		{"sign-out hq/291 --reason ~", 2, "", "--reason is missing"},
		{"sign-out --reason x", 2, "", "for which agents"},
		{"sign-out --all hq/291 --reason x", 2, "", "--all and hq/291 together"},
		{"sign-out hq/29* --reason x", 2, "", `sign-out 4 agents \(hq/291 … hq/294\): add --yes`},
		{"sign-out hq/2g1 hq/999 --reason x", 1, "", `no such agent: hq/2g1; did you mean hq/291\?|no such agent: hq/999`},
		{"sign-out hq/x* --reason x", 1, "", "no agent's name is like hq/x"},
		{"sign-out --group bot --reason x", 1, "", `no such group: bot; did you mean bots\?`},
		{"sign-out hq/291 --reason x --for soon", 2, "", "soon"},
		{"sign-out hq/291 --reason x --for 0s", 2, "", "over at once"},
		{"events --after 99999", 0, "session.signed_in", "gap: the service's store was lost"},
		{"events --since=-5m", 2, "", "has nothing in it"},
		{"events --agent hq/29l", 1, "", `no such agent: hq/29l; did you mean `},
		{"resume hq/291 --reason x --for 1h", 2, "", "--for"},
		{"sign-out hq/291 --reason drill --for 1h --wait 30s", 0, `^hq/291 is offline, after `, ""},
		{"explain hq/291", 0, `root|uid \d+\) said sign-out at .* ago\): "drill"\. That holds[\s\S]*resume hq/291`, ""},
		{"sign-in hq/291 --reason over", 0, `^hq/291: sign-in is stored; wished online, `, ""},
		{"resume hq/291 --reason over --wait", 0, `^hq/291 is online, after `, ""},
		{"pause hq/29? --reason drill --yes --wait 30s", 0, `^4 agents are offline, after `, ""},
		{"status", 0, `4 agents: 4 offline; all as wished`, ""},
		{"resume --platform hq --group bots --reason over --yes --wait 30s -o json", 0, `^{"agents":\[{"id":"hq/291".*"state":"online"`, ""},
		{"resume --all --reason over --yes", 0, `^4 agents: resume is stored\n$`, ""},
		{"credential hq/291 -o token", 1, "", "has no token"},
		{"credential hq/291 --after 99", 75, "", "no credential newer"},
		{"credential hq/999", 1, "", "no such agent"},
		{"credential 291", 2, "", "no agent name"},
	})

	// A password that is wrong now: the wait ends at once, and says why.
	s.platform.order("agents/292/password", `{"password":"other"}`)
	s.runs(k, []step{
		{"sign-out hq/292 --reason drill --wait 30s", 0, "offline", ""},
		{"sign-in hq/292 --reason drill --wait 30s", 1, "", `failed: hq/292 is parked \(refused\): 100-004: .*password[\s\S]*1 of 1 agents failed`},
		{"explain hq/292", 0, `is parked[\s\S]*100-004: [\s\S]*Nothing is tried[\s\S]*agentkeeper resume hq/292`, ""},
		{"status --check", 2, "^CRITICAL - 3 of 4 agents online, stopped: hq/292", ""},
		{"credential hq/292", 75, "", "no session"},
	})
	// A person's sign-in tries once more, and once only.
	tried := s.platform.huawei().Counts["292"].SignIns
	s.runs(k, []step{{"sign-in hq/292 --reason again --wait 30s", 1, "", `failed: hq/292 is parked`}})
	if got := s.platform.huawei().Counts["292"].SignIns - tried; got != 1 {
		t.Errorf("sign-in of a parked agent: %d attempts, want 1", got)
	}
	s.platform.order("agents/292/password", `{"password":"`+secret+`"}`)
	s.runs(k, []step{
		{"resume hq/292 --reason unlocked --wait 30s -o json", 0, `^{"agents":\[{"id":"hq/292".*"state":"online"`, ""},
	})

	// A platform that is away: not in time.
	s.runs(k, []step{{"pause hq/293 --reason drill --wait 30s", 0, "offline", ""}})
	s.platform.order("outage", `{"mode":"status"}`)
	s.runs(k, []step{
		{"sign-in hq/293 --reason drill --wait 5s", 75, "", `not yet: hq/293 is waiting \(outage\)[\s\S]*1 of 1 agents were not ready in time; the order stays in force`},
	})
	within(t, patience, "the outage", func() error { return k.is("293", "waiting", "outage") })
	s.runs(k, []step{{"explain hq/293", 0, `waits, since [\s\S]*does not\s+answer[\s\S]*Next, `, ""}})
}

// TestReloadCommand plans and reloads.
func TestReloadCommand(t *testing.T) {
	t.Parallel()
	names := logins(291, 4)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names[:3])
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	k := s.runOnline()
	s.runs(k, []step{
		{"plan", 0, `^0 to start, 0 to stop, 0 to change, 3 to be left as they are\n$`, ""},
		{"plan -c absent.yaml", 78, "", "absent.yaml"},
	})
	s.remove("291")
	s.remove("292")
	s.add("292", "status: 3")
	s.add("294", "")
	s.password("294", secret)
	s.stopTimeout = "20s"
	s.top = []string{"per_agent_metrics: true"}
	writeFile(t, filepath.Join(s.dir, "new.yaml"), s.yaml())
	s.runs(k, []step{
		{"plan", 0, `^0 to start, 0 to stop, 0 to change, 3 to be left as they are\n$`, ""},
		{"plan -c new.yaml", 0, `^start   hq/294\nstop    hq/291\nchange  hq/292\n1 to start, 1 to stop, 1 to change, 1 to be left as they are\n$`, `^warning: per_agent_metrics changed, which needs a restart\n$`},
		{"plan -c new.yaml -o json", 0, `^{"start":\["hq/294"\],"stop":\["hq/291"\],"change":\["hq/292"\],"leave":\["hq/293"\],"warnings":\["per_agent`, "warning"},
	})
	s.write()
	s.runs(k, []step{
		{"reload --wait 45s", 0, `^1 started, 1 stopped, 1 changed, 1 left as they were\ncarried out, after `, "warning"},
		{"status", 0, `hq/292[\s\S]*hq/293[\s\S]*hq/294[\s\S]*\n3 agents: 3 online; all as wished`, ""},
		{"reload", 0, `^0 started, 0 stopped, 0 changed, 3 left as they were\n$`, "warning"},
	})
	s.top = nil
	s.write()
	s.runs(k, []step{{"reload -o json", 0, `^{"start":\[\],"stop":\[\],"change":\[\],"leave":\["hq/292","hq/293","hq/294"\]}\n$`, ""}})

	writeFile(t, s.path(), s.yaml()+"listne: 1\nstop_timeot: 1s\n")
	mistake := `^` + regexp.QuoteMeta(s.path()) + `:\d+:1: .*listne.*\n` + regexp.QuoteMeta(s.path()) + `:\d+:1: .*stop_timeot.*\n$`
	s.runs(k, []step{{"reload", 78, "", mistake}, {"plan", 78, "", mistake}, {"status", 0, "3 agents: 3 online", ""}})

	// One that is started and refused: the reload was carried out, and failed.
	s.add("291", "")
	s.password("291", "wrong")
	s.write()
	s.runs(k, []step{{"reload --wait 30s", 1, "^1 started", `failed: hq/291 is parked \(refused\): 100-004`}})
}

// TestEventsCommand prints what is kept, and follows over a restart.
func TestEventsCommand(t *testing.T) {
	t.Parallel()
	names := logins(291, 2)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	k := s.runOnline()
	s.platform.order("agents/291/event", `{"type":"AgentState_Busy","content":null}`)
	within(t, patience, "the event", func() error { return k.shows(`agentkeeper_events_received_total{platform="hq"}`, 5) })
	s.runs(k, []step{
		{"events", 0, `hq/291 +session\.signed_in\n[\s\S]*hq/291 +huawei\.AgentState_Busy +{.*"eventType":"AgentState_Busy"`, ""},
		{"events --agent hq/292 --type session.*", 0, `^ +\d+ +\S+ \S+ +hq/292 +session\.signed_in\n$`, ""},
		{"events --agent hq/291 --type huawei.AgentState_Busy -o json", 0, `^{"specversion":"1.0",.*"type":"huawei.AgentState_Busy".*,"position":\d+}\n$`, ""},
		{"events --since 1h --type session.signed_in", 0, `hq/29\d +session.signed_in\n.*hq/29\d +session.signed_in\n$`, ""},
		{"events --after 9999999", 0, `session.signed_in`, "^gap: the service.s store was lost"}, // a position of another store: all there is
		{"events --agent hq/29", 1, "", `no such agent: hq/29; did you mean`},
		{"events --follow --agent hq/29", 1, "", `no such agent: hq/29; did you mean`},
		{"events --agent 29", 1, "", "no such agent: 29"},
		{"events --agent hq/*2 --type session.signed_in", 0, `^ +\d+ +\S+ \S+ +hq/292 +session\.signed_in\n$`, ""},
		{"events --agent x*", 1, "", "no agent's name is like x"},
		{"events --after 3 --since 1h", 2, "", "--after and --since together"},
		{"events --after minus", 2, "", "minus"},
	})

	follow := start(t, command("agentkeeper", "events", "--follow", "--control", k.socket(), "--after", "0", "--type", "session.*", "-o", "json"))
	within(t, patience, "the events before", func() error { return follow.says("hq/292") })
	k.signal(syscall.SIGUSR2)
	k.wantCode(patience, 0)
	within(t, patience, "the notice of the loss", func() error { return follow.saysError("waiting for the service to come back") })
	k = s.runOnline()
	within(t, patience, "the notice of the return", func() error { return follow.saysError("the service is back") })
	within(t, patience, "the events after", func() error { return follow.says("session.adopted") })
	follow.signal(syscall.SIGINT)
	follow.wantCode(patience, 0)
	positions := map[uint64]bool{}
	for line := range strings.Lines(follow.out.String()) {
		var e struct{ Position uint64 }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Position == 0 {
			t.Fatalf("%q: %v", line, err)
		}
		if positions[e.Position] {
			t.Errorf("position %d came twice", e.Position)
		}
		positions[e.Position] = true
	}
	if text := follow.err.String(); strings.Count(text, "\n") != 2 {
		t.Errorf("told on standard error:\n%s", text)
	}
	k.kill()
	s.runs(k, []step{{"events --follow", 69, "", "has ended"}})
}

// saysError returns nil once the standard error contains text.
func (p *process) saysError(text string) error {
	if strings.Contains(p.err.String(), text) {
		return nil
	}
	return &notSaid{text, p.err.String()}
}

type notSaid struct{ want, got string }

func (e *notSaid) Error() string { return "the standard error is " + e.got + ", want " + e.want }

// TestSocketTrouble has everything at the control socket's path but the service.
func TestSocketTrouble(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	foreign := filepath.Join(dir, "foreign.sock")
	web := filepath.Join(dir, "web.sock")
	writeFile(t, file, "no socket")
	serve(t, foreign, func(l net.Listener) {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_, _ = c.Read(make([]byte, 4096)) // the request
			_, _ = c.Write([]byte("220 mail.example ESMTP\r\n"))
			_ = c.Close()
		}
	})
	serve(t, web, func(l net.Listener) {
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>welcome</html>"))
		})}
		_ = server.Serve(l)
	})
	for socket, want := range map[string]string{
		filepath.Join(dir, "absent.sock"): "no service at .*absent.sock: start it, or name its control socket",
		file:                              "file is no socket: name the service's control socket",
		foreign:                           "what answers on .*foreign.sock is no agentkeeper: name",
		web:                               "what answers on .*web.sock is no agentkeeper: name",
	} {
		for _, args := range [][]string{
			{"status"}, {"explain", "hq/291"}, {"reload"}, {"plan"}, {"events"}, {"credential", "hq/291"}, {"resume", "--all", "--reason", "x", "--yes"},
		} {
			p := finished(t, "agentkeeper", append(args, "--control", socket)...)
			p.wantCode(patience, 69)
			if !regexp.MustCompile(want).MatchString(p.err.String()) {
				t.Errorf("%v at %s: %q, want %q", args, socket, p.err.String(), want)
			}
		}
	}
	finished(t, "agentkeeper", "status", "--check", "--control", foreign).wantCode(patience, 3)
}

func serve(t *testing.T, path string, accept func(l net.Listener)) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go accept(l) // ends with the listener
}

// TestNotPermitted asks as somebody else: root asks as nobody, another user
// takes its own permission away.
func TestNotPermitted(t *testing.T) {
	t.Parallel()
	names := logins(291, 1)
	s := newSite(t, simulate(t, "huawei", names), names)
	k := s.runOnline()
	dir, err := os.MkdirTemp("", "agentkeeper-nobody-") //nolint:usetesting // nobody may enter a test's own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "agentkeeper")
	if err := os.Link(filepath.Join(programs, "agentkeeper"), program); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "status", "--control", k.socket())
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	} else if err := os.Chmod(k.socket(), 0); err != nil {
		t.Fatal(err)
	}
	text, _ := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 77 || !strings.Contains(string(text), "you may not open "+k.socket()+": ask as root") {
		t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), text)
	}
}

// TestOnTerminal asks before a word to many, shows a bar, colours and a table
// that fits; none of it with NO_COLOR or elsewhere.
func TestOnTerminal(t *testing.T) {
	t.Parallel()
	names := logins(291, 30)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place, s.signIn = []string{"options: {hold: 1s}"}, "rate: 15, concurrent: 5"
	s.write()
	k := s.runOnline()
	env := []string{"AGENTKEEPER_CONTROL=" + k.socket()}

	no := onTerminal(t, 80, env, "agentkeeper", "pause", "--all", "--reason", "drill")
	within(t, patience, "the question", func() error { return no.shows("pause 30 agents (hq/291 … hq/320)? [y/N] ") })
	no.types("\n")
	if code := no.code(); code != 1 || no.shows("nothing was done") != nil {
		t.Errorf("an empty answer: exit code %d, %q", code, no.text.String())
	}
	yes := onTerminal(t, 80, env, "agentkeeper", "pause", "--all", "--reason", "drill", "--wait")
	within(t, patience, "the question", func() error { return yes.shows("[y/N] ") })
	yes.types("y\n")
	if code := yes.code(); code != 0 || yes.shows("30 agents are offline") != nil {
		t.Errorf("exit code %d, %q", code, yes.text.String())
	}

	for _, colour := range []bool{true, false} {
		if !colour {
			env = append(env, "NO_COLOR=1")
		}
		finished(t, "agentkeeper", "pause", "--all", "--yes", "--reason", "drill", "--wait", "--control", k.socket()).wantCode(patience, 0)
		bar := onTerminal(t, 80, env, "agentkeeper", "resume", "--all", "--yes", "--reason", "over", "--wait")
		if code := bar.code(); code != 0 || bar.shows("30 agents are online") != nil {
			t.Errorf("exit code %d, %q", code, bar.text.String())
		}
		text := bar.text.String()
		if !regexp.MustCompile(`resume \[\S*=.*\] \d+/30`).MatchString(text) {
			t.Errorf("no bar in %q", text)
		}
		if strings.Contains(text, "\x1b[32m") != colour {
			t.Errorf("colour %v: %q", colour, text)
		}
		for _, columns := range []int{40, 80, 200} {
			table := onTerminal(t, columns, env, "agentkeeper", "status")
			if code := table.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			shown := table.text.String()
			if strings.Contains(shown, "\x1b[32monline\x1b[0m") != colour {
				t.Errorf("colour %v: %q", colour, shown)
			}
			lines := strings.Split(regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(shown, ""), "\r\n")
			for _, l := range lines {
				if len([]rune(l)) > columns {
					t.Errorf("%d columns: %q", columns, l)
				}
			}
			if strings.Contains(lines[0], "DETAIL") != (columns == 200) {
				t.Errorf("%d columns: %q", columns, lines[0])
			}
		}
	}
	plain := finished(t, "agentkeeper", "resume", "--all", "--yes", "--reason", "over", "--wait", "--control", k.socket())
	if text := plain.out.String() + plain.err.String(); strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("not a terminal: %q", text)
	}
}
