package keeper_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

func TestEventsAreTakenBeforeTheNextPoll(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: time.Second, events: []string{"a", "b"}}, answer{takes: time.Second},
			answer{takes: time.Second, events: []string{"c"}, err: errOutage}, answer{takes: time.Second, events: []string{"d"}, err: errLost},
			answer{takes: hold})
		b.sink.err = errDisk // which the sink itself has counted
		polls := 0
		b.sink.onTake = func() { polls = b.vendor.count("poll") }
		b.vendor.onCall = func(what string) {
			if what == "poll" && len(b.sink.all()) > 1 && polls == 0 {
				b.Error("polled before the events were taken")
			}
		}
		b.start(stay)
		pass(time.Minute)
		want := []string{".signed_in", "a", "b", "c", "d", ".lost", ".signed_in"}
		if diff := cmp.Diff(want, b.sink.names()); diff != "" {
			b.Error(diff)
		}
		if n := b.keeper.View().Events; n != 4 {
			b.Errorf("view counts %d events", n)
		}
		if n := b.counts.of("events 2") + b.counts.of("events 1"); n != 3 {
			b.Errorf("%d batches counted, want 3", n)
		}
		b.stop(quit)
		rising(b.T, b.sink.all())
	})
}

// Where an answer broke off, the place is marked behind what came before it, and
// ahead of what comes later.
func TestEventsThatMayBeMissing(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: time.Second, events: []string{"a"}},
			answer{takes: time.Second, err: errOutage, missing: session.MissingCut}, answer{takes: time.Second, events: []string{"b"}}, answer{takes: hold})
		b.start(stay)
		pass(time.Minute)
		if diff := cmp.Diff([]string{".signed_in", "a", ".gap", "b"}, b.sink.names()); diff != "" {
			b.Error(diff)
		}
		if mark := b.sink.all()[2]; mark.Missing != session.MissingCut || mark.Received.IsZero() {
			b.Errorf("%+v", mark)
		}
		b.stop(quit)
		rising(b.T, b.sink.all())
	})
}

// Events that came by themselves prove nothing about the session, and whoever
// sent them learns what became of them before the next call.
func TestEventsThatNobodyAskedFor(t *testing.T) {
	inBubble(t, func(b *bench) {
		var told []error
		settled := func(err error) {
			told = append(told, err)
			if got := b.sink.names(); got[len(got)-1] != "b" {
				b.Errorf("told before the events were taken: %v", got)
			}
		}
		b.vendor.script("poll", answer{takes: time.Second}, answer{takes: time.Minute, events: []string{"a", "b"}, unasked: true, settled: settled},
			answer{takes: time.Minute, unasked: true}, answer{takes: time.Second, err: errLost, unasked: true}, answer{takes: hold})
		b.sink.err = errDisk
		b.start(stay)
		pass(2*time.Minute + 500*time.Millisecond)
		if len(told) != 1 || !errors.Is(told[0], errDisk) {
			b.Errorf("told %v", told)
		}
		if v := b.keeper.View(); time.Since(v.LastContact) < 119*time.Second || v.Events != 2 || v.State != session.Online {
			b.Errorf("last contact %v ago, %d events, %s", time.Since(v.LastContact), v.Events, v.State)
		}
		if n := b.counts.of("contact ok"); n != 1 {
			b.Errorf("%d contacts", n)
		}
		pass(time.Minute)
		if n := b.vendor.count("sign in"); n != 2 {
			b.Errorf("%d sign-ins: an error beside it was not believed", n)
		}
		b.stop(quit)
	})
}

func TestSlowSinkDelaysThePollAndNothingElse(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: time.Second, events: []string{"a"}}, answer{takes: hold})
		b.sink.onTake = func() { time.Sleep(3 * time.Second) }
		b.start(stay)
		pass(10 * time.Second)
		want := []call{{"sign in", 0}, {"poll", 100 * time.Millisecond}, {"poll", 4100 * time.Millisecond}}
		if diff := cmp.Diff(want, b.vendor.seen()); diff != "" {
			b.Error(diff)
		}
		b.stop(quit)
	})
}

// rising fails if a sequence number is not above the one before.
func rising(t *testing.T, events []keeper.Event) {
	t.Helper()
	last := uint64(0)
	for _, e := range events {
		if e.Sequence <= last {
			t.Fatalf("%s has sequence %d after %d", e.Type, e.Sequence, last)
		}
		last = e.Sequence
	}
}

// The second process dies without a word and finds its successor's clock years
// back: what it gave out must be below what the successor gives.
func TestSequenceRisesOverACrashAndAClockThatJumpsBack(t *testing.T) {
	var rec session.Record
	var events []keeper.Event
	for _, after := range []time.Duration{9 * 365 * 24 * time.Hour, 5 * time.Hour, 0} {
		inBubble(t, func(b *bench) { // every bubble's clock begins in 2000
			time.Sleep(after)
			b.disk.rec = rec
			b.vendor.script("poll", answer{takes: hold, events: []string{"a", "b"}})
			b.start(stay)
			pass(5*time.Hour + time.Minute)
			writes := b.disk.count()
			rec, events = b.disk.durable(), append(events, b.sink.all()...)
			if writes > 10 {
				b.Errorf("%d writes in five hours of events", writes)
			}
			b.stop(quit)
		})
	}
	if len(events) < 3*3600 {
		t.Fatalf("%d events", len(events))
	}
	rising(t, events)
}

// A process that could save no record gave out numbers all the same. The next one
// goes on above them: the store would take an event with a number that it knows
// for a repeat.
func TestSequenceRisesThoughNoRecordWasSaved(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: hold, events: []string{"a"}})
		b.start(stay)
		pass(time.Minute)
		b.stop(quit)
		for range 5 {
			b.disk.set(0, errors.New("read-only"))
			b.start(stay)
			pass(time.Minute)
			b.end() // as a kill does: nothing is saved at the end
			b.wait()
		}
		rising(t, b.sink.all())
	})
}

func TestSequenceKeepsUpWithTheClock(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.start(stay)
		pass(time.Second)
		b.stop(quit)
		if got := b.sink.all()[0]; got.Sequence < uint64(b.vendor.begin.UnixMicro()) {
			b.Errorf("sequence %d is behind the clock", got.Sequence)
		}
	})
}

func TestOwnEventsSayWhy(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.vendor.script("poll", answer{takes: time.Second}, answer{err: errLost}, answer{takes: hold})
		b.start(stay)
		pass(time.Minute)
		b.keeper.Set(leave)
		pass(time.Minute)
		b.vendor.script("sign in", answer{err: errRefused})
		b.keeper.Set(stay)
		pass(time.Minute)
		b.stop(quit)
		want := map[string]string{
			"signed_in": `{}`, "lost": `{"reason":"lost"}`, "signed_out": `{"by":"person uid 0","reason":"lunch"}`,
			"parked": `{"code":"100-004","reason":"refused"}`,
		}
		got := map[string]string{}
		for _, e := range b.sink.all() {
			if !e.Own || e.Received.IsZero() {
				b.Errorf("event %+v", e)
			}
			got[e.Type] = string(e.Data)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.Error(diff)
		}
		for _, line := range []string{"sign in ok", "sign in refused", "sign out ok", "lost lost", "first", "contact ok", "contact lost"} {
			if b.counts.of(line) == 0 {
				b.Errorf("%q was not counted", line)
			}
		}
	})
}
