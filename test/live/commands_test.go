package live

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"agentkeeper/test/sim/huawei"
)

// outcome is a command's answer at the control socket.
type outcome struct {
	Outcome  string `json:"outcome"`
	Repeated bool   `json:"repeated"`
	Error    string `json:"error"`
	status   int
	lost     error // no answer came
}

// command asks for a state that the platform shows with a number.
func (s *service) command(login, id string, number int) outcome {
	body := fmt.Sprintf(`{"method":"POST","path":"onlineagent/%s/setcustomstate?customstate=%d","reason":"a test","id":%q,"timeout":"20s"}`, login, number, id)
	var o outcome
	status, answer, err := s.control(http.MethodPost, "/api/v1/agents/hq/"+login+"/command", body)
	if err == nil {
		err = json.Unmarshal([]byte(answer), &o)
	}
	o.status, o.lost = status, err
	return o
}

// begin is command without waiting for the answer.
func (s *service) begin(login, id string, number int) <-chan outcome {
	done := make(chan outcome, 1)
	go func() { done <- s.command(login, id, number) }()
	return done
}

// arrived lists the commands that the platform got of an agent.
func (pl *platform) arrived(login string) []huawei.Command {
	pl.t.Helper()
	var answer struct{ Commands []huawei.Command }
	if err := pl.Read(http.MethodGet, "agents/"+login+"/commands", &answer); err != nil {
		pl.t.Fatal(err)
	}
	return answer.Commands
}

// wantArrived waits until n commands of an agent have arrived.
func (pl *platform) wantArrived(login string, n int) {
	pl.t.Helper()
	within(pl.t, patience, "the command's arrival", func() error {
		if list := pl.arrived(login); len(list) < n {
			return fmt.Errorf("%d commands", len(list))
		}
		return nil
	})
}

func (o outcome) is(t *testing.T, want string, status int, repeated bool) {
	t.Helper()
	if o.lost != nil || o.Outcome != want || o.status != status || o.Repeated != repeated {
		t.Errorf("got %+v, want %s, HTTP %d, repeated %v", o, want, status, repeated)
	}
}

// TestACommandIsSentOnceOverEveryEnd ends the service while a command is under way, and
// after its answer, by kill -9 and as an upgrade does. Whoever asks again with the same
// id is told what is known, and the platform gets the command once.
func TestACommandIsSentOnceOverEveryEnd(t *testing.T) {
	t.Parallel()
	names := logins(1000, 3)
	s := newSite(t, simulate(t, "huawei", names, "--tls", "--hold", "2s"), names)
	s.place = []string{"options: {hold: 2s}", "commands: {enabled: true}"}
	s.write()
	k := s.runOnline()
	killed, upgraded := names[0], names[1]
	answered := names[2]

	k.command(answered, "before", 1).is(t, "done", 200, false)
	s.platform.send(http.MethodPatch, "switches", `{"work":{"command_time":"3s"}}`)
	first := k.begin(killed, "a", 1)
	s.platform.wantArrived(killed, 1)
	waits := k.begin(killed, "b", 2)
	time.Sleep(200 * time.Millisecond)
	k.kill9()
	for _, one := range []<-chan outcome{first, waits} {
		if o := <-one; o.lost == nil {
			t.Errorf("the service was killed, and yet answered %+v", o)
		}
	}
	k = s.launch()
	s.await(k)
	s.awaitOnline(k)
	k.command(killed, "a", 1).is(t, "doubt", 504, true)
	k.command(answered, "before", 1).is(t, "done", 200, true)
	k.command(answered, "before", 2).is(t, "refused", 422, false)
	k.command(killed, "b", 2).is(t, "done", 200, false)

	// An upgrade: what is under way has its answer, what waits is told at once.
	s.platform.send(http.MethodPatch, "switches", `{"work":{"command_time":"1s"}}`)
	underWay := k.begin(upgraded, "c", 1)
	s.platform.wantArrived(upgraded, 1)
	waits = k.begin(upgraded, "d", 2)
	time.Sleep(200 * time.Millisecond)
	k.signal(syscall.SIGUSR2)
	(<-waits).is(t, "not_sent", 503, false)
	(<-underWay).is(t, "done", 200, false)
	next, _ := s.succeed(k)
	s.awaitOnline(next)
	next.command(upgraded, "c", 1).is(t, "done", 200, true)
	next.command(upgraded, "d", 2).is(t, "done", 200, false)
	for login, n := range map[string]int{killed: 2, upgraded: 2, answered: 1} {
		if list := s.platform.arrived(login); len(list) != n {
			t.Errorf("%s: the platform got %+v, want %d commands", login, list, n)
		}
	}
	audited := 0
	for _, l := range next.logged("audit") {
		if l.text("operation") == "command" && strings.HasPrefix(l.text("command"), "POST onlineagent/"+upgraded) {
			audited++
		}
	}
	if audited != 2 {
		t.Errorf("%d audit lines of commands", audited)
	}
	next.stop()
}
