package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/view"
)

func (r *Reader) platforms(w http.ResponseWriter, _ *http.Request) {
	list := []view.Platform{}
	for _, p := range r.Agents.Platforms() {
		list = append(list, view.PlatformOf(p))
	}
	slices.SortFunc(list, func(a, b view.Platform) int { return cmp.Compare(a.Name, b.Name) })
	reply(w, http.StatusOK, map[string]any{"platforms": list})
}

// Quarantines is what can be done about a platform's quarantine.
type Quarantines interface {
	// EndQuarantine fails with fleet.ErrUnknownPlatform, fleet.ErrNotQuarantined
	// or the store's error.
	EndQuarantine(ctx context.Context, platform, by, reason string) error
}

// endQuarantine takes a person's word to let one log-in try now. It answers 202
// with the platform.
func (c *Controller) endQuarantine(w http.ResponseWriter, req *http.Request) {
	reason, ok := readReason(w, req)
	if !ok {
		return
	}
	name := req.PathValue("platform")
	switch err := c.Quarantines.EndQuarantine(req.Context(), name, PeerOf(req.Context()).String(), reason); {
	case errors.Is(err, fleet.ErrUnknownPlatform):
		fail(w, http.StatusNotFound, err.Error()+c.nearPlatform(name))
	case errors.Is(err, fleet.ErrNotQuarantined):
		fail(w, http.StatusConflict, err.Error()+": there is nothing to end")
	case err != nil:
		unavailable(w, err.Error())
	default:
		c.tellPlatform(w, name)
	}
}

// nearPlatform says which platform may be meant.
func (c *Controller) nearPlatform(name string) string {
	var known []string
	for _, p := range c.Agents.Platforms() {
		known = append(known, p.Name)
	}
	return DidYouMean(name, known)
}

func (c *Controller) tellPlatform(w http.ResponseWriter, name string) {
	for _, p := range c.Agents.Platforms() {
		if p.Name != name {
			continue
		}
		reply(w, http.StatusAccepted, view.PlatformOf(p))
		return
	}
	fail(w, http.StatusNotFound, fleet.ErrUnknownPlatform.Error()+": "+name)
}
