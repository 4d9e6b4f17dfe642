package ecss

import (
	"agentkeeper/session"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/wire"
)

// tracer leads what goes over a websocket to the trace of its agent.
type tracer struct {
	place           *wire.Place
	id              session.ID
	password, token session.Secret // not to be shown
}

func (p *platform) tracer(a session.Account) *tracer {
	return &tracer{place: &p.place, id: a.ID, password: a.Password}
}

// trace returns the agent's trace, nil while there is none.
func (t *tracer) trace() socket.Trace {
	one := t.place.Traces.Of(t.id)
	if one == nil {
		return nil // of the interface, not of the pointer
	}
	one.Hide(t.password, t.token)
	return one
}
