package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// retryAfter is what consumers are told while there is no credential.
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
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > waitLimit {
			return 0, 0, fmt.Errorf("wait %q is no duration up to 10m: write for example 30s", session.Cut(text, textLimit))
		}
	}
	return after, wait, nil
}

// newer waits for a live credential newer than after.
func (c *Controller) newer(ctx context.Context, id session.ID, after uint64, wait time.Duration) (keeper.Handed, error) {
	over := time.NewTimer(wait)
	defer over.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		h, err := c.Credentials.Credential(id)
		if err != nil || wait == 0 || h.Live && h.Generation > after {
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
	err := json.NewDecoder(req.Body).Decode(&body)
	if err == nil && body.Generation == nil || errors.Is(err, io.EOF) {
		err = errors.New("it names none")
	}
	if err != nil {
		failBody(w, fmt.Errorf(`the body is not {"generation":7}, the generation of the refused credential: %w`, err))
		return
	}
	err = c.Credentials.Refuse(idOf(req), *body.Generation, PeerOf(req.Context()).String())
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

func unavailable(w http.ResponseWriter, text string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	fail(w, http.StatusServiceUnavailable, text)
}
