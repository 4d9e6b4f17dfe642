package gate

import "time"

// Settings are one platform's limits. A field that is not positive takes its
// default (in parentheses).
type Settings struct {
	Rate       float64 // sign-ins per second, evenly spread (20)
	Concurrent int     // sign-ins and sign-outs in flight (10)
	Backoff    Backoff
	Lockout    Lockout
}

// Backoff paces the canaries of an outage.
type Backoff struct {
	Initial time.Duration // before the first canary (1s)
	Max     time.Duration // the longest pause between two (60s)
}

// Lockout is the guard against locking accounts or our address out.
type Lockout struct {
	Failures int           // refused log-ins of all accounts together (3)
	Within   time.Duration // counted over this time (10m)
	Quiet    time.Duration // length of a quarantine (15m)
}

// normal returns s with defaults for what is not positive.
func (s Settings) normal() Settings {
	s.Rate = positive(s.Rate, 20)
	s.Concurrent = positive(s.Concurrent, 10)
	s.Backoff.Initial = positive(s.Backoff.Initial, time.Second)
	s.Backoff.Max = max(positive(s.Backoff.Max, time.Minute), s.Backoff.Initial)
	s.Lockout.Failures = positive(s.Lockout.Failures, 3)
	s.Lockout.Within = positive(s.Lockout.Within, 10*time.Minute)
	s.Lockout.Quiet = positive(s.Lockout.Quiet, 15*time.Minute)
	return s
}

func positive[T int | float64 | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// interval is the time between two admissions.
func (s Settings) interval() time.Duration {
	return time.Duration(float64(time.Second) / s.Rate)
}
