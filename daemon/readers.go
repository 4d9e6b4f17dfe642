package daemon

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/metrics"
)

// readers are the consumers of the stream that users have.
type readers struct {
	store *store.Store
	log   *slog.Logger

	mu     sync.Mutex
	listed time.Time
	last   []store.ConsumerStatus
}

// ListConsumers implements api.Consumers.
func (r *readers) ListConsumers(ctx context.Context) ([]store.ConsumerStatus, error) {
	return r.store.ListConsumers(ctx)
}

// RemoveConsumer implements api.Consumers.
func (r *readers) RemoveConsumer(ctx context.Context, user, name, by, reason string) error {
	if err := r.store.RemoveConsumer(ctx, user, name); err != nil {
		return err
	}
	r.log.Info("audit", "user", user, "consumer", name, "operation", "remove", "by", by, "reason", reason)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed = time.Time{}
	return nil
}

const (
	// listEvery is how old a list may be that metrics are made of: whoever can
	// scrape may do so as often as it likes.
	listEvery   = 5 * time.Second
	listTimeout = 2 * time.Second
)

// recent returns a list that is at most listEvery old. While the store does not
// answer it is the one before.
func (r *readers) recent() []store.ConsumerStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.listed) < listEvery {
		return r.last
	}
	ctx, cancel := context.WithTimeout(context.Background(), listTimeout)
	defer cancel()
	list, err := r.store.ListConsumers(ctx)
	if err != nil {
		r.log.Debug("count the consumers of the stream", "error", err)
		list = r.last
	}
	r.listed, r.last = time.Now(), list
	return list
}

// streamStatus is the listener for NATS clients as the metrics want it.
func (d *Daemon) streamStatus(cfg *config.Config) (s metrics.StreamStatus) {
	if cfg.Events.Listen == "" {
		return s
	}
	s.Listening = true
	s.Connections, s.ConnectionsLimit = d.store.Connected()
	users := map[string]*metrics.StreamUser{}
	for _, c := range cfg.Consumers {
		users[c.Name] = &metrics.StreamUser{Name: c.Name, Limit: c.MaxConsumers}
	}
	for _, c := range d.readers.recent() {
		u := users[c.User]
		if u == nil {
			u = &metrics.StreamUser{Name: c.User}
			users[c.User] = u
		}
		u.Consumers++
		u.Lag = max(u.Lag, c.Pending)
	}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		s.Users = append(s.Users, *users[name])
	}
	return s
}
