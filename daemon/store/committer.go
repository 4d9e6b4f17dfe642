package store

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	silence     = 10 * time.Second // the longest that a commit may go without any answer
	lastSilence = 2 * time.Second  // the same once the store is closing
	healthEvery = 100 * time.Millisecond
	attachEvery = 200 * time.Millisecond // at most this long writes go to files that somebody has removed

	headerMsgID       = "Nats-Msg-Id"
	headerExpect      = "Nats-Expected-Last-Subject-Sequence"
	headerExpectOn    = "Nats-Expected-Last-Subject-Sequence-Subject"
	headerBatch       = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"

	codeWrongSequence = 10071
)

// group is what one caller wants durable: messages of one stream, in order.
type group struct {
	msgs   []*nats.Msg
	events []*Event   // what the messages are to those who follow the events; none for other streams
	shard  int        // whose token fences the messages; noShard for none
	done   chan error // takes the outcome; buffered
}

const noShard = -1

func newGroup(shard int, msgs ...*nats.Msg) *group {
	return &group{msgs: msgs, shard: shard, done: make(chan error, 1)}
}

func (g *group) size() (bytes int) {
	for _, m := range g.msgs {
		bytes += len(m.Data)
	}
	return bytes
}

// ack is the server's answer to one message: its sequence, or why it was
// rejected. A rejection says that nothing was written.
type ack struct {
	seq uint64
	err error
}

// committer writes one stream. Its goroutine takes what callers offer and
// answers every group that it took.
type committer struct {
	nc      *nats.Conn
	log     *slog.Logger
	health  func() error // why the server cannot write; nil when it can
	fence   *fence       // nil where nothing is fenced
	tail    *tail        // takes what was written; nil where nobody follows it
	after   after        // what follows a write
	in      chan *group
	stop    chan struct{} // closed by close: finish what is under way
	gone    chan struct{} // closed when the goroutine has ended
	trouble chan<- error  // takes why it ended by itself, at most one

	pending []*group
	cost    cost
	inbox   string
	replies chan *nats.Msg
	sub     *nats.Subscription
	round   int // of messages and their answers
	expect  int // answers in this round
}

// after is what a committer does between the server's acknowledgement and its
// own.
type after struct {
	journal *journal // takes a second copy of what is written; nil: none
	lines   []line   // scratch for it
	mark    *mark    // learns how far the events have come; nil: nothing does
	maxAge  time.Duration
	// attached says that the files are no longer where they were; nil: nobody looks.
	attached func() error
	looked   time.Time // when it was last asked
}

// written takes note of what the server has written in a commit that began then.
func (a *after) written(msgs []*nats.Msg, acks []ack, began time.Time) error {
	if a.journal != nil {
		a.copy(msgs, acks)
	}
	if a.mark != nil {
		newest := uint64(0) // the last ones may be repeats, or rejected
		for _, ack := range acks {
			newest = max(newest, ack.seq)
		}
		a.mark.reach(newest, began, a.maxAge)
	}
	return a.look(time.Now())
}

// copy adds what was written to the journal.
func (a *after) copy(msgs []*nats.Msg, acks []ack) {
	a.lines = a.lines[:0]
	for i, m := range msgs {
		if key := strings.TrimPrefix(m.Subject, keyPrefix); acks[i].err == nil && kept(key) {
			a.lines = append(a.lines, line{key, m.Data, acks[i].seq})
		}
	}
	a.journal.add(a.lines)
	clear(a.lines)
}

// look makes sure, before anybody hears that a write is durable, that it went
// to files which the next process will find.
func (a *after) look(now time.Time) error {
	if a.attached == nil || now.Sub(a.looked) < attachEvery {
		return nil
	}
	a.looked = now
	return a.attached()
}

// newCommitter subscribes to the answers; run or close comes next.
func newCommitter(nc *nats.Conn, log *slog.Logger, health func() error, f *fence, trouble chan<- error) (*committer, error) {
	c := &committer{
		nc: nc, log: log, health: health, fence: f, trouble: trouble,
		in: make(chan *group), stop: make(chan struct{}), gone: make(chan struct{}),
		inbox: nats.NewInbox(), replies: make(chan *nats.Msg, 2*maxBatch),
	}
	var err error
	if c.sub, err = nc.ChanSubscribe(c.inbox+".*", c.replies); err != nil {
		return nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
	}
	return c, nil
}

