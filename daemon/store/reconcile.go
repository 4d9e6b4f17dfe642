package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
)

// reconcile compares the records that the server has with their second copy,
// before anything is written, and writes again what the server lost: a damaged
// byte makes it drop whatever lies behind, and give older values back for it.
//
// The journal never tells of a write that the server did not have on disk. So
// a key that the journal knows at a later revision, or knows and the server
// does not, is damage; a key that the server knows at a later revision is a
// journal that lagged. Where the journal is this process's own (a directory
// that was taken away and is being filled again) it holds whatever the server
// says.
type reconcile struct {
	engine  *engine
	journal *journal
	ours    bool // the journal was written by this process
	torn    bool // streams were moved aside

	ix      index
	seen    map[string]bool
	restore []string
	ahead   int  // keys that the journal does not know, or only an older value of
	fell    bool // a revision is lower than it was: they began again
	lines   []line
	found   Damage
}

// fewLines is how many writes that the journal lacks are appended; more make it
// be written anew.
const fewLines = 1000

// run returns what was damaged. An error means that the records could not be
// compared or restored, so that the store must not be used.
func (r *reconcile) run(ctx context.Context) (Damage, error) {
	var err error
	if r.ix, err = r.journal.read(); err != nil {
		r.engine.log.Error("store: the second copy of the records cannot be read", "error", err)
		r.ix = index{damaged: 1}
	}
	r.seen = map[string]bool{}
	if err := r.engine.scan(ctx, ">", r.compare); err != nil {
		return r.found, err
	}
	for _, key := range keysIn(r.ix) {
		if !r.seen[key] {
			r.restore = append(r.restore, key)
		}
	}
	if err := r.writeBack(); err != nil {
		return r.found, fmt.Errorf("restore records from their second copy: %w", err)
	}
	damaged := len(r.restore) > 0 || r.torn || r.fell
	r.found.Copies = r.ix.damaged
	r.found.Unknown = r.found.Unknown || ((len(r.restore) > 0 || r.torn) && (r.ix.damaged > 0 || len(r.ix.entries) == 0))
	return r.found, r.renew(ctx, damaged)
}

// compare looks at one key of the server's.
func (r *reconcile) compare(key string, value []byte, revision uint64) {
	if !kept(key) {
		return
	}
	r.seen[key] = true
	e, known := r.ix.entries[key]
	switch {
	case known && e.same(value) && e.revision == revision:
	case !known, revision > e.revision && !r.ours, e.same(value), revision >= e.revision && !e.readable():
		r.fell = r.fell || (known && revision < e.revision)
		if r.ahead++; r.ahead <= fewLines {
			r.lines = append(r.lines, line{key, value, revision})
		}
	default:
		r.restore = append(r.restore, key)
	}
}

// writeBack writes the journal's values to the server.
func (r *reconcile) writeBack() error {
	var msgs []*nats.Msg
	for _, key := range r.restore {
		value, err := r.journal.value(r.ix.entries[key])
		if err != nil {
			r.found.lose(key)
			continue
		}
		r.found.Restored++
		msgs = append(msgs, keyMsg(key, value))
	}
	acks, err := r.engine.keeper.commitAll(msgs)
	if err != nil {
		return err
	}
	return outcome(acks)
}

// renew brings the journal up to the server's records. After damage the
// server's revisions may have begun again at lower ones, which an old line must
// not outbid: then the store waits until the journal is written anew.
func (r *reconcile) renew(ctx context.Context, damaged bool) error {
	if behind, _ := r.journal.due(); !damaged && !behind && r.ix.damaged == 0 && r.ahead <= fewLines {
		r.journal.add(r.lines)
		return nil
	}
	r.journal.distrust()
	err := r.engine.copyRecords(ctx, r.journal)
	if err != nil && !damaged {
		r.engine.log.Warn("store: the second copy of the records cannot be written; trying again", "error", err)
		return nil
	}
	return err
}

// copyRecords writes the journal anew from what the server has. Others may go
// on writing.
func (e *engine) copyRecords(ctx context.Context, j *journal) error {
	w, err := j.rewriteIn(e.dir)
	if err != nil {
		return err
	}
	defer w.abandon()
	var failed error
	err = e.scan(ctx, ">", func(key string, value []byte, revision uint64) {
		if kept(key) && failed == nil {
			failed = w.line(revision, key, value)
		}
	})
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	return w.commit()
}

// tendJournal makes the journal durable and keeps it short; it blocks for the
// disk, and is the supervisor's.
func (e *engine) tendJournal(ctx context.Context) {
	if e.journal == nil {
		return
	}
	e.journal.sync()
	behind, long := e.journal.due()
	var err error
	if !behind && long {
		if err = e.journal.squeeze(e.dir); err != nil {
			e.log.Warn("store: the second copy of the records cannot be shortened; writing it anew", "error", err)
			behind = true
		}
	}
	if behind {
		if err = e.copyRecords(ctx, e.journal); err == nil {
			e.log.Info("store: the second copy of the records is complete again")
		}
	}
	if err != nil {
		e.log.Debug("store: the second copy of the records cannot be written", "error", err)
	}
}
