package live

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// traced returns nil while the API and the metrics say that n agents are traced.
func (s *service) traced(n int) func() error {
	return func() error {
		_, body, err := s.get("/api/v1/service")
		if err != nil {
			return err
		}
		if got := strings.Count(body, `"until"`); got != n {
			return fmt.Errorf("%d agents are traced, want %d: %s", got, n, body)
		}
		return s.shows("agentkeeper_agents_traced", float64(n))
	}
}

// TestTrace prints an agent's exchange: to the end of its time, to an interruption,
// until somebody else ends it; and writes it into the log alone, by the command and
// by the configuration.
func TestTrace(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	s.top = []string{"log: {trace: {agents: [hq/293], for: 2s}}"}
	s.write()
	k := s.run()
	within(t, patience, "all agents online", func() error { return k.online(3) })
	within(t, patience, "the sign-in in the log", func() error { return k.saysError(`"agent":"hq/293","step":"request","exchange":1,"method":"PUT"`) })
	within(t, patience, "the end of the configuration's trace", k.traced(0))
	run := func(args ...string) *process {
		return start(t, command("agentkeeper", append([]string{"trace", "--control", k.socket()}, args...)...))
	}

	p := run("hq/291", "--for", "3s")
	p.wantCode(patience, 0)
	for _, want := range []string{"hq/291 > request GET /agentgateway/resource/agentevent/291 #", "    > Guid: ***\n", "hq/291 < answer 200 #", `    < {"message":"","retcode":"0"}`} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("%q is missing in %s", want, p.out.String())
		}
	}
	if !strings.Contains(p.err.String(), "the trace is over: time over") {
		t.Errorf("the end is told as %s", p.err.String())
	}

	p = run("hq/291", "hq/292", "-o", "json")
	within(t, patience, "the trace of two", k.traced(2))
	within(t, patience, "their lines", func() error { return p.says(`"agent":"hq/292","step":"answer"`) })
	p.signal(syscall.SIGINT)
	p.wantCode(patience, 0)
	within(t, patience, "the end with the interruption", k.traced(0))

	p = run("hq/291")
	within(t, patience, "the trace of one", k.traced(1))
	finished(t, "agentkeeper", "trace", "--control", k.socket(), "hq/291", "--off").wantCode(patience, 0)
	p.wantCode(patience, 0)
	within(t, patience, "the end by somebody else", k.traced(0))

	finished(t, "agentkeeper", "trace", "--control", k.socket(), "hq/*", "--log-only", "--for", "1h").wantCode(patience, 0)
	if err := k.traced(3)(); err != nil {
		t.Error(err)
	}
	if list := finished(t, "agentkeeper", "status", "--control", k.socket()).out.String(); !strings.Contains(list, "hq/292 is traced for another ") {
		t.Errorf("status says %s", list)
	}
	finished(t, "agentkeeper", "trace", "--control", k.socket(), "hq/29").wantCode(patience, 1)
	finished(t, "agentkeeper", "trace", "--control", k.socket(), "hq/291", "--for", "61m").wantCode(patience, 2)
	if strings.Contains(k.err.String(), secret) {
		t.Error("the log shows the password")
	}
	p = run("hq/291", "--for", "1h")
	within(t, patience, "its lines", func() error { return p.says("hq/291 ") })
	k.stop()
	p.wantCode(patience, 0)
	if err := p.saysError("the trace is over: the service ends"); err != nil {
		t.Error(err)
	}
}
