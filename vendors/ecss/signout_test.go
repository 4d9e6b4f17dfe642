package ecss_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"agentkeeper/session"
	"agentkeeper/session/sessiontest"
	"agentkeeper/vendors/ecss"
	"agentkeeper/vendors/wire"
)

func TestSignOut(t *testing.T) {
	tests := map[string]struct {
		action string
		answer func(*peer, asked)
		took   time.Duration
	}{
		"answered":       {"logout", func(p *peer, a asked) { p.reply(a, 200, `{}`); p.hear() }, 0},
		"unknown action": {"logout", func(p *peer, a asked) { p.reply(a, 404, `"Unknown action"`); p.hear() }, 0},
		"another action": {"operator/exit", func(p *peer, a asked) {
			p.say(`{"action":"n"}`)
			p.say("noise")
			p.reply(a, 500, `{"code":5}`)
			p.hear()
		}, 0},
		"no answer": {"logout", func(p *peer, _ asked) { p.hear() }, 5 * time.Second},
		"closed":    {"logout", func(p *peer, _ asked) { _ = p.conn.Close(1000, "") }, 0},
		"reset":     {"logout", func(*peer, asked) {}, 0},
		"deaf":      {"logout", func(*peer, asked) { time.Sleep(time.Hour) }, 7 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got asked
				p := scripted(t, func(p *peer) {
					p.admit("null")
					p.reply(p.hear(), 200, `[]`)
					got = p.hear()
					tt.answer(p, got)
				}).set("logout_action", tt.action)
				s := p.signIn(t)
				next(t, s)
				begin := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := s.SignOut(ctx); err != nil {
					t.Error(err)
				}
				if took := time.Since(begin); took != tt.took {
					t.Errorf("took %s, want %s", took, tt.took)
				}
				synctest.Wait()
				if got.Action != tt.action || string(got.Payload) != "{}" {
					t.Errorf("asked %+v", got)
				}
				err := forAnHour(t, s)
				is(t, err, session.Lost, session.CauseClosed, "socket-closed")
			})
		})
	}
}

func TestSignOutByTheCloseAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := make(chan error, 1)
		p := scripted(t, func(p *peer) {
			p.admit("null")
			_, _, err := p.conn.Read(context.Background())
			heard <- err
		}).set("logout_action", "")
		if err := p.signIn(t).SignOut(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-heard; websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Errorf("the platform saw %v", err)
		}
	})
}

func TestSignOutFromADeadSocketIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) { p.admit("null"); p.idle() })
		s := p.signIn(t)
		p.line.DropAll()
		is(t, s.SignOut(t.Context()), session.Lost, session.CauseClosed, "socket-closed")
	})
}

// stuck is a connection whose writes hang after the first few.
type stuck struct {
	net.Conn
	left int
	by   time.Time
}

func (s *stuck) SetWriteDeadline(t time.Time) error {
	s.by = t
	return nil
}

func (s *stuck) Write(p []byte) (int, error) {
	if s.left--; s.left < 0 {
		time.Sleep(time.Until(s.by))
		return 0, os.ErrDeadlineExceeded
	}
	return s.Conn.Write(p)
}

func TestASignOutThatCannotBeSentIsInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := scripted(t, func(p *peer) { p.admit("null"); p.idle() })
		p.platform = ecss.Vendor.Open(wire.Place{
			URL: &url.URL{Scheme: "ws", Host: "10.0.0.5"}, OperationTimeout: time.Second,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := p.line.DialContext(ctx, network, address)
				return &stuck{Conn: c, left: 2}, err // the handshake and the login
			},
		})
		s := p.signIn(t)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		begin := time.Now()
		is(t, s.SignOut(ctx), session.Doubt, session.CauseNone, "no-answer")
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("took %s", took)
		}
		_, err := sessiontest.Next(t.Context(), s)
		is(t, err, session.Lost, session.CauseClosed, "socket-closed")
	})
}
