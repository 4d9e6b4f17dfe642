package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"agentkeeper/daemon/view"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
)

// Webhooks is what is asked about webhooks.
type Webhooks interface {
	Status(ctx context.Context) []webhook.Status
}

// Resumer ends what makes a webhook wait.
type Resumer interface {
	Resume(ctx context.Context, name, by, reason string) error
	Skip(ctx context.Context, name, agent, by, reason string) (webhook.DeadLetter, error)
}

// Webhook is one webhook in JSON.
type Webhook struct {
	Name         string            `json:"name"`
	URL          string            `json:"url"`   // without what may be a secret
	State        string            `json:"state"` // delivering, retrying, paused or stopped
	StoppedSince *view.Instant     `json:"stopped_since"`
	Cursor       uint64            `json:"cursor"`      // everything up to this position is delivered
	LagEvents    uint64            `json:"lag_events"`  // that wait, before the hook's filters
	LagSeconds   float64           `json:"lag_seconds"` // the age of the oldest of them
	InFlight     int               `json:"in_flight"`
	Delivered    uint64            `json:"delivered"` // since the service started, as the next
	Retries      uint64            `json:"retries"`
	LastDelivery *view.Instant     `json:"last_delivery"`
	LastError    string            `json:"last_error"`
	LastErrorAt  *view.Instant     `json:"last_error_at"`
	NextAttempt  *view.Instant     `json:"next_attempt"`
	Failing      *FailingEvent     `json:"failing"`      // the oldest event of which a request failed
	DeadLetters  map[string]uint64 `json:"dead_letters"` // by reason
	GivenUp      []DeadLetter      `json:"given_up"`     // the latest events that were given up, oldest first
}

// DeadLetter is an event that a webhook gave up.
type DeadLetter struct {
	ID       string        `json:"id"`
	Type     string        `json:"type"`
	Position uint64        `json:"position"`
	Reason   string        `json:"reason"` // refused or skipped
	Attempts int           `json:"attempts"`
	Error    string        `json:"error"`
	At       *view.Instant `json:"at"`
}

func deadLetterOf(d webhook.DeadLetter) DeadLetter {
	return DeadLetter{ID: d.ID, Type: d.Type, Position: d.Position, Reason: d.Reason, Attempts: d.Attempts, Error: d.Error, At: view.InstantOf(d.At)}
}

// FailingEvent is an event that a receiver does not take.
type FailingEvent struct {
	ID          string        `json:"id"`
	Type        string        `json:"type"`
	Position    uint64        `json:"position"`
	Received    *view.Instant `json:"received"`
	Attempts    int           `json:"attempts"`
	Error       string        `json:"error"`
	NextAttempt *view.Instant `json:"next_attempt"`
}

func webhookOf(s webhook.Status, now time.Time) Webhook {
	out := Webhook{
		Name: s.Name, URL: s.URL, State: string(s.State), StoppedSince: view.InstantOf(s.Since), Cursor: s.Cursor,
		LagEvents: s.Lag, LagSeconds: s.Age(now).Round(time.Millisecond).Seconds(), InFlight: s.InFlight, Delivered: s.Delivered, Retries: s.Retries,
		LastDelivery: view.InstantOf(s.LastOK), LastError: s.LastError, LastErrorAt: view.InstantOf(s.ErrorAt), NextAttempt: view.InstantOf(s.Next),
		DeadLetters: s.Dead, GivenUp: []DeadLetter{},
	}
	for _, d := range s.Letters {
		out.GivenUp = append(out.GivenUp, deadLetterOf(d))
	}
	if f := s.Failing; f != nil {
		out.Failing = &FailingEvent{ID: f.ID, Type: f.Type, Position: f.Position, Received: view.InstantOf(f.Received),
			Attempts: f.Attempts, Error: f.Error, NextAttempt: view.InstantOf(f.Next)}
	}
	return out
}

// statusTimeout is how long the store may take to say how much there is.
const statusTimeout = 2 * time.Second

// webhooks answers {"webhooks":[…]}.
func (r *Reader) webhooks(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), statusTimeout)
	defer cancel()
	now, list := time.Now(), []Webhook{}
	for _, s := range r.Webhooks.Status(ctx) {
		list = append(list, webhookOf(s, now))
	}
	reply(w, http.StatusOK, map[string]any{"webhooks": list})
}

// webhookOrder is what is told to a webhook.
type webhookOrder struct {
	Reason string `json:"reason"`
	Agent  string `json:"agent"` // of a skip; "": of any
}

// resumeWebhook takes a person's word to try a hook at once.
func (c *Controller) resumeWebhook(w http.ResponseWriter, req *http.Request) {
	var o webhookOrder
	if !readOrder(w, req, &o, &o.Reason) {
		return
	}
	name := req.PathValue("name")
	switch err := c.Resumer.Resume(req.Context(), name, PeerOf(req.Context()).String(), o.Reason); {
	case errors.Is(err, webhook.ErrUnknown):
		fail(w, http.StatusNotFound, session.Cut(err.Error(), errorLimit)+c.nearWebhook(req.Context(), name))
	case err != nil: // the caller has gone
	default:
		reply(w, http.StatusAccepted, map[string]string{"webhook": name})
	}
}

// skipWebhook takes a person's word to give up the event that a hook cannot
// deliver, and answers which one that was.
func (c *Controller) skipWebhook(w http.ResponseWriter, req *http.Request) {
	var o webhookOrder
	if !readOrder(w, req, &o, &o.Reason) {
		return
	}
	name := req.PathValue("name")
	letter, err := c.Resumer.Skip(req.Context(), name, o.Agent, PeerOf(req.Context()).String(), o.Reason)
	switch {
	case errors.Is(err, webhook.ErrUnknown):
		fail(w, http.StatusNotFound, err.Error()+c.nearWebhook(req.Context(), name))
	case errors.Is(err, webhook.ErrNothingFails):
		fail(w, http.StatusConflict, err.Error())
	case err != nil: // the caller has gone
	default:
		reply(w, http.StatusOK, map[string]any{"webhook": name, "skipped": deadLetterOf(letter)})
	}
}

// nearWebhook says which webhook may be meant.
func (c *Controller) nearWebhook(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	var known []string
	for _, s := range c.Webhooks.Status(ctx) {
		known = append(known, s.Name)
	}
	return DidYouMean(name, known)
}
