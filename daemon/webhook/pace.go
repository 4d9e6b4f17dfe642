package webhook

import (
	"time"

	"agentkeeper/session"
)

const (
	firstRetry = time.Second
	lastRetry  = time.Minute
	longest    = 24 * time.Hour // that a receiver may ask us to wait
)

// delay returns how long to wait after n failures in a row (n from 1), with
// u in [0,1) for the jitter. It is never above lastRetry, and never ends.
func delay(n int, u float64) time.Duration {
	return session.Backoff(firstRetry, lastRetry, n, u)
}
