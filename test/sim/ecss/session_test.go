package ecss_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

func TestDropGrace(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
			r.login("1").vanish()
			equal(t, "state", r.agent("1").State, ecss.StateStopped)
			equal(t, "drops", r.agent("1").Record.Drops, 1)
		})
	})
	t.Run("seated meanwhile", func(t *testing.T) {
		bubble(t, ecss.Switches{DropGrace: sim.Duration(time.Minute)}, func(t *testing.T, r *rig) {
			r.login("1").vanish()
			time.Sleep(59 * time.Second)
			equal(t, "state", r.agent("1").State, ecss.StateAvailable)
			equal(t, "number", payloadOf(r.dial().ask("login", credentials("2", "401")))["message"], any(ecss.TextOccupied))
			time.Sleep(time.Second)
			equal(t, "state", r.agent("1").State, ecss.StateStopped)
			equal(t, "number free", r.dial().ask("login", credentials("2", "401"))["status"], any(200.0))
		})
	})
	t.Run("the same agent returns", func(t *testing.T) {
		bubble(t, ecss.Switches{DropGrace: sim.Duration(time.Minute)}, func(t *testing.T, r *rig) {
			r.login("1").vanish()
			r.login("1")
			equal(t, "sessions", r.agent("1").Sessions, 1)
			time.Sleep(2 * time.Minute)
			equal(t, "state", r.agent("1").State, ecss.StateAvailable)
			r.violations(0, "")
		})
	})
	t.Run("its ghost is in the way", func(t *testing.T) {
		bubble(t, ecss.Switches{DropGrace: sim.Duration(time.Minute), GhostOccupies: true}, func(t *testing.T, r *rig) {
			r.login("1").vanish()
			c := r.dial()
			equal(t, "at once", payloadOf(c.ask("login", credentials("1", "401")))["message"], any(ecss.TextOccupied))
			time.Sleep(time.Minute)
			equal(t, "later", c.ask("login", credentials("1", "401"))["status"], any(200.0))
		})
	})
	for choice, want := range map[string]string{"drop": ecss.StateAvailable, "logout": ecss.StateStopped} {
		t.Run("clean close as "+choice, func(t *testing.T) {
			bubble(t, ecss.Switches{DropGrace: sim.Duration(time.Minute), CleanClose: choice}, func(t *testing.T, r *rig) {
				_ = r.login("1").conn.Close(websocket.StatusNormalClosure, "")
				equal(t, "state", r.agent("1").State, want)
			})
		})
	}
}

// ended checks what a websocket sees of its session's end.
func ended(t *testing.T, c *client, signal, reason string) {
	t.Helper()
	switch signal {
	case "push_close":
		equal(t, "push", c.next(), map[string]any{"action": "session/closed", "payload": map[string]any{"reason": reason}})
		equal(t, "closed", c.isClosed(), true)
	case "close":
		c.quiet()
		equal(t, "closed", c.isClosed(), true)
	case "silent":
		c.quiet()
		equal(t, "closed", c.isClosed(), false)
		equal(t, "zombie", c.ask("call/subscribe", me("1"))["status"], any(401.0))
	}
	if signal != "silent" {
		equal(t, "close code", websocket.CloseStatus(c.err), websocket.StatusCode(4001))
	}
}

func TestEveryEndByEverySignal(t *testing.T) {
	ends := map[string]func(r *rig) error{
		"displaced":     func(r *rig) error { return r.Displace("1") },
		"forced_logout": func(r *rig) error { return r.Kick("1", "") },
		"logout":        func(r *rig) error { return r.Logout("1", "") },
		"auto_logout":   func(*rig) error { time.Sleep(time.Minute); return nil },
		"core_restart":  func(r *rig) error { return r.Core(ecss.CoreUp, 0, true) },
	}
	for reason, end := range ends {
		for _, signal := range []string{"push_close", "close", "silent"} {
			t.Run(reason+" "+signal, func(t *testing.T) {
				w := ecss.Switches{Signal: signal, CloseCode: 4001, OnlyOneSession: true, AutoLogout: 1, DropGrace: sim.Duration(time.Hour)}
				bubble(t, w, func(t *testing.T, r *rig) {
					c := r.login("1")
					if err := end(r); err != nil {
						t.Fatal(err)
					}
					ended(t, c, signal, reason)
					equal(t, "keeper's sessions", r.agent("1").Sockets, 0)
					r.login("1") // a new login evicts whoever is there, and is no violation
					equal(t, "sessions", r.agent("1").Sessions, 1)
					r.violations(0, "")
				})
			})
		}
	}
}

func TestSeveralSessionsLiveSideBySide(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		c := r.login("1")
		if err := r.Displace("1"); err != nil {
			t.Fatal(err)
		}
		equal(t, "open", c.isClosed(), false)
		equal(t, "sessions", r.agent("1").Sessions, 2)
		c.ask("logout", map[string]any{})
		equal(t, "the other keeps the agent", r.agent("1").State, ecss.StateAvailable)
		_ = r.Kick("1", "silent")
		equal(t, "kicked", r.agent("1").State, ecss.StateStopped)
	})
}

