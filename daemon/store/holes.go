package store

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// holesMost is of how many missing events the positions are asked for; the
// server's answer has to fit one message. Of more, followers of all events are
// told where they are, followers of one agent are not.
const holesMost = 500_000

// holes remembers which events are gone from the middle of the stream: no limit
// drops those, damage did. A follower of one agent cannot see them otherwise,
// for between its own events lie those of others.
type holes struct {
	mu    sync.Mutex
	first uint64 // of the state that list is about
	count int
	list  []Gap
}

// state asks the server for the positions of the oldest event that it keeps and
// of the newest that there ever was, and what is missing between them.
func (e *engine) state(ctx context.Context) (jetstream.StreamState, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	stream, err := e.js.Stream(ctx, eventsName)
	if err != nil {
		return jetstream.StreamState{}, err
	}
	return stream.CachedInfo().State, nil
}

// holes returns what is gone from the middle of the stream, in order.
func (e *engine) holes(ctx context.Context, now jetstream.StreamState) ([]Gap, error) {
	if now.NumDeleted == 0 || now.NumDeleted > holesMost {
		return nil, nil
	}
	h := &e.missing
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first == now.FirstSeq && h.count == now.NumDeleted {
		return h.list, nil
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	stream, err := e.js.Stream(ctx, eventsName)
	if err != nil {
		return nil, err
	}
	info, err := stream.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return nil, err
	}
	h.list = runsOf(info.State.Deleted)
	h.first, h.count = now.FirstSeq, now.NumDeleted
	return h.list, nil
}

// gone returns what the server does not have, or does not give, in the middle of
// the stream, in order.
func (e *engine) gone(ctx context.Context, now jetstream.StreamState) ([]Gap, error) {
	list, err := e.holes(ctx, now)
	if err != nil {
		return nil, err
	}
	damaged := e.unreadable.known()
	if len(damaged) == 0 {
		return list, nil
	}
	all := slices.Concat(list, runsOf(damaged))
	slices.SortFunc(all, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return all, nil
}

// noteSkipped counts the events that the server left out of those behind a
// position: it passes over a damaged one without a word.
func (e *engine) noteSkipped(ctx context.Context, after uint64, events []*Event) error {
	last := events[len(events)-1].Seq
	if last-after == uint64(len(events)) {
		return nil
	}
	state, err := e.state(ctx)
	if err != nil {
		return err
	}
	gone, err := e.gone(ctx, state)
	if err != nil {
		return err
	}
	next := max(after+1, state.FirstSeq)
	for _, ev := range events {
		for ; next < ev.Seq; next++ {
			for len(gone) > 0 && gone[0].To < next {
				gone = gone[1:]
			}
			if len(gone) == 0 || next < gone[0].From {
				e.unreadable.skipped(next)
			}
		}
		next = max(next, ev.Seq+1)
	}
	return nil
}

// runsOf joins rising positions that follow each other.
func runsOf(positions []uint64) (runs []Gap) {
	for _, p := range positions {
		if n := len(runs); n > 0 && runs[n-1].To+1 == p {
			runs[n-1].To = p
		} else {
			runs = append(runs, Gap{p, p})
		}
	}
	return runs
}
