package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/session"
)

// Plan is a plan in JSON.
type Plan struct {
	Start  []string `json:"start"`
	Stop   []string `json:"stop"`
	Change []string `json:"change"`
	Leave  []string `json:"leave"`
	// Warnings name what of the configuration needs a restart.
	Warnings []string `json:"warnings,omitempty"`
	// Notes tell of webhooks, and of users of the stream, that are new, changed or
	// gone.
	Notes []string `json:"notes,omitempty"`
}

func planOf(p fleet.Plan) Plan {
	return Plan{names(p.Start), names(p.Stop), names(p.Change), names(p.Leave), p.Warnings, p.Notes}
}

func names(ids []session.ID) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return list
}

// PlanRequest is the body of a request for a plan. The zero value asks for the
// service's own file. Of another one the request holds the contents: the
// caller reads them with the caller's rights. The service may read more, so it opens
// no file because a request names it.
type PlanRequest struct {
	// File is the configuration's absolute path.
	File string `json:"file,omitempty"`
	// Files are the contents of File, and of the lists and certificates that it
	// names, by absolute cleaned path. Secrets and keys do not belong here, and
	// are not looked at.
	Files map[string]string `json:"files,omitempty"`
}

// Bounds of a plan.
const (
	PlanLimit    = 16 << 20         // for the request's body, in bytes
	planBodies   = 4                // requests whose bodies arrive at once
	planBodyTime = 5 * time.Second  // for a body to arrive, over a socket of this machine
	planTime     = 30 * time.Second // for reading the configuration in it
)

// bodyLimitOf returns what a request's body may have, in bytes.
func bodyLimitOf(req *http.Request) int64 {
	if req.Method == http.MethodPost && req.URL.Path == "/api/v1/plan" {
		return PlanLimit
	}
	return bodyLimit
}

// oneAtATime answers 503 to a request while another one is answered.
func oneAtATime(h http.HandlerFunc) http.HandlerFunc {
	slot := make(chan struct{}, 1)
	return func(w http.ResponseWriter, req *http.Request) {
		if !take(slot) {
			failBusy(w)
			return
		}
		defer func() { <-slot }()
		h(w, req)
	}
}

// planHandler answers requests for a plan. It takes the place of the one plan that
// is made when the body is there, so that a client that sends slowly holds up
// nobody.
func planHandler(r Reloader) http.HandlerFunc {
	bodies, slot := make(chan struct{}, planBodies), make(chan struct{}, 1)
	return func(w http.ResponseWriter, req *http.Request) {
		if !take(bodies) {
			listener.Unread(w)
			failBusy(w)
			return
		}
		defer func() { <-bodies }()
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(planBodyTime))
		body, status, err := readPlan(req.Body)
		if err != nil {
			listener.Unread(w)
			fail(w, status, err.Error())
			return
		}
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the deadline would end the request's context
		if !take(slot) {
			failBusy(w)
			return
		}
		defer func() { <-slot }()
		answerPlan(w, req, r, body)
	}
}

// take reports whether there was a place, which the caller frees by receiving.
func take(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

func failBusy(w http.ResponseWriter) {
	unavailable(w, "another request of this kind is being answered: try again in a moment")
}

// readPlan reads a request for a plan, or says with which status it is refused.
func readPlan(r io.Reader) (body PlanRequest, status int, err error) {
	err = json.NewDecoder(r).Decode(&body)
	_, given := body.Files[body.File]
	switch long := new(http.MaxBytesError); {
	case errors.As(err, &long):
		return body, http.StatusRequestEntityTooLarge, fmt.Errorf("the configuration and the files that it names have more than %d bytes together", PlanLimit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return body, http.StatusRequestTimeout, fmt.Errorf("the body did not arrive within %s", planBodyTime)
	case err != nil && !errors.Is(err, io.EOF):
		return body, http.StatusBadRequest, errors.New(`the body is not {"file":"…","files":{"…":"…"}}`)
	case body.File != "" && !(given && filepath.IsAbs(body.File) && filepath.Clean(body.File) == body.File):
		return body, http.StatusBadRequest, errors.New(`the service opens no file that a request names: give file as an absolute path, and in files the contents of it and of the files that it names, by their paths, as agentkeeper plan -c does`)
	}
	return body, 0, nil
}

func answerPlan(w http.ResponseWriter, req *http.Request, r Reloader, body PlanRequest) {
	ctx, cancel := context.WithTimeout(req.Context(), planTime)
	defer cancel()
	plan, err := r.Plan(ctx, body.File, body.Files)
	if err != nil {
		failFile(w, err)
		return
	}
	reply(w, http.StatusOK, planOf(plan))
}
