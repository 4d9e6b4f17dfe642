package ecss_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	platform "agentkeeper/test/sim/ecss"
)

// stepped steps a session until its end, as its driver does, and collects the events.
type stepped struct {
	session.Session
	mu     sync.Mutex
	events []session.Event
	err    error
	over   chan struct{}
}

func drive(t *testing.T, s session.Session) *stepped {
	t.Helper()
	d := &stepped{Session: s, over: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(d.over)
		for {
			b, err := sessiontest.Next(ctx, s)
			d.mu.Lock()
			d.events = append(d.events, b.Events...)
			if d.err = err; err != nil {
				d.mu.Unlock()
				return
			}
			d.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); <-d.over })
	synctest.Wait()
	return d
}

func (d *stepped) command(t *testing.T, action, payload string) (session.Reply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return session.CommanderOf(d.Session).Command(ctx, session.Command{Action: action, Payload: json.RawMessage(payload), ID: "b7"})
}

// told lists the events so far as "type data".
func (d *stepped) told() (list []string) {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		list = append(list, e.Type+" "+string(e.Data))
	}
	return list
}

// commanded runs a script after the subscription, with the first command, and returns
// what became of that.
func commanded(t *testing.T, script func(p *peer, a asked)) (*stepped, session.Reply, error) {
	t.Helper()
	p := scripted(t, func(p *peer) {
		p.admit("null")
		p.reply(p.hear(), 200, `[]`)
		for a := p.hear(); a.Action != ""; a = p.hear() {
			if a.Action == "call/accept" {
				script(p, a)
			} else {
				p.reply(a, 200, `[]`)
			}
		}
	})
	d := drive(t, p.signIn(t))
	r, err := d.command(t, "call/accept", `{"callId":"77"}`)
	return d, r, err
}

func TestACommandIsAnsweredByItsFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent asked
		d, r, err := commanded(t, func(p *peer, a asked) {
			sent = a
			p.say(`{"action":"call/accept","requestId":%s0,"payload":{"foreign":1},"status":200}`, a.ID)
			p.say(`{"action":"call/subscribe","requestId":%s,"payload":{"awaited":1},"status":200}`, a.ID)
			p.say(`{"action":"call/accept","payload":{"bare":1},"status":200}`)
			p.reply(a, 200, `{"ok":{}}`)
			p.reply(a, 200, `{"twice":{}}`)
		})
		if err != nil || !r.Sent || r.Status != 200 || string(r.Payload) != `{"ok":{}}` || string(sent.Payload) != `{"callId":"77"}` {
			t.Errorf("got %+v %s, %v for %+v", r, r.Payload, err, sent)
		}
		told := strings.Join(d.told(), "\n")
		for _, want := range []string{"foreign", "awaited", "bare", "twice"} {
			if !strings.Contains(told, want) {
				t.Errorf("no event has %q: %s", want, told)
			}
		}
		if strings.Contains(told, "ok") || len(d.told()) != 4 {
			t.Errorf("events: %s", told)
		}
	})
}

func TestARefusedCommandHasTheVendorsCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, r, err := commanded(t, func(p *peer, a asked) { p.reply(a, 500, `{"code":5,"message":"You are not allowed for this command"}`) })
		if err != nil || r.Status != 500 || r.Code != "5" {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestALateAnswerIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, r, err := commanded(t, func(p *peer, a asked) {
			time.Sleep(12 * time.Second)
			p.reply(a, 200, `{"ok":{}}`)
			p.reply(a, 200, `{"ok":{}}`)
		})
		if !errors.Is(err, context.DeadlineExceeded) || !r.Sent {
			t.Errorf("got %+v, %v", r, err)
		}
		time.Sleep(5 * time.Second)
		want := session.AnsweredLate + ` {"id":"b7","action":"call/accept","status":200,"answer":{"ok":{}}}`
		if told := d.told(); len(told) != 2 || told[0] != want || !strings.HasPrefix(told[1], "call/accept ") {
			t.Errorf("events: %q", told)
		}
	})
}

