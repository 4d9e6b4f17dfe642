package keeper_test

import (
	"context"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/sessiontest"
)

// probeGate holds probes back for ever.
type probeGate struct{ session.Guarded }

func (probeGate) Probe(ctx context.Context, _ session.Account) (w session.Wait, err error) {
	if err = ctx.Err(); err == nil {
		w.Signal = new(session.Signal)
	}
	return w, err
}

func holdProbes(p session.Platform) session.Guarded { return probeGate{sessiontest.Open(p)} }

// An agent in doubt whose probe the gate holds back asks nothing, however long
// that takes.
func TestProbeHeldBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.gate = holdProbes
		b.vendor.script("sign in", answer{err: errDoubt})
		b.start(stay)
		pass(time.Hour)
		if got := b.vendor.said(); got != "sign in" {
			t.Errorf("the platform saw %q", got)
		}
		if v := b.keeper.View(); v.State != session.Waiting || v.Reason != session.ReasonDoubt || !v.Queued {
			t.Errorf("shown: %+v", v)
		}
		b.stop(quit)
	})
}

// A live session whose renewal is in doubt is looked after while the probe is
// held back; a sign-out is not.
func TestProbeOfALiveSessionHeldBack(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.gate = holdProbes
		b.vendor.info.Credential.Token = session.NewSecret("token")
		b.vendor.script("sign in", answer{}, answer{err: errDoubt})
		b.start(stay)
		pass(time.Second)
		if err := b.keeper.Refuse(b.keeper.Credential().Generation); err != nil {
			t.Fatal(err)
		}
		for range 60 {
			pass(time.Minute)
			if v := b.keeper.View(); v.State != session.Online || time.Since(v.LastContact) > window/2 {
				t.Fatalf("after %v: %+v", time.Since(b.vendor.begin), v)
			}
		}
		if n := b.vendor.count("probe"); n != 0 {
			t.Errorf("%d probes", n)
		}
		b.keeper.Set(leave)
		pass(time.Minute)
		if v := b.keeper.View(); v.State != session.Offline || b.vendor.count("sign out") != 1 {
			t.Errorf("told to sign out: %+v after %s", v, b.vendor.said())
		}
		b.stop(keeper.Order{Wish: session.Quit})
	})
}
