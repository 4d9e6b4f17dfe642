// Package token is what the adapters share whose session is a token that lives for a
// while: how often it is looked at, when a new one is asked for, for how long a fresh
// one is not doubted, and what a JWT says of its own life. It knows no vendor and sends
// nothing; packages edna, runtel and huaweiconfig use it.
package token

import (
	"math/rand/v2"
	"time"
)

// FreshFor is how soon after a log-in a token cannot have died by itself: a probe
// that is refused then is unfit.
const FreshFor = time.Minute

// RetryPause is the least rest after a probe that said nothing about the token; the driver paces
// the rest.
const RetryPause = 200 * time.Millisecond

// Share is the part of a token's shortest plausible life after which it is renewed.
// It is drawn once per token, so that those of a fleet are not renewed together.
type Share float64

// The least and the greatest Share.
const (
	ShareFrom Share = 0.7
	ShareTo   Share = 0.9
)

// DrawShare returns one at random.
func DrawShare() Share { return ShareFrom + (ShareTo-ShareFrom)*Share(rand.Float64()) }

// Clamp returns s, or the nearest share that there is: it may come from a store.
func (s Share) Clamp() Share { return min(max(s, ShareFrom), ShareTo) }

// Of returns that part of a life.
func (s Share) Of(life time.Duration) time.Duration { return time.Duration(float64(life) * float64(s)) }

// Renewal returns when a token that was issued then and lives for so long is to be
// renewed: at its share of that life, and not sooner than floor after it was issued.
func (s Share) Renewal(issued time.Time, life, floor time.Duration) time.Time {
	return issued.Add(max(floor, s.Of(life)))
}

// NextCheck returns when a token is to be looked at again: at a random instant from a
// third of the window to almost a half, the probe's own time left over.
func NextCheck(now time.Time, window time.Duration) time.Time {
	w := float64(window)
	return now.Add(time.Duration(w/3 + rand.Float64()*(0.46*w-w/3)))
}

// ProbeTimeout returns how long a probe may take, at most: several fit into the window.
func ProbeTimeout(window, most time.Duration) time.Duration {
	return max(time.Second, min(most, window/6))
}

// AskAgain is the least time between two requests for a renewal.
const AskAgain = 10 * time.Second

// Asking paces the requests for a renewal of one token. The zero Asking has asked for
// none.
type Asking struct {
	last  time.Time
	pause time.Duration // before the next one
}

// None reports whether none was asked for yet.
func (a *Asking) None() bool { return a.last.IsZero() }

// At returns when to ask, again or the first time, for a renewal that is due then.
func (a *Asking) At(due time.Time) time.Time {
	if again := a.last.Add(a.pause); !a.None() && again.After(due) {
		return again
	}
	return due
}

// Ask reports whether to ask now, and notes that it was asked. The pause before the
// next request is AskAgain, and doubles with each one up to most.
func (a *Asking) Ask(now, due time.Time, most time.Duration) bool {
	if now.Before(a.At(due)) {
		return false
	}
	a.last, a.pause = now, min(max(2*a.pause, AskAgain), most)
	return true
}
