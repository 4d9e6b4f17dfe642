package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
)

// Commands carries programs' commands to agents.
type Commands interface {
	// Do blocks until the outcome. The end of ctx takes a command back that has not
	// left yet.
	Do(ctx context.Context, id session.ID, r command.Request, by command.Caller) command.Result
}

// send answers a command with what became of it, see [command.Result]. What never
// came as far as the session has the outcome refused.
func (c *Controller) send(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		refusal := command.Malformed(fmt.Errorf("the command cannot be read: %w", err))
		if long := new(http.MaxBytesError); errors.As(err, &long) {
			refusal = command.Refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("a command has %d bytes at most", long.Limit))
		}
		answer(w, refusal)
		return
	}
	asked, err := command.Decode(body)
	if err != nil {
		answer(w, command.Malformed(err))
		return
	}
	id := idOf(req)
	if _, known := c.Agents.Agent(id); !known {
		answer(w, command.Refuse(http.StatusNotFound, c.unknown(id)))
		return
	}
	answer(w, c.Commands.Do(req.Context(), id, asked, command.Caller{Name: PeerOf(req.Context()).String()}))
}

// answer writes a result under its own status.
func answer(w http.ResponseWriter, r command.Result) {
	if r.HTTP == http.StatusTooManyRequests || r.HTTP == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(inSeconds(r.Retry)))
	}
	r.Error = session.Cut(r.Error, session.TextLimit)
	reply(w, r.HTTP, r)
}

// inSeconds rounds a wait up to whole seconds, at least one.
func inSeconds(wait time.Duration) int { return int(max(math.Ceil(wait.Seconds()), 1)) }
