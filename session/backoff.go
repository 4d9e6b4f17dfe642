package session

import (
	"time"

	"github.com/cenkalti/backoff/v4"
)

// Policy holds a platform's times that the machine keeps to. All are positive.
type Policy struct {
	Initial   time.Duration // first back-off
	Max       time.Duration // cap of every back-off
	OpTimeout time.Duration // the platform is done with an operation this long after it was sent
	Window    time.Duration // the longest silence that the platform forgives
	Terms     Terms         // the account's own
}

// stable is how long a session must live for its success to reset back-off.
func (p Policy) stable() time.Duration { return max(p.Window, time.Minute) }

// jitter is the largest part that is added to or taken from a delay.
const jitter = 0.35

// frozen is the clock of a back-off that has no limit in time.
type frozen struct{}

func (frozen) Now() time.Time { return time.Time{} }

// curve returns the n-th delay (from 0) between first and limit, without
// jitter and without an end.
func curve(first, limit time.Duration, n int) time.Duration {
	b := backoff.ExponentialBackOff{
		InitialInterval: first, MaxInterval: limit, Multiplier: 2,
		MaxElapsedTime: 0, Stop: backoff.Stop, Clock: frozen{},
	}
	b.Reset()
	d := b.NextBackOff()
	for range n {
		if d >= limit {
			return limit
		}
		d = b.NextBackOff()
	}
	return min(d, limit)
}

// Backoff returns the delay after n failures in a row (n from 1): first, doubled
// from failure to failure up to limit, with jitter by u in [0,1), never above
// limit. It never ends.
func Backoff(first, limit time.Duration, n int, u float64) time.Duration {
	return spread(curve(first, limit, n-1), limit, u)
}

// spread puts jitter on d and keeps it under limit without piling up there.
func spread(d, limit time.Duration, u float64) time.Duration {
	if v := time.Duration(float64(d) * (1 - jitter + 2*jitter*u)); v <= limit {
		return v
	}
	return time.Duration(float64(limit) * (1 - jitter*u))
}

// spread is spread by the machine's next number.
func (m *Machine) spread(d, limit time.Duration) time.Duration { return spread(d, limit, m.random()) }

// random returns the next number in [0,1) of the machine's own sequence
// (splitmix64), so that a machine is a value and a run can be repeated.
func (m *Machine) random() float64 {
	m.seed += 0x9e3779b97f4a7c15
	z := m.seed
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return float64((z^(z>>31))>>11) / (1 << 53)
}

// backoff returns the delay after n failures in a row (n from 1).
func (m *Machine) backoff(n int) time.Duration {
	if n < 1 {
		return 0
	}
	return Backoff(m.policy.Initial, m.policy.Max, n, m.random())
}

// pollRetry returns the pause after n failed polls in a row of a live session:
// bounded by the window, not by the back-off, so that the platform's first
// good moment inside the window is used. Beyond the window it is the back-off.
func (m *Machine) pollRetry(n int, silent bool) time.Duration {
	if silent {
		return m.backoff(n)
	}
	limit := max(m.policy.Window/12, time.Millisecond)
	return Backoff(min(250*time.Millisecond, limit), limit, n, m.random())
}
