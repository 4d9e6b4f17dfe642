package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Work tells agents' working states.
type Work interface {
	// Of returns an agent's; ok is false where its vendor tells none.
	Of(id session.ID) (s work.Shown, ok bool)
}

// Worker takes people's wishes for working states.
type Worker interface {
	// Wish stores what a person said of an agent, and acts on it; a zero Wish takes
	// back what was said before. It returns when that is durable. Its errors:
	// fleet.ErrUnknownAgent, fleet.ErrEnding, store.ErrUnavailable, work.ErrNoWay
	// where the vendor has no documented way, work.ErrCode.
	Wish(ctx context.Context, id session.ID, w work.Word) error
}

// StateNotReady is what the filter of working states calls agents that are online and
// get no calls.
const StateNotReady = "not_ready"

// WishConfigured is the wish that takes back what a person said: what is configured
// counts again.
const WishConfigured = "configured"

// workOrder is the body of a person's wish.
type workOrder struct {
	Wish   string `json:"wish"`
	Code   string `json:"code"`
	For    string `json:"for"`
	Reason string `json:"reason"`
}

// codeLimit bounds a vendor's code, in bytes.
const codeLimit = 64

// wishWork carries a person's wish for a working state out.
func (c *Controller) wishWork(w http.ResponseWriter, req *http.Request) {
	var o workOrder
	if !readStrictly(w, req, &o, `{"wish":"ready","reason":"…","code":"200","for":"30m"}`) {
		return
	}
	word, err := o.parse()
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	id := idOf(req)
	word.By = PeerOf(req.Context()).String()
	if err := c.Worker.Wish(req.Context(), id, word); err != nil {
		c.failWork(w, id, err)
		return
	}
	c.tell(w, http.StatusAccepted, id)
}

// parse reads a person's wish.
func (o workOrder) parse() (word work.Word, err error) {
	if err := CheckReason(o.Reason); err != nil {
		return word, err
	}
	word = work.Word{Code: o.Code, Reason: o.Reason, At: time.Now()}
	if word.Wish, err = ParseWish(o.Wish); err != nil {
		return word, err
	}
	switch {
	case o.Code != "" && word.Wish != work.WishBusy && word.Wish != work.WishRest:
		return word, errors.New("a code goes with busy and rest: leave it out")
	case len(o.Code) > codeLimit:
		return word, fmt.Errorf("the code has %d bytes, and %d at most can be one", len(o.Code), codeLimit)
	case o.For == "":
		return word, nil
	case word.Wish == "":
		return word, errors.New("configured takes back what a person said before, for no time: leave `for` out")
	}
	word.For, err = time.ParseDuration(o.For)
	if err != nil || word.For <= 0 {
		return word, fmt.Errorf("%q is no duration: write for example 30m", session.Cut(o.For, textLimit))
	}
	word.Until = word.At.Add(word.For)
	return word, nil
}

// ParseWish reads a wish as people write it: with a dash or an underscore. The wish of
// WishConfigured is the zero one.
func ParseWish(text string) (work.Wish, error) {
	w := work.Wish(strings.ReplaceAll(text, "-", "_"))
	switch {
	case text == WishConfigured:
		return "", nil
	case w == work.AsIs, w.State() != "":
		return w, nil
	}
	return "", fmt.Errorf("unknown wish %q: use ready, busy, rest, as_is or configured", session.Cut(text, textLimit))
}

func (c *Controller) failWork(w http.ResponseWriter, id session.ID, err error) {
	switch {
	case errors.Is(err, fleet.ErrUnknownAgent):
		fail(w, http.StatusNotFound, c.unknown(id))
	case errors.Is(err, work.ErrNoWay):
		fail(w, http.StatusNotImplemented, err.Error())
	case errors.Is(err, work.ErrCode), errors.Is(err, work.ErrWish):
		fail(w, http.StatusBadRequest, err.Error())
	case errors.Is(err, fleet.ErrEnding), errors.Is(err, store.ErrUnavailable):
		unavailable(w, err.Error())
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
}

// show shows an agent with its working state, without its story.
func (r *Reader) show(a fleet.Agent, now time.Time) view.Agent {
	out := view.AgentOf(a, now)
	if s, ok := r.Work.Of(a.ID); ok {
		out.Work = view.WorkOf(a, s)
	}
	return out
}

// validWork reports whether there is such a filter of working states.
func validWork(name string) bool {
	if name == StateNotReady {
		return true
	}
	for _, s := range work.States() {
		if name == string(s) {
			return true
		}
	}
	return false
}

// working reports whether an agent's working state is asked for. One that is not
// online has none.
func (c choice) working(a view.Agent) bool {
	switch {
	case c.work == "":
		return true
	case a.Work == nil || a.State != string(session.Online):
		return false
	}
	return c.work == a.Work.State || (c.work == StateNotReady && a.NotReady())
}
