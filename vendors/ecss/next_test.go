package ecss_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
)

func TestTheFirstNextAsksAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sub asked
		p := scripted(t, func(p *peer) {
			p.admit("null")
			sub = p.hear()
			p.reply(sub, 200, `[]`)
			p.idle()
		})
		s := p.signIn(t)
		begin := time.Now()
		if events := next(t, s); len(events) != 0 {
			t.Errorf("events %v from an empty answer", events)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("the first contact took %s", took)
		}
		if sub.Action != "call/subscribe" || string(sub.Payload) != `{"operatorIds":["7"]}` || sub.ID != "2" {
			t.Errorf("subscribed with %+v", sub)
		}
	})
}

func TestWithoutSubscriptionAPingGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("120")
			if a := p.hear(); a.Action != "" {
				panic("an unwanted " + a.Action)
			}
		}).set("subscribe", "false").set("keep_active", "false")
		s := p.signIn(t)
		begin := time.Now()
		for range 10 {
			next(t, s)
		}
		if took := time.Since(begin); took < 9*20*time.Second || took > 9*25*time.Second {
			t.Errorf("ten contacts in %s", took)
		}
	})
}

// TestNotifications runs every envelope that a notification might have.
func TestNotifications(t *testing.T) {
	tests := map[string]struct{ frame, kind string }{
		"subscription's id":   {`{"action":"call/subscribe","requestId":2,"payload":{"id":"c1"},"status":200}`, "call/subscribe"},
		"id as text":          {`{"action":"call/subscribe","requestId":"2","payload":{"id":"c1"}}`, "call/subscribe"},
		"no id":               {`{"action":"call/subscribe","payload":[{"id":"c1"}]}`, "call/subscribe"},
		"null id":             {`{"action":"call/subscribe","requestId":null,"payload":[{"id":"c1"}]}`, "call/subscribe"},
		"another action":      {`{"action":"call/changed","payload":{"id":"c1"}}`, "call/changed"},
		"strange action":      {`{"action":"Новый / *>","payload":{}}`, "Новый / *>"},
		"no action":           {`{"payload":{"id":"c1"}}`, "notification"},
		"action of no text":   {`{"action":{"a":1},"payload":{"id":"c1"}}`, "notification"},
		"status without more": {`{"status":"401"}`, "status.401"},
		"extra keys, blanks":  {` { "zzz" : [ 1 , "true" ] , "action" : "x" } `, "x"},
		"empty object":        {`{}`, "notification"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := scripted(t, func(p *peer) {
					p.admit("null")
					p.reply(p.hear(), 200, `[]`)
					p.say("%s", tt.frame)
					p.idle()
				})
				s := p.signIn(t)
				var events []session.Event
				for len(events) == 0 {
					events = next(t, s)
				}
				want := []session.Event{{Type: tt.kind, Data: []byte(tt.frame)}}
				if diff := cmp.Diff(want, events); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTheCallsUnderWayAreAnEventOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("3")
			for a := p.hear(); a.Action != ""; a = p.hear() {
				p.reply(a, 200, `[{"id":"c1","acd":"true"}]`)
			}
		})
		s := p.signIn(t)
		if events := next(t, s); len(events) != 1 || events[0].Type != "call/subscribe" || !strings.Contains(string(events[0].Data), `"c1"`) {
			t.Errorf("first answer: %v", events)
		}
		for range 20 {
			if events := next(t, s); len(events) != 0 {
				t.Errorf("later answer: %v", events)
			}
		}
	})
}

func TestNothingThatCannotBeReadEndsASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.say("before the login, " + token)
			p.admit("null")
			for _, frame := range []string{"", "nonsense " + password, "[1,2]", `"text"`, "17", "null", `{"action":`, "\xff\xfe", `0100000001300014unblock_operator[]`} {
				p.say("%s", frame)
			}
			_ = p.conn.Write(context.Background(), websocket.MessageBinary, []byte(`{"action":"x"}`))
			p.say(`{"action":"readable"}`)
			p.idle()
		})
		s := p.signIn(t)
		for {
			if events := next(t, s); len(events) > 0 {
				if len(events) != 1 || events[0].Type != "readable" {
					t.Errorf("events %v", events)
				}
				break
			}
		}
		if log := p.log.String(); !strings.Contains(log, "so_far=11") || strings.Contains(log, "nonsense") {
			t.Errorf("logged:\n%s", log)
		}
		noSecret(t, p.log.String())
	})
}

func TestLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			p.say(`{"action":"large","payload":%q}`, strings.Repeat("a", 5<<20))
			p.say(`{"action":"too large","payload":%q}`, strings.Repeat("a", 8<<20))
			p.idle()
		})
		s := p.signIn(t)
		if events := next(t, s); len(events) != 1 || events[0].Type != "large" {
			t.Errorf("got %d events", len(events))
		}
		batch, err := sessiontest.Next(t.Context(), s)
		if batch.Missing != session.MissingTooLarge {
			t.Errorf("the place of the message above the limit is not marked: %+v", batch)
		}
		is(t, err, session.Lost, session.CauseClosed, "broken-frame")
	})
}

func TestAStreamOfEventsComesWholeAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 2000
		p := scripted(t, func(p *peer) {
			p.admit("null")
			for n := range total {
				p.say(`{"action":"n","payload":%d}`, n)
			}
			p.idle()
		})
		s := p.signIn(t)
		for n, batches := 0, 0; n < total; batches++ {
			for _, e := range next(t, s) {
				if want := fmt.Sprintf(`{"action":"n","payload":%d}`, n); string(e.Data) != want {
					t.Fatalf("got %s, want %s", e.Data, want)
				}
				n++
			}
		}
	})
}

func TestACutNextLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			p.reply(p.hear(), 200, `[]`)
			time.Sleep(12 * time.Second)
			p.say(`{"action":"after"}`)
			p.idle()
		})
		s := p.signIn(t)
		next(t, s)
		for range 5 {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			b, err := sessiontest.Next(ctx, s)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || len(b.Events) > 0 {
				t.Fatalf("got %v, %v", b, err)
			}
		}
		time.Sleep(10 * time.Second) // nobody listens when the event comes
		if events := next(t, s); len(events) != 1 || events[0].Type != "after" {
			t.Errorf("events %v", events)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := sessiontest.Next(ctx, s); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestEveryCloseIsALoss(t *testing.T) {
	tests := map[string]struct {
		end  func(*peer)
		kind session.Kind
		code string
	}{
		"clean":           {func(p *peer) { _ = p.conn.Close(1000, "") }, session.Lost, "socket-closed"},
		"going away":      {func(p *peer) { _ = p.conn.Close(1001, "restart "+token) }, session.Lost, "socket-closed"},
		"reset":           {func(p *peer) { _ = p.conn.CloseNow() }, session.Lost, "socket-closed"},
		"unknown message": {func(p *peer) { p.say(`{"action":"bye","payload":"auto logout"}`); _ = p.conn.Close(1000, "") }, session.Lost, "socket-closed"},
		"reason":          {func(p *peer) { _ = p.conn.Close(4001, "Another session was opened") }, session.Taken, "evicted"},
		"message":         {func(p *peer) { p.say(`{"payload":{"reason":"displaced"}}`); _ = p.conn.Close(1000, "") }, session.Taken, "evicted"},
		"message, then idle": {func(p *peer) {
			p.say(`{"message":"other session"}`)
			time.Sleep(time.Minute)
			_ = p.conn.Close(1000, "")
		}, session.Lost, "socket-closed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := scripted(t, func(p *peer) {
					p.admit("null")
					p.reply(p.hear(), 200, `[]`)
					reading := p.conn.CloseRead(context.Background())
					time.Sleep(time.Second)
					tt.end(p)
					<-reading.Done()
				})
				err := forAnHour(t, p.signIn(t))
				if f := faultOf(t, err); f.Kind != tt.kind || f.Code != tt.code {
					t.Errorf("got %v", f)
				}
				noSecret(t, p.log.String())
			})
		})
	}
}

func TestEventsBeforeACloseAreNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			p.say(`{"action":"last"}`)
			_ = p.conn.Close(1000, "")
		})
		s := p.signIn(t)
		time.Sleep(time.Second)
		if events := next(t, s); len(events) != 1 || events[0].Type != "last" {
			t.Errorf("events %v", events)
		}
		_, err := sessiontest.Next(t.Context(), s)
		is(t, err, session.Lost, session.CauseClosed, "socket-closed")
		if err := s.Close(); err != nil {
			t.Errorf("closing what is closed: %v", err)
		}
	})
}

func TestCloseSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan asked, 1)
		p := scripted(t, func(p *peer) { p.admit("null"); heard <- p.hear() })
		s := p.signIn(t)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if a := <-heard; a.Action != "" {
			t.Errorf("heard %s", a.Action)
		}
		_, err := sessiontest.Next(t.Context(), s)
		is(t, err, session.Lost, session.CauseClosed, "socket-closed")
	})
}