func TestAutoLogout(t *testing.T) {
	const every, span = 2 * time.Second, 20 * time.Second
	cases := []struct {
		reset, action, by string
		minutes           ecss.Minutes
		lives             time.Duration // 0: for ever
	}{
		{"any", "", "core", 0.1, 6 * time.Second},
		{"any", "call/subscribe", "core", 0.1, 0},
		{"any", "agent/unheardOf", "core", 0.1, 0},
		{"non_subscribe", "call/subscribe", "core", 0.1, 6 * time.Second},
		{"non_subscribe", "agent/unheardOf", "core", 0.1, 0},
		{"nothing", "call/subscribe", "core", 0.1, 6 * time.Second},
		{"any", "", "nobody", 0.1, 0},
		{"any", "", "core", 0, 0},
		{"any", "ping", "core", 0.1, 6 * time.Second}, // control frames are no activity
	}
	for _, tc := range cases {
		t.Run(fmt.Sprint(tc), func(t *testing.T) {
			w := ecss.Switches{AutoLogout: tc.minutes, AutoLogoutReset: tc.reset, AutoLogoutBy: tc.by, Signal: "close"}
			bubble(t, w, func(t *testing.T, r *rig) {
				c := r.login("1")
				start := time.Now()
				go act(c, tc.action, every, span)
				select {
				case <-c.closed:
					equal(t, "lived", time.Since(start), tc.lives)
					equal(t, "record", r.agent("1").Record.AutoLogouts, 1)
				case <-time.After(span):
					equal(t, "lives for ever", tc.lives, time.Duration(0))
				}
			})
		})
	}
}

// act does something every now and then until span is over or c is closed.
func act(c *client, action string, every, span time.Duration) {
	for range int(span / every) {
		select {
		case <-time.After(every):
		case <-c.closed:
			return
		}
		frame := fmt.Sprintf(`{"action":%q,"requestId":7,"payload":{"operatorIds":["1"]}}`, action)
		switch action {
		case "":
		case "ping":
			_ = c.conn.Ping(context.Background())
		default:
			_ = c.conn.Write(context.Background(), websocket.MessageText, []byte(frame))
		}
	}
}

// A switch thrown while sessions live applies to them at once.
func TestAutoLogoutSwitchedOnLater(t *testing.T) {
	bubble(t, ecss.Switches{Signal: "close"}, func(t *testing.T, r *rig) {
		c := r.login("1")
		time.Sleep(10 * time.Minute)
		_ = r.Switch(func(w *ecss.Switches) { w.AutoLogout = 5 })
		equal(t, "closed", c.isClosed(), true)
	})
}

func TestPings(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		c := r.login("1")
		time.Sleep(25 * time.Second)
		ping := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			return c.conn.Ping(ctx)
		}
		if err := ping(); err != nil {
			t.Fatalf("ping: %v", err)
		}
		time.Sleep(10 * time.Second)
		c.ask("call/subscribe", me("1"))
		_ = r.Switch(func(w *ecss.Switches) { w.PongBlackhole = true })
		if ping() == nil {
			t.Error("pong through the blackhole")
		}
		got := r.agent("1").Record
		equal(t, "record", []any{got.Pings, got.Requests, got.LargestSilence}, []any{2, 1, sim.Duration(25 * time.Second)})
		equal(t, "largest gap between requests", r.Ops().Count("1").LargestGap, sim.Duration(35*time.Second))
	})
}

func TestServerPingDropsTheSilent(t *testing.T) {
	bubble(t, ecss.Switches{ServerPing: sim.Duration(10 * time.Second)}, func(t *testing.T, r *rig) {
		c := r.login("1") // its reader answers pings
		time.Sleep(5 * time.Minute)
		equal(t, "closed", c.isClosed(), false)
		conn, _, err := websocket.Dial(t.Context(), "ws://pbx/", &websocket.DialOptions{HTTPClient: r.http})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow() // nobody reads it
		synctest.Wait()
		equal(t, "open", r.Sockets(), 2)
		time.Sleep(time.Minute)
		equal(t, "open", r.Sockets(), 1)
	})
}

func TestRestart(t *testing.T) {
	for clean, code := range map[bool]websocket.StatusCode{true: websocket.StatusGoingAway, false: -1} {
		t.Run(fmt.Sprint("clean ", clean), func(t *testing.T) {
			bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
				one, two := r.login("1"), r.login("2")
				r.Restart(clean, 10*time.Second)
				for _, c := range []*client{one, two} {
					<-c.closed
					equal(t, "close code", websocket.CloseStatus(c.err), code)
				}
				if _, _, err := r.tryDial("/", nil); err == nil {
					t.Error("connected while the proxy is away")
				}
				time.Sleep(10 * time.Second)
				r.login("1")
				equal(t, "states", []string{r.agent("1").State, r.agent("2").State}, []string{ecss.StateAvailable, ecss.StateStopped})
				r.violations(0, "")
			})
		})
	}
}

func TestCoreComesBack(t *testing.T) {
	bubble(t, ecss.Switches{}, func(t *testing.T, r *rig) {
		c := r.login("1")
		if err := r.Core(ecss.CoreGateway, 30*time.Second, false); err != nil {
			t.Fatal(err)
		}
		got := c.ask("call/subscribe", me("1"))
		equal(t, "request", []any{got["status"], payloadOf(got)["message"]}, []any{500.0, ecss.TextGateway})
		equal(t, "session lives", r.agent("1").State, ecss.StateAvailable)
		time.Sleep(30 * time.Second)
		equal(t, "back", c.ask("call/subscribe", me("1"))["status"], any(200.0))
		if r.Core("broken", 0, false) == nil {
			t.Error("accepted an unknown state")
		}
	})
}

// A client that does not read is dropped, and disturbs nobody.
func TestClientThatDoesNotRead(t *testing.T) {
	bubble(t, ecss.Switches{Padding: 64 << 10}, func(t *testing.T, r *rig) {
		conn, _, err := websocket.Dial(t.Context(), "ws://pbx/", &websocket.DialOptions{HTTPClient: r.http})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		for i := range 10 {
			frame := fmt.Sprintf(`{"action":"x","requestId":%d,"payload":{}}`, i)
			if err := conn.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
				t.Fatal(err)
			}
		}
		r.login("1")
		time.Sleep(time.Minute)
		equal(t, "open", r.Sockets(), 1)
	})
}
