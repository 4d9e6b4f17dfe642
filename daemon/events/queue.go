package events

import (
	"container/list"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// item is what one agent handed over at once, with the one who waits for it; or
// the place in the queue where its events were lost.
type item struct {
	id      session.ID
	letters []*letter
	gap     *Gap // instead of letters

	again  bool       // the platform is told of a failure, and may send the events again
	answer chan error // nil: nobody waits; the events are our own, or a gap
	open   int        // letters whose fate is not known; of the publishing goroutine
	err    error      // the first that was refused; likewise

	place  *list.Element // in the queue; nil: not there any more
	before *item         // of the same agent, queued before; its state is looked at when this one is lost
}

// letter is one event on its way.
type letter struct {
	of       *item
	message  store.Message
	sequence uint64
	received time.Time
}

func messages(batch []*letter) []store.Message {
	out := make([]store.Message, len(batch))
	for i, l := range batch {
		out[i] = l.message
	}
	return out
}

// settle ends one of the item's letters; the last one answers who waits.
func (it *item) settle(err error) {
	if it.err == nil {
		it.err = err
	}
	if it.open--; it.open == 0 && it.answer != nil {
		it.answer <- it.err
	}
}

// push queues an item. Events of our own beyond the limit are lost at once.
func (s *Stream) push(it *item) {
	s.mu.Lock()
	it.place, it.before = s.queue.PushBack(it), s.newest[it.id]
	s.newest[it.id] = it
	first := false
	switch {
	case it.answer != nil:
	case s.own+len(it.letters) > queueLimit:
		first = s.lose(it, DroppedQueue)
	default:
		s.own += len(it.letters)
	}
	s.mu.Unlock()
	s.warn(first, it.id, DroppedQueue)
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// giveUp loses an item that the store was not asked to take yet. It is false
// for one that is on its way.
func (s *Stream) giveUp(it *item) bool {
	s.mu.Lock()
	first, queued := false, it.place != nil
	if queued {
		first = s.lose(it, it.reason())
	}
	s.mu.Unlock()
	s.warn(first, it.id, it.reason())
	return queued
}

// reason is why events are dropped that the store does not take.
func (it *item) reason() string {
	if it.again {
		return DroppedRefused
	}
	return DroppedStore
}

func (s *Stream) warn(first bool, id session.ID, reason string) {
	switch {
	case !first:
	case reason == DroppedRefused:
		s.log.Error("events that are pushed are refused, and may be sent again: the store does not take them in time", "agent", id.String())
	default:
		s.log.Error("events are lost: the store does not take them in time", "agent", id.String(), "reason", reason)
	}
}

// lose turns a queued item into a gap, or makes the agent's gap before it
// longer. It reports whether this is the first loss of a trouble. With the lock
// held.
func (s *Stream) lose(it *item, reason string) (first bool) {
	s.counter.EventsDropped(reason, len(it.letters))
	first, s.losing = !s.losing, true
	lost := newGap(it.id, reason, it.letters...)
	it.letters = nil
	b := it.before
	if b == nil || b.place == nil || b.gap == nil || b.gap.Reason != reason {
		it.gap = lost
		return first
	}
	b.gap.extend(lost)
	s.queue.Remove(it.place)
	it.place = nil
	if s.newest[it.id] == it {
		s.newest[it.id] = b
	}
	return first
}

// missing queues the mark of events that were lost on their way to us, or makes
// the agent's mark before it longer.
func (s *Stream) missing(id session.ID, e keeper.Event) {
	at, reason := e.Received.UTC(), e.Missing.String()
	mark := &Gap{
		Agent: id.String(), Reason: reason, Events: 1, Possible: e.Missing == session.MissingCut,
		First: e.Sequence, Last: e.Sequence, Since: at, Until: at,
	}
	s.counter.EventsDropped(reason, 1)
	s.mu.Lock()
	b := s.newest[id]
	longer := b != nil && b.gap != nil && b.gap.Reason == reason
	if longer {
		b.gap.extend(mark)
	}
	s.mu.Unlock()
	if !longer {
		s.push(&item{id: id, gap: mark})
	}
}

// pop takes the oldest items, together about batchSize events. From then on
// they are not given up.
func (s *Stream) pop() (batch []*letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.queue.Front(); e != nil && len(batch) < batchSize; e = s.queue.Front() {
		it := e.Value.(*item)
		s.queue.Remove(e)
		it.place, it.before = nil, nil
		if s.newest[it.id] == it {
			delete(s.newest, it.id)
		}
		if it.answer == nil && it.gap == nil {
			s.own -= len(it.letters)
		}
		if it.gap != nil {
			batch = append(batch, it.mark())
			continue
		}
		it.open = len(it.letters)
		batch = append(batch, it.letters...)
	}
	s.losing = s.losing && len(batch) > 0
	return batch
}
