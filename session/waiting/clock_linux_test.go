//go:build !noepoll

package waiting

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever is put down comes once, never before its time, and at the first look
// behind its tick.
func TestWheel(t *testing.T) {
	now := time.Now()
	w := wheel{begin: now}
	random := rand.New(rand.NewPCG(1, 2))
	due := map[*Seat]time.Time{}
	for range 20_000 {
		for range random.IntN(3) {
			s, at := &Seat{}, now.Add(time.Duration(random.ExpFloat64()*float64(20*time.Second)))
			if random.IntN(10) == 0 {
				at = now.Add(-time.Second)
			}
			due[s] = at
			if tick := w.add(s, at); tick.Before(at) {
				t.Fatalf("due at %v, to be woken at %v", at, tick)
			}
		}
		if random.IntN(4) == 0 {
			for s := range due {
				w.remove(s)
				w.remove(s)
				delete(due, s)
				break
			}
		}
		if at, ok := w.next(); ok && random.IntN(2) == 0 {
			now = at
		} else {
			now = now.Add(time.Duration(random.IntN(int(3 * tick))))
		}
		w.take(now, func(s *Seat) {
			if at, ok := due[s]; !ok || at.After(now) {
				t.Fatalf("%v: came at %v, due %v", s, now, at)
			}
			delete(due, s)
		})
		if w.count != len(due) {
			t.Fatalf("%d are down, want %d", w.count, len(due))
		}
	}
	now = now.Add(time.Hour)
	w.take(now, func(s *Seat) { delete(due, s) })
	if len(due) > 0 || w.count != 0 {
		t.Errorf("%d never came", len(due))
	}
	if _, ok := w.next(); ok {
		t.Error("something is due though nothing waits")
	}
}
