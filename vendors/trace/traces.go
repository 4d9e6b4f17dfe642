package trace

import (
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/session"
)

// Traces are the agents whose exchange is written down now. A nil *Traces, and
// one that nobody was put on, traces nobody. Safe for concurrent use.
type Traces struct {
	on   atomic.Pointer[map[session.ID]*Trace] // nil: nobody; what it points to is never changed
	mu   sync.Mutex                            // of changes
	take func(Line)
}

// New returns Traces whose lines go to take, which is called on the agents' own
// goroutines, several at a time, and must not block for long.
func New(take func(Line)) *Traces { return &Traces{take: take} }

// Of returns the trace of an agent, nil while it is not traced.
func (t *Traces) Of(id session.ID) *Trace {
	if t == nil {
		return nil
	}
	on := t.on.Load()
	if on == nil {
		return nil
	}
	return (*on)[id]
}

// Set makes the traced agents those of ids. Who stays keeps what was learned
// about its secrets; that of the others is forgotten.
func (t *Traces) Set(ids []session.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(ids) == 0 {
		t.on.Store(nil)
		return
	}
	next := make(map[session.ID]*Trace, len(ids))
	for _, id := range ids {
		if next[id] = t.Of(id); next[id] == nil {
			next[id] = &Trace{id: id, take: t.take}
		}
	}
	t.on.Store(&next)
}

// Steps of an exchange.
const (
	StepConnected = "connected" // a connection was made, or could not be
	StepRequest   = "request"   // one was sent
	StepAnswer    = "answer"    // one came
	StepFailed    = "failed"    // none came, or not the whole
	StepSent      = "sent"      // a websocket frame left
	StepReceived  = "received"  // one came
	StepClosed    = "closed"    // a websocket ended
	StepCallback  = "callback"  // the platform called us
)

// Line is one step of an exchange, without secrets.
type Line struct {
	Time  time.Time `json:"time"`
	Agent string    `json:"agent"` // its full name
	Step  string    `json:"step"`  // one of the Step constants
	// Exchange is the same for a request and what became of it; 0: the request
	// left before the trace began.
	Exchange uint64   `json:"exchange,omitempty"`
	Method   string   `json:"method,omitempty"`
	Path     string   `json:"path,omitempty"`
	Status   int      `json:"status,omitempty"` // of an answer
	Header   []string `json:"header,omitempty"` // "Name: value", by name
	Kind     string   `json:"kind,omitempty"`   // of a frame: text, binary, ping, pong, close
	Body     string   `json:"body,omitempty"`   // at most BodyLimit bytes
	Bytes    int      `json:"bytes,omitempty"`  // of the whole body or frame
	Took     string   `json:"took,omitempty"`   // of connecting, or since the request
	Detail   string   `json:"detail,omitempty"`
}

// Bounds of traces and their lines.
const (
	MostAgents  = 50        // traced at once
	Longest     = time.Hour // that one trace lasts
	BodyLimit   = 8 << 10   // of a body, in bytes, secrets aside
	headerLimit = 64        // headers
	valueLimit  = 1 << 10   // of a header's value, and of a path, in bytes
)
