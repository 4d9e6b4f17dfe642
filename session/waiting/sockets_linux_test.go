//go:build !noepoll

package waiting_test

import (
	"context"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/waiting"
)

// The end of the context wakes whoever waits, and so does Close; both leave the
// tasks going.
func TestEndOfARoom(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, err := waiting.Sockets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	s, c := enter(r), dial(t)
	s.step(t)
	s.waits <- session.Wait{Source: c}
	s.quiet(t, 10*time.Millisecond)
	cancel()
	s.step(t)
	s.waits <- session.Wait{Source: c}
	c.say(t, "x")
	s.step(t)
	c.read(t, 1)
	s.waits <- session.Wait{Source: c, Until: far()}
	r.Close() // whether it had woken it or not
	c.say(t, "x")
	s.step(t)
	s.waits <- session.Wait{Source: c, Until: far()}
	s.step(t)
	c.read(t, 1)
	s.waits <- session.Wait{Until: time.Now().Add(time.Millisecond)}
	s.step(t)
	late := enter(r)
	late.step(t)
	late.end(t)
	s.end(t)
}
