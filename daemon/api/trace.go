package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"agentkeeper/daemon/sse"
	"agentkeeper/daemon/tracing"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

// Tracer writes agents' exchange with their platform down.
type Tracer interface {
	Start(o tracing.Order, follow bool) (*tracing.Run, error)
	// End returns how many of the agents were traced.
	End(ids []session.ID, by string) int
}

// Traced is one agent whose exchange is written down now.
type Traced struct {
	Agent string        `json:"agent"`
	Since *view.Instant `json:"since"`
	Until *view.Instant `json:"until"`
	By    string        `json:"by"`
}

// TracedOf lists who is traced.
func TracedOf(list []tracing.Running) []Traced {
	out := make([]Traced, 0, len(list))
	for _, r := range list {
		out = append(out, Traced{r.Agent.String(), view.InstantOf(r.Since), view.InstantOf(r.Until), r.By})
	}
	return out
}

// TraceOrder is the body of a request to trace agents.
type TraceOrder struct {
	Agents []string `json:"agents"`
	For    string   `json:"for"` // left out: traceFor
	Reason string   `json:"reason,omitempty"`
	// Follow answers with the lines as server-sent events, until the trace is over;
	// whoever hangs up ends it.
	Follow bool `json:"follow,omitempty"`
}

// traceFor is how long a trace lasts whose order does not say.
const traceFor = 10 * time.Minute

// trace begins a trace, and answers 202 or with its lines.
func (c *Controller) trace(w http.ResponseWriter, req *http.Request) {
	body, ids, ok := c.traceOrder(w, req)
	if !ok {
		return
	}
	order := tracing.Order{Agents: ids, For: traceFor, By: PeerOf(req.Context()).String(), Reason: body.Reason}
	if body.For != "" {
		var err error
		if order.For, err = time.ParseDuration(body.For); err != nil {
			fail(w, http.StatusBadRequest, fmt.Sprintf("%q is no duration: write for example 10m", session.Cut(body.For, textLimit)))
			return
		}
	}
	run, err := c.Tracer.Start(order, body.Follow)
	switch {
	case errors.Is(err, tracing.ErrTime):
		fail(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, tracing.ErrMany):
		fail(w, http.StatusConflict, err.Error()+": `agentkeeper trace` lists them, and with --off ends them")
	case err != nil:
		unavailable(w, err.Error())
	case body.Follow:
		followTrace(req.Context(), w, run)
	default:
		reply(w, http.StatusAccepted, map[string]any{"traced": c.Health.Service().Traced})
	}
}

// endTrace ends traces, and answers who is traced still.
func (c *Controller) endTrace(w http.ResponseWriter, req *http.Request) {
	_, ids, ok := c.traceOrder(w, req)
	if !ok {
		return
	}
	ended := c.Tracer.End(ids, PeerOf(req.Context()).String())
	reply(w, http.StatusOK, map[string]any{"ended": ended, "traced": c.Health.Service().Traced})
}

// traceOrder reads an order; ok is false where the request was answered.
func (c *Controller) traceOrder(w http.ResponseWriter, req *http.Request) (o TraceOrder, ids []session.ID, ok bool) {
	if !readStrictly(w, req, &o, `{"agents":["…"],"for":"10m"}`) {
		return o, nil, false
	}
	if len(o.Reason) > session.TextLimit {
		fail(w, http.StatusBadRequest, CheckReason(o.Reason).Error())
		return o, nil, false
	}
	if len(o.Agents) == 0 {
		fail(w, http.StatusBadRequest, `whom? Write {"agents":["hq/291"]}`)
		return o, nil, false
	}
	for _, name := range o.Agents {
		id, err := session.ParseID(name)
		if err != nil {
			fail(w, http.StatusBadRequest, session.Cut(err.Error(), errorLimit))
			return o, nil, false
		}
		if _, known := c.Agents.Agent(id); !known {
			fail(w, http.StatusNotFound, c.unknown(id))
			return o, nil, false
		}
		ids = append(ids, id)
	}
	return o, ids, true
}

// followTrace answers with the lines of a trace until it is over, which a last
// event tells.
func followTrace(ctx context.Context, w http.ResponseWriter, run *tracing.Run) {
	out := &eventWriter{Writer: sse.NewWriter(w)}
	begun := out.Comment(greeting)
	ctx, end := out.whileAlive(ctx)
	defer end()
	if begun != nil {
		end() // Follow ends the trace
	}
	why, err := run.Follow(ctx, func(l trace.Line) error {
		data, err := json.Marshal(l)
		if err != nil {
			return err
		}
		_, err = out.Write(sse.Append(nil, sse.Event{Data: data}))
		return err
	})
	if err == nil {
		reason, _ := json.Marshal(map[string]string{"reason": why}) // of plain text: always encodes
		_, _ = out.Write(sse.Append(nil, sse.Event{Name: "end", Data: reason}))
	}
}