func TestTheEndOfTheSocketLeavesACommandInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		d, r, err := commanded(t, func(p *peer, _ asked) { _ = p.conn.CloseNow() })
		if err == nil || !r.Sent || time.Since(begin) > time.Second {
			t.Errorf("got %+v, %v after %s", r, err, time.Since(begin))
		}
		<-d.over
		if d.err == nil || session.KindOf(d.err) != session.Lost {
			t.Errorf("the session ended with %v", d.err)
		}
		if r, err = d.command(t, "call/accept", `{}`); err == nil || r.Sent {
			t.Errorf("on a socket that is gone: %+v, %v", r, err)
		}
	})
}

func TestABlackHoleIsFoundByTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		// Nothing is read any more, pings neither.
		d, r, err := commanded(t, func(*peer, asked) { time.Sleep(5 * time.Minute) })
		if err == nil || !r.Sent || time.Since(begin) != 10*time.Second {
			t.Errorf("got %+v, %v after %s", r, err, time.Since(begin))
		}
		<-d.over
		if took := time.Since(begin); took > 75*time.Second {
			t.Errorf("noticed after %s", took)
		}
	})
}

func TestCloseEndsACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) {
			p.admit("null")
			p.reply(p.hear(), 200, `[]`)
			for p.hear().Action != "" {
			}
		})
		s := p.signIn(t)
		d := &stepped{Session: s}
		next(t, s)
		done := make(chan error, 1)
		go func() {
			_, err := d.command(t, "call/accept", "")
			done <- err
		}()
		synctest.Wait()
		begin := time.Now()
		_ = s.Close()
		if err := <-done; err == nil || time.Since(begin) > 0 {
			t.Errorf("ended with %v after %s", err, time.Since(begin))
		}
	})
}

func TestNotAllowedAnyMoreIsVerifiedAtOnce(t *testing.T) {
	for name, gone := range map[string]bool{"the session is gone": true, "it is not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looked := 0
				p := scripted(t, func(p *peer) {
					p.admit("null")
					p.reply(p.hear(), 200, `[]`)
					for a := p.hear(); a.Action != ""; a = p.hear() {
						if a.Action == "call/subscribe" {
							looked++
						}
						if a.Action == "call/accept" || gone {
							p.reply(a, 401, `{}`)
						} else {
							p.reply(a, 200, `[]`)
						}
					}
				})
				d := drive(t, p.signIn(t))
				r, err := d.command(t, "call/accept", `{"callId":"77"}`)
				if err != nil || r.Status != 401 {
					t.Errorf("got %+v, %v", r, err)
				}
				synctest.Wait()
				if looked != 1 {
					t.Errorf("the session was looked at %d times", looked)
				}
				if told := d.told(); (session.KindOf(d.err) == session.Lost) != gone || len(told) > 0 {
					t.Errorf("the session: %v, events %q", d.err, told)
				}
			})
		})
	}
}

func TestManyCommandsBesideTheSession(t *testing.T) {
	for name, commands := range map[string]platform.Commands{
		"once": {}, "twice": {Replies: "twice"}, "late twice": {Replies: "late"}, "bare": {Between: "bare"}, "foreign": {Between: "foreign"},
		"awaited": {Between: "awaited"}, "one in flight": {InFlight: "one"},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, platform.Switches{Commands: commands, DropGrace: 0}, func(t *testing.T, s site) {
				if name == "one in flight" {
					s.set("keep_active", "false").set("subscribe", "false")
				}
				d := drive(t, s.signIn(t))
				for n := range 200 {
					r, err := d.command(t, "call/get", fmt.Sprintf(`{"callRef":"ref-%d"}`, n))
					if err != nil || r.Status == 0 {
						t.Fatalf("command %d: %+v, %v", n, r, err)
					}
				}
				time.Sleep(time.Hour)
				if d.mu.Lock(); d.err != nil {
					t.Error(d.err)
				}
				d.mu.Unlock()
				list, _ := s.Commands("291")
				if len(list) != 200 {
					t.Errorf("%d commands arrived", len(list))
				}
			})
		})
	}
}

func TestASignOutBesideACommand(t *testing.T) {
	simulate(t, platform.Switches{Commands: platform.Commands{CommandTime: 0}}, func(t *testing.T, s site) {
		live := s.signIn(t)
		next(t, live)
		d := &stepped{Session: live}
		if err := live.SignOut(t.Context()); err != nil {
			t.Error(err)
		}
		if r, err := d.command(t, "call/get", ""); err == nil || r.Sent {
			t.Errorf("after the sign-out: %+v, %v", r, err)
		}
	})
}
