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
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Commander carries people's words out.
type Commander interface {
	Command(ctx context.Context, id session.ID, verb fleet.Verb, by, reason string, hold time.Duration) error
}

// Reloader loads the configuration again.
type Reloader interface {
	// Reload applies the configuration file; the error is the reason why the
	// old configuration stays.
	Reload(ctx context.Context, by string) (fleet.Plan, error)
	// Plan says what a configuration would change. path "" is the service's own
	// file, read as a reload reads it. Any other is taken from texts, which holds
	// that file and those that it names by cleaned path: no file is opened, and no
	// secret is read.
	Plan(ctx context.Context, path string, texts map[string]string) (fleet.Plan, error)
}

// Credentials hands sessions' credentials on.
type Credentials interface {
	Credential(id session.ID) (keeper.Handed, error)
	Refuse(id session.ID, generation uint64, by string) error
}

// Controller is the whole API, for the control socket.
type Controller struct {
	Reader
	Commander   Commander
	Commands    Commands
	Worker      Worker
	Credentials Credentials
	Reloader    Reloader
	Resumer     Resumer
	Consumers   Consumers
	Quarantines Quarantines
	Tracer      Tracer
}

// Handler returns the routes. Requests must carry a Peer (see Admit).
func (c *Controller) Handler() http.Handler {
	mux := http.NewServeMux()
	c.routes(mux, doorControl)
	mux.HandleFunc("POST /api/v1/agents/{platform}/{login}/{verb}", c.command)
	mux.HandleFunc("POST /api/v1/agents/{platform}/{login}/command", c.send)
	mux.HandleFunc("POST /api/v1/agents/{platform}/{login}/work", c.wishWork)
	mux.HandleFunc("GET /api/v1/agents/{platform}/{login}/credential", c.credential)
	mux.HandleFunc("POST /api/v1/agents/{platform}/{login}/credential/refused", c.refused)
	mux.HandleFunc("POST /api/v1/webhooks/{name}/resume", c.resumeWebhook)
	mux.HandleFunc("POST /api/v1/webhooks/{name}/skip", c.skipWebhook)
	mux.HandleFunc("POST /api/v1/platforms/{platform}/quarantine/end", c.endQuarantine)
	mux.HandleFunc("GET /api/v1/consumers", c.consumers)
	mux.HandleFunc("POST /api/v1/consumers/{user}/{name}/remove", c.removeConsumer)
	mux.HandleFunc("POST /api/v1/trace", c.trace)
	mux.HandleFunc("POST /api/v1/trace/end", c.endTrace)
	mux.HandleFunc("POST /api/v1/reload", c.reload)
	mux.HandleFunc("POST /api/v1/plan", planHandler(c.Reloader))
	mux.HandleFunc("GET /debug/pprof/{profile}", oneAtATime(c.profile))
	return limited(Admit(mux))
}

// order is the body of a person's order.
type order struct {
	Reason string `json:"reason"`
	For    string `json:"for"`
}

// instruction is an order as it is to be carried out.
type instruction struct {
	reason string
	hold   time.Duration // 0: until the schedule's next change
	wait   time.Duration // for it to be fulfilled; 0: not at all
}

func (c *Controller) command(w http.ResponseWriter, req *http.Request) {
	var o order
	if !readStrictly(w, req, &o, `{"reason":"…","for":"30m"}`) {
		return
	}
	said, err := o.parse(req.URL.Query().Get("wait"))
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	id, verb := idOf(req), fleet.Verb(req.PathValue("verb"))
	began := time.Now()
	if verb == fleet.Resume && said.hold > 0 {
		fail(w, http.StatusBadRequest, "resume ends what a person said before and holds for no time: leave `for` out")
		return
	}
	if err := c.Commander.Command(req.Context(), id, verb, PeerOf(req.Context()).String(), said.reason, said.hold); err != nil {
		c.failCommand(w, id, err)
		return
	}
	c.answerCommand(w, req, id, said.wait, began)
}

// parse reads an order, given the request's parameter wait.
func (o order) parse(wait string) (said instruction, err error) {
	said.reason = o.Reason
	if err := CheckReason(o.Reason); err != nil {
		return said, err
	}
	if o.For != "" {
		if said.hold, err = time.ParseDuration(o.For); err != nil || said.hold <= 0 {
			return said, fmt.Errorf("%q is no duration: write for example 30m", session.Cut(o.For, textLimit))
		}
	}
	if wait != "" {
		said.wait, err = parseWait(wait)
		if err == nil && said.wait == 0 {
			err = errWait(wait)
		}
	}
	return said, err
}

// parseWait reads how long a request may wait for its outcome.
func parseWait(text string) (time.Duration, error) {
	wait, err := time.ParseDuration(text)
	if err != nil || wait < 0 || wait > waitLimit {
		return 0, errWait(text)
	}
	return wait, nil
}

func errWait(text string) error {
	return fmt.Errorf("wait %q is no duration up to 10m: write for example 30s", session.Cut(text, textLimit))
}

// CheckReason says why a person's reason cannot be taken: it is empty, or longer
// than session.TextLimit. It stands in the audit log and in lists.
func CheckReason(reason string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return errors.New("a reason is required: it stands in the audit log")
	case len(reason) > session.TextLimit:
		return fmt.Errorf("the reason has %d bytes, and %d at most are kept: say it shorter, and name a ticket for the rest", len(reason), session.TextLimit)
	}
	return nil
}

func (c *Controller) failCommand(w http.ResponseWriter, id session.ID, err error) {
	switch {
	case errors.Is(err, fleet.ErrUnknownAgent):
		fail(w, http.StatusNotFound, c.unknown(id))
	case errors.Is(err, fleet.ErrVerb):
		fail(w, http.StatusNotFound, err.Error()+": use sign-in, sign-out, pause or resume")
	case errors.Is(err, fleet.ErrEnding), errors.Is(err, store.ErrUnavailable):
		unavailable(w, err.Error())
	default:
		fail(w, http.StatusInternalServerError, err.Error())
	}
}

// answerCommand answers 202 at once, or waits for the wish to be fulfilled.
func (c *Controller) answerCommand(w http.ResponseWriter, req *http.Request, id session.ID, wait time.Duration, began time.Time) {
	status := http.StatusAccepted
	if wait > 0 {
		status = http.StatusGatewayTimeout
		if c.fulfilled(req.Context(), id, wait, began) {
			status = http.StatusOK
		}
	}
	c.tell(w, status, id)
}

// fulfilled waits until the agent is as it is wished, or was parked since the
// command began, or the time is over.
func (c *Controller) fulfilled(ctx context.Context, id session.ID, wait time.Duration, began time.Time) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		a, ok := c.Agents.Agent(id)
		switch {
		case !ok:
			return false
		case a.Wish == session.Stay && a.View.State == session.Online, a.Wish == session.Leave && a.View.State == session.Offline:
			return true
		case a.View.State == session.Parked && !a.View.Since.Before(began):
			return false
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

func (c *Controller) reload(w http.ResponseWriter, req *http.Request) {
	plan, err := c.Reloader.Reload(req.Context(), PeerOf(req.Context()).String())
	if err != nil {
		failFile(w, err)
		return
	}
	reply(w, http.StatusOK, planOf(plan))
}

// failFile answers with every mistake of a configuration, however many.
func failFile(w http.ResponseWriter, err error) {
	reply(w, http.StatusUnprocessableEntity, map[string]string{"error": err.Error()})
}
