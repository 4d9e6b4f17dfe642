package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v4"
)

const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	longest    = 24 * time.Hour // that a receiver may ask us to wait
	jitter     = 0.35           // the largest part that is added to or taken from a delay
)

// frozen is the clock of a back-off that has no limit in time.
type frozen struct{}

func (frozen) Now() time.Time { return time.Time{} }

// delay returns how long to wait after n failures in a row (n from 1), with
// u in [0,1) for the jitter. It is never above lastRetry, and never ends.
func delay(n int, u float64) time.Duration {
	b := backoff.ExponentialBackOff{
		InitialInterval: firstRetry, MaxInterval: lastRetry, Multiplier: 2, Stop: backoff.Stop, Clock: frozen{},
	}
	b.Reset()
	d := b.NextBackOff()
	for i := 1; i < n && d < lastRetry; i++ {
		d = b.NextBackOff()
	}
	d = min(d, lastRetry)
	if v := time.Duration(float64(d) * (1 - jitter + 2*jitter*u)); v <= lastRetry {
		return v
	}
	return time.Duration(float64(lastRetry) * (1 - jitter*u))
}

// retryAfter reads a Retry-After header, in seconds or as a date; 0 where there
// is none, or nothing that can be obeyed.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(longest/time.Second) {
			return longest
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), longest)
}
