package store

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// retention counts what the limits of age and size drop, by the position of the
// first event kept. It is Open's, then the supervisor's.
type retention struct {
	first   uint64 // as last seen; 0: not yet
	dropped func(n int)
}

// see takes note of the first position kept now; after the loss of a store it
// begins anew.
func (r *retention) see(first uint64) {
	if r.first > 0 && first > r.first && r.dropped != nil {
		r.dropped(int(first - r.first))
	}
	r.first = first
}

// ask looks at the stream. A stream that does not answer is asked again later;
// the engine's own health says why.
func (r *retention) ask(ctx context.Context, js jetstream.JetStream) (state jetstream.StreamState, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, checkEvery)
	defer cancel()
	stream, err := js.Stream(ctx, eventsName)
	if err != nil {
		return state, false
	}
	state = stream.CachedInfo().State
	r.see(max(state.FirstSeq, 1))
	return state, true
}
