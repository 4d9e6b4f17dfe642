package keeper_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

func TestFirstPollWaitsForNothingButTheStore(t *testing.T) {
	for _, delay := range []time.Duration{0, 5 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				b.disk.set(delay, nil)
				b.vendor.onCall = func(what string) {
					if key := b.disk.durable().Key; what == "poll" && key.Reveal() != "key-1" {
						b.Errorf("polled with %q on record", key.Reveal())
					}
				}
				b.start(stay)
				pass(time.Second)
				want := []call{{"sign in", delay}, {"poll", delay + 100*time.Millisecond + delay}}
				if diff := cmp.Diff(want, b.vendor.seen()); diff != "" {
					b.Error(diff)
				}
				if diff := cmp.Diff([]time.Duration{delay}, b.counts.first); diff != "" {
					b.Error(diff)
				}
				if diff := cmp.Diff([]string{".signed_in"}, b.sink.names()); diff != "" {
					b.Error(diff)
				}
				b.stop(quit)
			})
		})
	}
}

func TestIntentIsDurableBeforeTheRequest(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.disk.set(20*time.Millisecond, nil)
		want := map[string]session.Op{"sign in": session.OpSignIn, "sign out": session.OpSignOut}
		b.vendor.onCall = func(what string) {
			intent := b.disk.durable().Intent
			if intent.Op != want[what] {
				b.Errorf("%s: intent %q on record", what, intent.Op)
			}
			if left := time.Until(intent.Deadline); want[what] != session.OpNone && left < opTimeout {
				b.Errorf("%s: the intent ends %v after the request, before the platform is done", what, left)
			}
		}
		b.vendor.script("sign in", answer{err: errOutage}, answer{})
		b.vendor.script("sign out", answer{err: errBusy}, answer{err: errBusy}, answer{err: errBusy}, answer{})
		b.start(stay)
		pass(time.Minute)
		b.stop(end)
		if got := b.vendor.said(); got != "sign in, sign in, poll, sign out, poll, sign out, poll, sign out, poll, sign out" {
			b.Error(got)
		}
		if op := b.disk.durable().Intent.Op; op != session.OpNone {
			b.Errorf("intent %q is still on record", op)
		}
	})
}

func TestBrokenStoreStopsSignInsOnly(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.disk.set(0, errDisk)
		b.start(stay)
		pass(time.Hour)
		if got := b.vendor.seen(); len(got) != 0 {
			b.Fatalf("sent %v", got)
		}
		if n := b.disk.tries; n > 400 {
			b.Errorf("the broken store was tried %d times in an hour", n)
		}
		if n := b.counts.of("sign in outage"); n != 0 {
			b.Errorf("%d sign-ins counted, none was sent", n)
		}
		if v := b.keeper.View(); v.State != session.Waiting || v.Reason != session.ReasonOutage || v.Code != "store" || v.Action == "" {
			b.Errorf("view %+v", v)
		}
		b.disk.set(0, nil)
		pass(2 * time.Minute)
		b.disk.set(0, errDisk)
		before := b.vendor.count("poll")
		pass(time.Hour)
		if n := b.vendor.count("poll") - before; n != 360 {
			b.Errorf("%d polls in an hour without a store, want 360", n)
		}
		b.stop(end)
		if n := b.vendor.count("sign out"); n != 1 {
			b.Errorf("%d sign-outs, want 1", n)
		}
	})
}

func TestHangingStoreDelaysAPollByLessThanTheWindow(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: hold, rotate: true})
		b.start(stay)
		pass(time.Minute)
		b.disk.set(time.Hour, nil)
		pass(time.Hour)
		last := time.Duration(0)
		for _, c := range b.vendor.seen() {
			if c.At-last > 15*time.Second {
				b.Fatalf("no request between %v and %v", last, c.At)
			}
			last = c.At
		}
		b.stop(end)
		if n := b.vendor.count("sign out"); n != 1 {
			b.Errorf("%d sign-outs, want 1", n)
		}
	})
}

func TestParkingIsWrittenOnceTheStoreWorksAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("sign in", answer{err: errRefused})
		b.vendor.onCall = func(string) { b.disk.set(0, errDisk) }
		b.start(stay)
		pass(time.Minute)
		if got := b.disk.durable(); got.Intent.Op != session.OpSignIn || got.Memo.Parked != session.ReasonNone {
			b.Fatalf("on record: %+v", got)
		}
		b.disk.set(0, nil)
		pass(30 * time.Second)
		if got := b.disk.durable(); got.Intent.Op != session.OpNone || got.Memo.Parked != session.ReasonRefused {
			b.Errorf("on record: %+v", got)
		}
		writes := b.disk.count()
		pass(time.Hour)
		if n := b.disk.count() - writes; n != 0 {
			b.Errorf("a parked agent cost %d writes", n)
		}
		b.stop(quit)
	})
}

func TestKeyIsSavedBeforeItIsUsed(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: hold}, answer{takes: hold, rotate: true},
			answer{takes: hold, err: errOutage}, answer{takes: time.Second, rotate: true}, answer{takes: hold})
		b.disk.set(time.Millisecond, nil)
		want := []string{"key-1", "key-1", "key-2", "key-2", "key-3"}
		b.vendor.onCall = func(what string) {
			if what != "poll" {
				return
			}
			if got := b.disk.durable().Key.Reveal(); got != want[0] {
				b.Errorf("polled with %q on record, want %q", got, want[0])
			}
			want = want[min(1, len(want)-1):]
		}
		b.start(stay)
		pass(time.Minute)
		writes := b.disk.count()
		pass(time.Hour)
		if n := b.disk.count() - writes; n != 0 {
			b.Errorf("%d writes in an hour of polls that changed nothing", n)
		}
		b.stop(quit)
		if got := b.rec.Key.Reveal(); got != "key-3" {
			b.Errorf("returned %q", got)
		}
	})
}

func TestOutageOfALiveSessionCostsNoWrites(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: hold}, answer{err: errOutage})
		b.start(stay)
		pass(15 * time.Second)
		writes := b.disk.count()
		pass(time.Hour)
		if v := b.keeper.View(); v.State != session.Waiting || v.Reason != session.ReasonOutage || v.Code != "http 502" || v.Started.IsZero() {
			b.Errorf("view %+v", v)
		}
		if n := b.disk.count() - writes; n != 0 {
			b.Errorf("%d writes in an hour's outage", n)
		}
		b.stop(quit)
		if n := b.vendor.count("sign in"); n != 1 {
			b.Errorf("%d sign-ins, want 1", n)
		}
	})
}

// A poll's own time limit looks like the end of a context, but is an outage.
func TestPollsOwnTimeoutIsAnOutage(t *testing.T) {
	inBubble(t, func(b *bench) {
		timeout := &session.Fault{Kind: session.Outage, Text: "no answer", Err: context.DeadlineExceeded}
		b.vendor.script("poll", answer{takes: hold}, answer{takes: 20 * time.Second, err: timeout})
		b.start(stay)
		pass(10 * time.Minute)
		if v := b.keeper.View(); v.State != session.Waiting || v.Reason != session.ReasonOutage {
			b.Errorf("view %+v", v)
		}
		if b.counts.of("contact outage") == 0 {
			b.Error("no outage counted")
		}
		b.stop(quit)
	})
}
