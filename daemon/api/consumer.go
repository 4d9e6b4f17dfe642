package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/daemon/view"
)

// Consumers is what is asked about the consumers that users of the stream have.
type Consumers interface {
	ListConsumers(ctx context.Context) ([]store.ConsumerStatus, error)
	// RemoveConsumer fails with store.ErrNoConsumer or store.ErrUnavailable.
	RemoveConsumer(ctx context.Context, user, name, by, reason string) error
}

// NoUser stands for the user of a consumer that an earlier version made and
// nobody has used since.
const NoUser = "-"

// Consumer is one consumer of the stream in JSON.
type Consumer struct {
	User       string        `json:"user"` // NoUser: nobody has used it since an earlier version made it
	Name       string        `json:"name"`
	Durable    bool          `json:"durable"`
	Pending    uint64        `json:"pending"`     // events that wait for it
	AckPending int           `json:"ack_pending"` // delivered and not acknowledged
	LastActive *view.Instant `json:"last_active"` // null: not since the service started
	Created    *view.Instant `json:"created"`
	// Inactive is after how long without a reader it is deleted; 0: never.
	Inactive float64 `json:"inactivity_threshold_seconds"`
}

func consumerOf(s store.ConsumerStatus) Consumer {
	out := Consumer{
		User: s.User, Name: s.Name, Durable: s.Durable, Pending: s.Pending, AckPending: s.AckPending,
		LastActive: view.InstantOf(s.LastActive), Created: view.InstantOf(s.Created), Inactive: s.Inactive.Seconds(),
	}
	if out.User == "" {
		out.User = NoUser
	}
	return out
}

const consumersTimeout = 10 * time.Second

// consumers answers {"consumers":[…]}.
func (c *Controller) consumers(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), consumersTimeout)
	defer cancel()
	list, err := c.Consumers.ListConsumers(ctx)
	if err != nil {
		unavailable(w, err.Error())
		return
	}
	out := make([]Consumer, len(list))
	for i, s := range list {
		out[i] = consumerOf(s)
	}
	reply(w, http.StatusOK, map[string]any{"consumers": out})
}

// removeConsumer takes a person's word to delete a consumer.
func (c *Controller) removeConsumer(w http.ResponseWriter, req *http.Request) {
	reason, ok := readReason(w, req)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(req.Context(), consumersTimeout)
	defer cancel()
	user, name := req.PathValue("user"), req.PathValue("name")
	owner := user
	if user == NoUser {
		owner = ""
	}
	switch err := c.Consumers.RemoveConsumer(ctx, owner, name, PeerOf(ctx).String(), reason); {
	case errors.Is(err, store.ErrNoConsumer):
		fail(w, http.StatusNotFound, "no such consumer: "+name+" of the user "+user+c.nearConsumer(ctx, user, name))
	case err != nil:
		unavailable(w, err.Error())
	default:
		reply(w, http.StatusOK, map[string]string{"user": user, "consumer": name})
	}
}

// nearConsumer says which consumer may be meant.
func (c *Controller) nearConsumer(ctx context.Context, user, name string) string {
	list, err := c.Consumers.ListConsumers(ctx)
	if err != nil {
		return ""
	}
	var known []string
	for _, s := range list {
		if o := consumerOf(s); o.User == user {
			known = append(known, o.Name)
		} else if o.Name == name {
			return "; it is the user " + o.User + "'s"
		}
	}
	return DidYouMean(name, known)
}
