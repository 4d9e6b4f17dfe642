package huawei

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"agentkeeper/test/sim"
)

// there is where callbacks arrive.
type there struct {
	line *sim.PipeListener

	mu     sync.Mutex
	fails  int // that many callbacks are answered 503 first
	got    []arrived
	events []string
}

type arrived struct {
	at          time.Time
	guid, token string
	body        string
	types       []string
}

func listenThere(t *testing.T) *there {
	t.Helper()
	c := &there{line: sim.Pipe()}
	server := sim.Serve(c.line, c, nil)
	t.Cleanup(func() { _ = server.Close() })
	return c
}

func (c *there) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	type one struct {
		EventType string `json:"eventType"`
	}
	var v struct {
		EventList []one `json:"eventList"`
		Event     *one  `json:"event"`
	}
	_ = json.Unmarshal(body, &v)
	if v.Event != nil {
		v.EventList = append(v.EventList, *v.Event)
	}
	a := arrived{at: time.Now(), guid: r.Header.Get("Guid"), token: r.Header.Get("service_token"), body: string(body)}
	for _, e := range v.EventList {
		a.types = append(a.types, e.EventType)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, a)
	if c.fails > 0 {
		c.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	c.events = append(c.events, a.types...)
	_, _ = io.WriteString(w, `{"message":"success","retcode":"0"}`)
}

func (c *there) all() ([]arrived, []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got), slices.Clone(c.events)
}

const toThere = `,"callBackUri":"http://there/callback/hq","serviceToken":"abc"`

var firstTypes = []string{"AgentOther_InService", "AgentState_Ready"}

func (c *caller) push(extra string) {
	c.t.Helper()
	c.want(c.call("PUT", "/onlineagent/{id}", c.body(toThere+extra)), "0")
}

func TestPushedInOrder(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.push("")
		time.Sleep(time.Second)
		if err := s.Call("291"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		got, events := a.there.all()
		want := append(slices.Clone(firstTypes), "AgentState_Busy", "AgentOther_PhoneAlerting", "AgentOther_PhoneOffhook", "AgentEvent_Auto_Answer", "AgentEvent_Talking")
		if !slices.Equal(events, want) || len(got) != 6 {
			t.Errorf("events %v in %d callbacks, want %v in 6", events, len(got), want)
		}
		if got[0].guid != a.guid || got[0].token != "abc" {
			t.Errorf("Guid %q, token %q", got[0].guid, got[0].token)
		}
		if st := s.Agent("291"); !st.Push || st.HandedOut != 7 || st.PushFailed != 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestPushedAgainOrLost(t *testing.T) {
	for noRetry, want := range map[bool][]string{false: firstTypes, true: nil} {
		with(t, Switches{PushNoRetry: noRetry}, func(t *testing.T, s *Sim, a *caller) {
			a.there.fails = 2
			a.push("")
			time.Sleep(10 * time.Second)
			_, events := a.there.all()
			if !slices.Equal(events, want) {
				t.Errorf("no retry %v: events %v, want %v", noRetry, events, want)
			}
			if st := s.Agent("291"); (st.PushLost == 2) != noRetry || st.PushFailed == 0 {
				t.Errorf("no retry %v: %+v", noRetry, st)
			}
		})
	}
}

func TestPushedBeforeTheAnswer(t *testing.T) {
	with(t, Switches{PushEarly: true}, func(t *testing.T, _ *Sim, a *caller) {
		begin := time.Now()
		a.push("")
		got, _ := a.there.all()
		if len(got) == 0 || !got[0].at.Equal(begin) || time.Since(begin) < headStart {
			t.Errorf("callbacks %v, answer after %v", got, time.Since(begin))
		}
	})
}

func TestPushedOneByOne(t *testing.T) {
	with(t, Switches{PushSingle: true, PushNoToken: true, PushNoGuid: true}, func(t *testing.T, _ *Sim, a *caller) {
		a.push("")
		time.Sleep(time.Second)
		got, events := a.there.all()
		if len(got) != 2 || !slices.Equal(events, firstTypes) || got[0].guid+got[0].token != "" {
			t.Errorf("%+v", got)
		}
	})
}

func TestPushTellsOfTheEnd(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.push("")
		time.Sleep(time.Second)
		if err := s.Kick("291"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, events := a.there.all(); len(events) != 3 || events[2] != "AgentOther_ShutdownService" {
			t.Errorf("events %v", events)
		}
		a.want(a.call("POST", "/onlineagent/{id}/handshake", ""), NotSignedIn)
	})
}

func TestWhatKeepsAPushedSession(t *testing.T) {
	for keep, codes := range map[string][2]string{KeepAliveHandshake: {"0", "000-002"}, KeepAliveHeartbeat: {"000-002", "0"}, KeepAliveBoth: {"0", "0"}} {
		with(t, Switches{KeepAlive: keep}, func(t *testing.T, s *Sim, a *caller) {
			a.push("")
			for i, method := range []string{"POST", "PUT"} {
				path := [2]string{"/onlineagent/{id}/handshake", "/onlineagent/{id}/heartbeat"}[i]
				a.want(a.call(method, path, ""), codes[i])
			}
			time.Sleep(2*time.Minute + time.Second)
			if st := s.Agent("291"); st.SignedIn || st.Reaped != 1 {
				t.Errorf("%s: not reaped: %+v", keep, st)
			}
		})
	}
}

func TestTwoHandshakesAtOnceAreAViolation(t *testing.T) {
	with(t, Switches{}, func(t *testing.T, s *Sim, a *caller) {
		a.push("")
		s.Faults.Add(sim.Fault{Op: sim.OpMessage, Mode: sim.ModeSlow, Delay: sim.Duration(5 * time.Second), Count: 1})
		done := make(chan struct{})
		go func() { a.call("POST", "/onlineagent/{id}/handshake", ""); close(done) }()
		time.Sleep(time.Second)
		b := *a
		b.call("POST", "/onlineagent/{id}/handshake", "")
		<-done
		if n := len(s.Ops.Violations()); n != 1 {
			t.Errorf("%d violations, want 1", n)
		}
	})
}
