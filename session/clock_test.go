package session

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRestoreUnderAnotherClock takes over what a process wrote whose clock was
// ahead of ours, which is the same as a start with the clock behind: nothing
// waits for longer than it did when it was written.
func TestRestoreUnderAnotherClock(t *testing.T) {
	key := NewKey([]byte("k"))
	for _, ahead := range []time.Duration{time.Hour, 24 * time.Hour, 50 * 365 * 24 * time.Hour} {
		then := start.Add(ahead)
		tests := []struct {
			name string
			rec  Record
			wish Wish
			most time.Duration // of the first wait
		}{
			{"a next try", Record{Written: then, Memo: Memo{NextAt: then.Add(40 * time.Second), Fails: 3}}, Stay, 40 * time.Second},
			{"a platform's own word", Record{Written: then, Memo: Memo{NextAt: then.Add(30 * time.Minute), Fails: 1}}, Stay, 30 * time.Minute},
			{"a pause after evictions", Record{Written: then, Memo: Memo{NextAt: then.Add(14 * time.Minute), ShortSessions: 11}}, Stay, 14 * time.Minute},
			{"a next try without the time of writing", Record{Memo: Memo{NextAt: then, Fails: 3}}, Stay, time.Minute},
			{"a pause after evictions without the time of writing", Record{Memo: Memo{NextAt: then, ShortSessions: 11}}, Stay, evictionPause},
			{"an intent", Record{Written: then, Intent: Intent{OpSignIn, then.Add(32 * time.Second)}}, Stay, 32 * time.Second},
			{"an intent without the time of writing", Record{Intent: Intent{OpSignIn, then}}, Stay, time.Minute},
			{"a doubt", Record{Written: then, Memo: Memo{Doubt: OpSignIn, Until: then.Add(20 * time.Second)}}, Stay, 20 * time.Second},
			{"a ghost", Record{Memo: Memo{Doubt: OpSignIn, Until: then, OrphanUntil: then}}, Leave, 3*time.Minute + intentSlack},
		}
		for _, tt := range tests {
			t.Run(tt.name+" "+ahead.String(), func(t *testing.T) {
				m := Restore(testPolicy(false), 1, tt.rec, start)
				if a := m.Next(Outcome{Now: start, Wish: tt.wish, Kind: Woken}); a.Do != DoWait || a.For > tt.most {
					t.Errorf("first action %+v, want a wait of at most %v", a, tt.most)
				}
			})
		}
		t.Run("a live session "+ahead.String(), func(t *testing.T) {
			m := Restore(testPolicy(false), 1, Record{Key: key, Started: then, LastContact: then, Written: then}, start)
			if m.Contact().After(start) || m.Started().After(start) {
				t.Errorf("contact %v and start %v of the future", m.Contact(), m.Started())
			}
			m.Next(Outcome{Now: start, Kind: Woken})
			m.Next(Outcome{Now: start.Add(3 * time.Minute), Kind: Outage})
			if m.State() != Waiting {
				t.Errorf("%s after three minutes of silence, want waiting", m.State())
			}
		})
		t.Run("spent force "+ahead.String(), func(t *testing.T) {
			rec := Record{Written: then, Memo: Memo{Forced: []time.Time{then, then, then}}}
			m := Restore(testPolicy(true), 1, rec, start)
			if !m.forced.left(start.Add(10*time.Minute), m.policy.Terms) {
				t.Error("the budget of forced sign-ins is spent for longer than force_within")
			}
		})
	}
}

// TestSetClock sets the wall clock while an agent waits: the wait stays as long,
// what is on record is by the new clock, and a sleep counts as time that passed.
func TestSetClock(t *testing.T) {
	for _, step := range []time.Duration{-24 * time.Hour, -time.Minute, time.Minute, 24 * time.Hour} {
		m := New(testPolicy(false), 1)
		m.Next(Outcome{Now: start, Kind: Woken})
		a := m.Next(Outcome{Now: start.Add(time.Second), Kind: Taken, After: 40 * time.Second})
		if a.Do != DoWait || a.For != 40*time.Second {
			t.Fatalf("%+v", a)
		}
		// Without a monotonic clock, instants move with the wall clock; that is
		// what a step looks like to a pure value.
		for _, at := range []*time.Time{&m.nextAt, &m.now} {
			*at = at.Add(step)
		}
		now := start.Add(step + 11*time.Second)
		m.SetClock(now, 5*time.Second)
		if a := m.Next(Outcome{Now: now, Kind: Woken}); a.Do != DoWait || a.For != 25*time.Second {
			t.Errorf("after a step of %v: %+v, want a wait of 25s", step, a)
		}
		if got := m.Memo().NextAt; !got.Equal(now.Add(25 * time.Second)) {
			t.Errorf("after a step of %v: next try on record %v", step, got)
		}
	}
}