// submit hands g over and waits for its outcome, or for ctx: then the write
// may still happen, in its place.
func (c *committer) submit(ctx context.Context, g *group) error {
	select {
	case c.in <- g:
	case <-c.gone:
		return ErrUnavailable
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-g.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close ends the goroutine after the commit under way.
func (c *committer) close() {
	close(c.stop)
	<-c.gone
}

func (c *committer) run() {
	defer close(c.gone)
	for c.gather() {
		if err := c.next(); err != nil {
			c.fail(c.pending, err)
			report(c.trouble, err)
			return
		}
	}
	c.fail(c.pending, ErrUnavailable)
}

// report never blocks: the first trouble is enough to act.
func report(trouble chan<- error, err error) {
	select {
	case trouble <- err:
	default:
	}
}

// gather blocks until something is pending, and adds all that is on offer. It
// is false when the store closes.
func (c *committer) gather() bool {
	if len(c.pending) == 0 {
		select {
		case g := <-c.in:
			c.pending = append(c.pending, g)
		case <-c.stop:
			return false
		}
	}
	for len(c.pending) < 2*maxBatch {
		select {
		case <-c.stop:
			return false
		case g := <-c.in:
			c.pending = append(c.pending, g)
		default:
			return true
		}
	}
	return true
}

// next commits the next part of what is pending. An error means that the
// server cannot write; all that was not answered stays pending.
func (c *committer) next() error {
	take, batch := c.cost.plan(c.fit(), time.Now())
	part := c.part(take)
	if err := c.claim(part); err != nil {
		return err
	}
	var msgs []*nats.Msg
	for _, g := range part {
		if g.shard != noShard {
			c.fence.protect(g)
		}
		msgs = append(msgs, g.msgs...)
	}
	acks, err := c.commit(msgs, batch)
	if err != nil {
		return err
	}
	c.answerGroups(part, acks)
	c.pending = slices.Delete(c.pending, 0, len(part))
	return nil
}

// answerGroups tells the callers what became of their groups. Who follows the
// events finds them before the callers hear of it, and is woken afterwards.
func (c *committer) answerGroups(groups []*group, acks []ack) {
	for _, g := range groups {
		own := acks[:len(g.msgs)]
		if c.tail != nil {
			c.tail.add(g.events, own)
		}
		g.done <- outcome(own)
		acks = acks[len(own):]
	}
	if c.tail != nil {
		c.tail.announce()
	}
}

// fit counts the messages at the head of the queue that fit one batch: no more
// than the server takes, and in a bucket no two of one key.
func (c *committer) fit() (n int) {
	seen, bytes := make(map[string]bool), 0
	for i, g := range c.pending {
		bytes += g.size()
		if i > 0 && (n+len(g.msgs) > maxBatch || bytes > maxBatchBytes || c.repeats(seen, g)) {
			return n
		}
		n += len(g.msgs)
		for _, m := range g.msgs {
			seen[m.Subject] = true
		}
	}
	return n
}

func (c *committer) repeats(seen map[string]bool, g *group) bool {
	if c.fence == nil {
		return false
	}
	for _, m := range g.msgs {
		if seen[m.Subject] {
			return true
		}
	}
	return false
}

// part returns whole groups with about n messages in all.
func (c *committer) part(n int) []*group {
	count := 0
	for i, g := range c.pending {
		if count += len(g.msgs); i > 0 && count > n {
			return c.pending[:i]
		}
	}
	return c.pending
}

// outcome of a group is its first rejection.
func outcome(acks []ack) error {
	for _, a := range acks {
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

// fail answers groups that were not written for all we know.
func (c *committer) fail(groups []*group, err error) {
	for _, g := range groups {
		g.done <- unavailable(err)
	}
	c.pending = nil
}

// claim takes the shards that groups need and nobody holds. A shard that was
// lost in between fences its groups off.
func (c *committer) claim(groups []*group) error {
	if c.fence == nil {
		return nil
	}
	shards := c.fence.missing(groups)
	if len(shards) == 0 {
		return nil
	}
	_, batch := c.cost.plan(len(shards), time.Now())
	acks, err := c.commit(c.fence.claims(shards), batch)
	if err != nil {
		return err
	}
	for i, shard := range shards {
		c.fence.claimed(shard, acks[i])
	}
	return nil
}
