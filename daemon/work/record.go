package work

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

const (
	lazily   = 10 * time.Second // after which what is no hurry is written
	saveMost = 5 * time.Second  // for one write
	savers   = 16               // writes at the same time; the store makes many durable at once
)

// unknown stands for a stored record that nobody knows.
var unknown = []byte("?")

// encode returns a record as it is stored; nil for one that tells nothing.
func encode(r work.Record) []byte {
	if r.None() {
		return nil
	}
	data, _ := json.Marshal(r) // plain values always encode
	return data
}

// decode reads a stored record. A person's word that was to hold for a time holds no
// longer than that from now.
func decode(id session.ID, data []byte, now time.Time, log *slog.Logger) (r work.Record) {
	if err := json.Unmarshal(data, &r); err != nil {
		log.Error("a stored working state cannot be read: it is unknown, and what a person wished is forgotten", "agent", id.String(), "error", err)
		return work.Record{}
	}
	if w := r.Word; w != nil && w.For > 0 && w.Until.After(now.Add(w.For)) {
		w.Until = now.Add(w.For)
	}
	return r
}

// store has what changed of an agent written. What only shows a call's course, or
// concerns an agent of which nothing is wished, may wait. The caller holds mu.
func (t *Tracker) store(a *agent) {
	s := a.machine.State
	soon := a.counted.hold != work.HoldNone || a.machine.Asking() || (a.policy.Wishes() && !s.InCall() && s != work.WrapUp)
	if was, known := t.dirty[a]; known && (was || !soon) {
		return
	}
	t.dirty[a] = soon
	if soon {
		t.soon()
	}
}

// soon wakes the writer.
func (t *Tracker) soon() {
	select {
	case t.write <- struct{}{}:
	default:
	}
}

// writeLoop writes what changed.
func (t *Tracker) writeLoop() {
	ticker := time.NewTicker(lazily)
	defer ticker.Stop()
	for {
		select {
		case <-t.write:
			t.flush(false)
		case <-ticker.C:
			t.flush(true)
		case <-t.ctx.Done():
			return
		}
	}
}

// flush writes what is urgent, or all; what cannot be written is tried again with the
// next.
func (t *Tracker) flush(all bool) {
	t.mu.Lock()
	var list []*agent
	for a, soon := range t.dirty {
		if all || soon {
			list = append(list, a)
			delete(t.dirty, a)
		}
	}
	t.mu.Unlock()
	next := make(chan *agent)
	var done sync.WaitGroup
	for range min(savers, len(list)) {
		done.Go(func() {
			for a := range next {
				t.saveOne(a)
			}
		})
	}
	for _, a := range list {
		next <- a
	}
	close(next)
	done.Wait()
}

func (t *Tracker) saveOne(a *agent) {
	if err := t.save(context.WithoutCancel(t.ctx), a); err != nil {
		t.o.Log.Debug("a working state could not be stored; it is tried again", "agent", a.id.String(), "error", err)
		t.again(a)
		return
	}
	t.mu.Lock()
	settled, later := t.rest(a)
	t.mu.Unlock()
	if !settled && later {
		t.again(a)
	}
}

// again has an agent looked at with what is written next.
func (t *Tracker) again(a *agent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.dirty[a]; !known {
		t.dirty[a] = false
	}
}

// rest keeps of an agent only what is needed, where it has nothing to do; later
// tells that it may be so later. The caller holds mu.
func (t *Tracker) rest(a *agent) (settled, later bool) {
	if _, changed := t.dirty[a]; changed || t.agents[a.id] != a || !a.changes.IsZero() || a.place >= 0 || a.drop != nil {
		return false, false
	}
	if len(a.untold) > 0 {
		return false, true
	}
	s, settled, later := a.machine.Settle(time.Now())
	if settled {
		t.settled[a.id] = s
		delete(t.agents, a.id)
	}
	return settled, later
}

// settledCount is what a settled agent adds to its platform's tally.
func settledCount(s work.Settled) counted {
	c := counted{live: s.Live(), state: s.State()}
	if c.state == "" {
		c.state = work.Unknown
	}
	return c
}

// save makes the agent's newest record durable.
func (t *Tracker) save(ctx context.Context, a *agent) error {
	a.writing.Lock()
	defer a.writing.Unlock()
	t.mu.Lock()
	r := a.machine.Record()
	t.mu.Unlock()
	return t.put(ctx, a, r)
}

// put makes a record durable. The caller holds a.writing.
func (t *Tracker) put(ctx context.Context, a *agent, r work.Record) error {
	data := encode(r)
	if bytes.Equal(data, a.written) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, saveMost)
	defer cancel()
	if err := t.o.Store.Put(ctx, store.Works, a.id.String(), data); err != nil {
		a.written = unknown
		return err
	}
	a.written = data
	return nil
}
