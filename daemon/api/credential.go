package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// retryAfter is what clients are told that ask for what there is not now.
const retryAfter = 5 * time.Second

// credential answers what another program needs to act within the session;
// with ?after=N&wait=30s it waits for one newer than generation N.
func (c *Controller) credential(w http.ResponseWriter, req *http.Request) {
	after, wait, err := readWait(req)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	h, err := c.newer(req.Context(), idOf(req), after, wait)
	switch {
	case errors.Is(err, fleet.ErrUnknownAgent):
		fail(w, http.StatusNotFound, err.Error())
	case err != nil: // the consumer has gone
	case h.Live && h.Generation > after:
		reply(w, http.StatusOK, fleet.CredentialOf(h))
	case h.Live:
		w.WriteHeader(http.StatusNoContent)
	default:
		unavailable(w, "there is no session now")
	}
}

func readWait(req *http.Request) (after uint64, wait time.Duration, err error) {
	q := req.URL.Query()
	if text := q.Get("after"); text != "" {
		if after, err = strconv.ParseUint(text, 10, 64); err != nil {
			return 0, 0, fmt.Errorf("after %q is no generation: send the one that you have", session.Cut(text, textLimit))
		}
	}
	if text := q.Get("wait"); text != "" {
		wait, err = parseWait(text)
	}
	return after, wait, err
}

// newer waits for a live credential newer than after.
func (c *Controller) newer(ctx context.Context, id session.ID, after uint64, wait time.Duration) (keeper.Handed, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		h, err := c.Credentials.Credential(id)
		if err != nil || wait == 0 || (h.Live && h.Generation > after) {
			return h, err
		}
		select {
		case <-tick.C:
		case <-over.C:
			return h, nil
		case <-ctx.Done():
			return h, ctx.Err()
		}
	}
}

// refused takes a consumer's word that the platform refused a credential.
func (c *Controller) refused(w http.ResponseWriter, req *http.Request) {
	var body struct {
		Generation *uint64 `json:"generation"`
	}
	const form = `{"generation":7}, the generation of the refused credential`
	if !readBody(w, req, &body, form) {
		return
	}
	if body.Generation == nil {
		fail(w, http.StatusBadRequest, "the body is not "+form+": it names none")
		return
	}
	err := c.Credentials.Refuse(idOf(req), *body.Generation, PeerOf(req.Context()).String())
	switch {
	case err == nil:
		reply(w, http.StatusAccepted, map[string]uint64{"generation": *body.Generation})
	case errors.Is(err, fleet.ErrUnknownAgent):
		fail(w, http.StatusNotFound, err.Error())
	case errors.Is(err, keeper.ErrNotCurrent):
		fail(w, http.StatusConflict, err.Error())
	default:
		unavailable(w, err.Error())
	}
}

func unavailable(w http.ResponseWriter, text string) { listener.FailLater(w, retryAfter, text) }
