package ecss_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"agentkeeper/session"
	platform "agentkeeper/test/sim/ecss"
)

// A traced agent's connection, handshake and frames are told in both directions, to
// the end, without a secret, however the token is shown; and so is a trace that begins
// in the middle of a session.
func TestTrace(t *testing.T) {
	for _, tokenIn := range []string{"", "header", "query", "message"} {
		t.Run(tokenIn, func(t *testing.T) {
			w := platform.Switches{}
			if tokenIn != "" {
				w = platform.Switches{LoginOver: "http", LoginPath: "/login", TokenIn: tokenIn}
			}
			simulate(t, w, func(t *testing.T, s site) {
				if tokenIn != "" {
					s.set("login_over", "http").set("login_path", "/login").set("token_in", tokenIn)
				}
				s.traces.Set([]session.ID{{Platform: "cc", Login: "291"}})
				live := s.signIn(t)
				_ = next(t, live)
				s.traces.Set(nil)
				_ = next(t, live)
				before := len(s.told)
				s.traces.Set([]session.ID{{Platform: "cc", Login: "291"}})
				_ = next(t, live)
				if len(s.told) == before {
					t.Error("a trace of a session under way tells nothing")
				}
				secret := live.Info().Credential.Token.Reveal()
				if err := live.SignOut(t.Context()); err != nil {
					t.Fatal(err)
				}
				var steps []string
				for _, l := range s.told {
					steps = append(steps, strings.TrimSpace(l.Step+" "+l.Kind))
					if text := fmt.Sprintf("%+v", l); strings.Contains(text, password) || (secret != "" && strings.Contains(text, secret)) {
						t.Errorf("a line shows a secret: %s", text)
					}
				}
				for _, want := range []string{"connected", "request", "answer", "sent text", "received text", "sent ping", "received pong", "sent close", "closed"} {
					if !slices.Contains(steps, want) {
						t.Errorf("no line tells of %q: %v", want, steps)
					}
				}
			})
		})
	}
}
