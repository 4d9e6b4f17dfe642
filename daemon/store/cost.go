package store

import "time"

const (
	maxBatch       = 1000    // messages; the server's limit for one atomic batch
	maxBatchBytes  = 8 << 20 // of payload, so that a batch stays a moment's work
	firstThreshold = 100     // until a batch was measured; right for a disk that syncs in 50 µs
	batchPerMsg    = 10 * time.Microsecond
	smallestTry    = 8                    // no batch below is ever tried out
	worthTrying    = 4 * time.Millisecond // nor where single writes take less in all
	measureAgain   = time.Minute          // a figure older than this is measured anew
	sampleSize     = 4                    // single writes of such a measurement
)

// cost decides from its own measurements whether what is waiting is written
// message by message (one sync each) or as one atomic batch (a few syncs in
// all, but dear to set up). It is a value without clock or lock.
type cost struct {
	single   time.Duration // of one message, in a pipeline
	batch    time.Duration // of a batch beyond batchPerMsg for each message
	singleAt time.Time
	batchAt  time.Time
}

// threshold returns the number of messages from which a batch is cheaper.
func (c cost) threshold() int {
	switch {
	case c.batchAt.IsZero():
		return firstThreshold
	case c.single <= batchPerMsg:
		return maxBatch + 1
	}
	return int(c.batch/(c.single-batchPerMsg)) + 1
}

// plan says how many of n waiting messages to write now, and whether as a
// batch.
func (c cost) plan(n int, now time.Time) (take int, batch bool) {
	stale := func(at time.Time) bool { return now.Sub(at) > measureAgain }
	switch {
	case n < 2:
		return n, false
	case n >= c.threshold() && stale(c.singleAt):
		return min(n, sampleSize), false
	case n >= c.threshold():
		return n, true
	}
	try := stale(c.batchAt) && n >= smallestTry && time.Duration(n)*c.single >= worthTrying
	return n, try
}

// observe takes note of a commit of n messages.
func (c *cost) observe(n int, batch bool, took time.Duration, now time.Time) {
	if batch {
		c.batch = smooth(c.batch, max(0, took-time.Duration(n)*batchPerMsg), c.batchAt)
		c.batchAt = now
		return
	}
	c.single = smooth(c.single, took/time.Duration(n), c.singleAt)
	c.singleAt = now
}

// smooth is an exponential mean that begins with its first value.
func smooth(mean, value time.Duration, measured time.Time) time.Duration {
	if measured.IsZero() {
		return value
	}
	return mean + (value-mean)/4
}
