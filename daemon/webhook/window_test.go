package webhook

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Over any number of crashes, at any moment, no event is missing, none comes
// before its predecessor, and each life repeats only what it had not stored.
func TestPositionOverCrashes(t *testing.T) {
	for seed := range uint64(100) {
		dice := rand.New(rand.NewPCG(seed, 1))
		const events = 120
		agentOf := func(seq uint64) string { return fmt.Sprint(seq * 7 % 5) }
		done := map[string]uint64{} // the last event of each agent, by any life
		stored := record{}
		for life := 0; ; life++ {
			pos, win := resume(stored), newWindow()
			steps := dice.IntN(150)
			if life > 50 {
				steps = 100_000
			}
			for range steps {
				if pos.read == events && win.events == 0 && life > 50 {
					break
				}
				switch {
				case dice.IntN(2) == 0 && pos.read < events && win.events < 12:
					seq := pos.read + 1
					if n := pos.advance(seq); n != 0 {
						t.Fatalf("seed %d: %d events dropped of a whole stream", seed, n)
					}
					if !pos.delivered(seq, agentOf(seq)) {
						win.add(event{seq: seq, source: agentOf(seq)})
					}
				case dice.IntN(3) == 0:
					stored.Done, stored.Late = pos.record(win.heads())
				default:
					deliverOne(t, dice, &win, done, seed)
				}
			}
			if life > 50 {
				break
			}
		}
		for a, last := range done {
			for seq := last + 1; seq <= events; seq++ {
				if agentOf(seq) == a {
					t.Errorf("seed %d: event %d of agent %s is missing", seed, seq, a)
				}
			}
		}
		if len(done) != 5 {
			t.Errorf("seed %d: events of %d agents", seed, len(done))
		}
	}
}

func deliverOne(t *testing.T, dice *rand.Rand, win *window, done map[string]uint64, seed uint64) {
	t.Helper()
	l := win.take(dice.IntN(2) == 0)
	if l == nil {
		return
	}
	if dice.IntN(4) == 0 {
		l.fails++
		win.failed(l, time.Unix(dice.Int64N(100), 0))
		return
	}
	seq := l.queue[0].seq
	if next := done[l.key]; seq > next {
		for between := next + 1; between < seq; between++ {
			if fmt.Sprint(between*7%5) == l.key {
				t.Fatalf("seed %d: agent %s gets %d before %d", seed, l.key, seq, between)
			}
		}
		done[l.key] = seq
	}
	win.delivered(l)
}

func TestDropped(t *testing.T) {
	for _, tt := range []struct {
		rec  record
		seq  uint64
		want uint64
	}{
		{record{Done: 10}, 11, 0},
		{record{Done: 10}, 15, 4},
		{record{}, 1, 0},
		{record{Done: 10, Late: map[string]uint64{"a": 5}}, 5, 0},
		{record{Done: 10, Late: map[string]uint64{"a": 5}}, 6, 1},
		{record{Done: 10, Late: map[string]uint64{"a": 5, "b": 7}}, 10, 2},
		{record{Done: 10, Late: map[string]uint64{"a": 5, "b": 7}}, 13, 4},
	} {
		p := resume(tt.rec)
		if got := p.advance(tt.seq); got != tt.want {
			t.Errorf("%+v, then %d: %d dropped, want %d", tt.rec, tt.seq, got, tt.want)
		}
	}
}

func TestDelay(t *testing.T) {
	for n, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second, 7: time.Minute, 1000: time.Minute} {
		for _, u := range []float64{0, 0.25, 0.5, 0.75, 0.999} {
			if got := delay(n, u); got > lastRetry || got < time.Duration(0.64*float64(want)) || got > time.Duration(1.36*float64(want)) {
				t.Errorf("after %d failures with %v: %v, want about %v", n, u, got, want)
			}
		}
	}
}

func TestHeaderID(t *testing.T) {
	for id, want := range map[string]string{"hq/291/7": "hq/291/7", "hq/Иван/1": "hq/%D0%98%D0%B2%D0%B0%D0%BD/1", "a b%\n": "a%20b%25%0A"} {
		if got := headerID(id); got != want {
			t.Errorf("%q as a header is %q, want %q", id, got, want)
		}
	}
}