// TestOwnRestartIsNoShortSession restarts a vendor's agent whose session ends
// with its process, again and again: the next sign-in is always at once.
func TestOwnRestartIsNoShortSession(t *testing.T) {
	at, rec := start, Record{}
	for n := range 30 {
		m := Restore(testPolicy(false), uint64(n), rec, at)
		a := m.Next(Outcome{Now: at, Kind: Woken})
		if n > 0 {
			if a.Do != DoNext {
				t.Fatalf("restart %d begins with %+v", n, a)
			}
			if a = m.Next(Outcome{Now: at, Kind: Lost, Cause: CauseRestart}); a.Loss != LossClosed {
				t.Errorf("restart %d: loss %q", n, a.Loss)
			}
		}
		if a.Do != DoSignIn {
			t.Fatalf("restart %d: %+v (%s), want a sign-in at once", n, a, m.Reason())
		}
		m.Next(Outcome{Now: at, Kind: OK})
		rec = Record{Key: NewKey([]byte("k")), Started: m.Started(), LastContact: m.Contact(), Memo: m.Memo(), Written: at}
		at = at.Add(20 * time.Second)
	}
}

// TestOwnSessionIsNotTaken has the platform hold a number for a while after our
// own connection ended.
func TestOwnSessionIsNotTaken(t *testing.T) {
	for _, end := range []Outcome{{Kind: Lost, Cause: CauseClosed}, {Kind: Lost, Cause: CauseRestart}} {
		m, at := New(testPolicy(false), 1), start
		next := func(o Outcome, took time.Duration) Action {
			at = at.Add(took)
			o.Now = at
			return m.Next(o)
		}
		next(Outcome{Kind: Woken}, 0)
		next(Outcome{Kind: OK}, time.Second)
		next(Outcome{Kind: OK}, time.Hour)
		next(end, time.Second)
		a := next(Outcome{Kind: Taken, After: 15 * time.Second}, time.Second)
		if a.Do != DoWait || a.For != 15*time.Second || m.Reason() != ReasonLost || !m.Own() {
			t.Errorf("%v: right after the end %+v, reason %q", end.Cause, a, m.Reason())
		}
		m = Restore(testPolicy(false), 1, Record{Memo: m.Memo(), Written: at}, at)
		next(Outcome{Kind: Woken}, 20*time.Second)
		next(Outcome{Kind: Taken}, time.Second)
		if m.Reason() != ReasonLost {
			t.Errorf("%v: after a restart, reason %q", end.Cause, m.Reason())
		}
		next(Outcome{Kind: OK}, 2*time.Minute)
		next(Outcome{Kind: Taken}, time.Second)
		if m.Reason() != ReasonTaken || m.Own() {
			t.Errorf("%v: beyond the window, reason %q", end.Cause, m.Reason())
		}
	}
}

// TestNonsenseKeepsTheSession answers a live session for an hour with what is no
// verdict, as a server before the platform does, and counts what that provokes.
func TestNonsenseKeepsTheSession(t *testing.T) {
	tests := []struct {
		name          string
		probe, signIn Outcome
		most          int // sign-ins in the hour
		held          bool
	}{
		{"everything is nonsense", Outcome{Kind: Outage, Cause: CauseAnswered}, Outcome{Kind: Outage, Cause: CauseAnswered}, 0, true},
		{"the session is ours and lives", Outcome{Kind: OK}, Outcome{Kind: Taken}, 70, true},
		{"sign-ins fail", Outcome{Kind: OK}, Outcome{Kind: Outage}, 70, true},
		{"a password is refused", Outcome{Kind: OK}, Outcome{Kind: Refused}, 1, true},
		{"the session is dead", Outcome{Kind: OK}, Outcome{Kind: OK}, 60, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New(testPolicy(false), 1)
			at := start
			signIns := 0
			first := true
			o := Outcome{Now: at, Kind: Woken}
			for at.Before(start.Add(time.Hour)) {
				a := m.Next(o)
				if a.Loss != LossNone {
					t.Fatalf("the session was given up: %s", a.Loss)
				}
				o = Outcome{Kind: OK}
				at = at.Add(100 * time.Millisecond)
				switch a.Do {
				case DoSignIn:
					if !first {
						signIns++
						o = tt.signIn
					}
					first = false
				case DoProbe:
					o = tt.probe
				case DoNext:
					o = Outcome{Kind: Outage, Cause: CauseAnswered}
				case DoWait:
					at = at.Add(a.For)
				}
				o.Now = at
			}
			if signIns > tt.most || m.Held() != tt.held || m.Reason() == ReasonTaken {
				t.Errorf("%d sign-ins, at most %d; held %v, reason %q", signIns, tt.most, m.Held(), m.Reason())
			}
			o.Kind, o.Cause = OK, CauseNone
			for m.last.Do != DoNext {
				at = at.Add(time.Minute)
				m.Next(Outcome{Now: at, Kind: OK})
			}
			if a := m.Next(Outcome{Now: at, Kind: OK}); a.Do != DoNext || m.State() != Online {
				t.Errorf("when the platform answers again: %+v, %s", a, m.State())
			}
		})
	}
}

// TestMemoHasNoMonotonicClock checks that what is stored compares by the wall.
func TestMemoHasNoMonotonicClock(t *testing.T) {
	m, now := New(testPolicy(true), 1), time.Now()
	m.Next(Outcome{Now: now, Kind: Woken})
	m.Next(Outcome{Now: now, Kind: Taken})
	m.Next(Outcome{Now: now, Kind: Doubt})
	memo := m.Memo()
	for _, at := range append(memo.Forced, memo.Until, memo.OrphanUntil, memo.NextAt, memo.OwnUntil) {
		if diff := cmp.Diff(at.Round(0).String(), at.String()); diff != "" {
			t.Error(diff)
		}
	}
}
