package gate

import (
	"math/rand/v2"
	"slices"
	"time"

	"agentkeeper/session"
)

const (
	enough = 3               // agents in a row that could not reach the platform
	long   = 2 * time.Second // without a success in between, for any of them
)

// breaker tells whether a platform is out: pure, like guard.
type breaker struct {
	out     bool
	since   time.Time    // of the first failure after the last success; zero: none
	reached time.Time    // last success
	answers bool         // the last failure was something's answer
	missed  []session.ID // different agents that failed since, at most enough
	vanish  []session.ID // those of them whose connection was refused or vanished, at most two
}

// reach notes a success and reports whether it ended an outage.
func (b *breaker) reach(now time.Time) bool {
	back := b.out
	*b = breaker{reached: now}
	return back
}

// miss notes an attempt of an agent, begun at start, that could not reach the
// platform, and reports whether an outage began with it.
func (b *breaker) miss(id session.ID, vanished bool, start, now time.Time) bool {
	if b.since.IsZero() {
		b.since = start
		if start.Before(b.reached) {
			b.since = now
		}
	}
	b.missed = note(b.missed, id, enough)
	if vanished {
		b.vanish = note(b.vanish, id, 2)
	}
	if b.out || (len(b.missed) < enough && !b.suspect(now)) {
		return false
	}
	b.out = true
	return true
}

// suspect reports whether a failure has stood for long without a success.
func (b *breaker) suspect(now time.Time) bool {
	return !b.since.IsZero() && now.Sub(b.since) >= long
}

// banned reports whether the failures since the last answer look like a ban.
func (b *breaker) banned(now time.Time) bool {
	return len(b.vanish) >= 2 || (len(b.vanish) == 1 && b.suspect(now))
}

func note(ids []session.ID, id session.ID, limit int) []session.ID {
	if len(ids) >= limit || slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// pace is the back-off between canaries. It starts over only when success has
// lasted for as long as its longest pause, so a flapping platform does not
// reset it.
type pace struct {
	rules Backoff
	rand  *rand.Rand
	fails int
	next  time.Time // of the next canary; zero: at once
	good  time.Time // first success since the last failure
}

// fail puts the next canary off: by the back-off, and at least by after.
func (p *pace) fail(now time.Time, after time.Duration) {
	if !p.good.IsZero() && now.Sub(p.good) >= p.rules.Max {
		p.fails = 0
	}
	p.good = time.Time{}
	p.next = now.Add(max(p.delay(), min(after, p.rules.Max)))
	p.fails++
}

// ease lets the next canary go at once.
func (p *pace) ease(now time.Time) {
	p.next = time.Time{}
	if p.good.IsZero() {
		p.good = now
	}
}

// delay is the curve's value less a random 20 to 50 %, so Max stays a limit.
func (p *pace) delay() time.Duration {
	d := p.rules.Initial
	for range p.fails {
		if d *= 2; d >= p.rules.Max {
			d = p.rules.Max
			break
		}
	}
	return time.Duration(float64(d) * (0.8 - 0.3*p.rand.Float64()))
}
