package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// ownerKey is the metadata of a consumer that says whose it is.
	ownerKey = "agentkeeper.user"
	// nobody owns the durable consumers of versions that did not say.
	nobody = ""
	// maxConsumers is how many consumers all users have together. Each costs the
	// server memory and a directory.
	maxConsumers = 2000
)

// owners knows whose each consumer is. The truth is on the server; what it has
// deleted for inactivity is noticed by refresh.
type owners struct {
	mu   sync.RWMutex
	all  map[string]owned
	born uint64 // counts what was taken
}

type owned struct {
	user string
	born uint64
	made bool // the server has it; otherwise its creation is under way
}

// verdict is what becomes of a wish to have a consumer.
type verdict uint8

const (
	fresh    verdict = iota // it is new, and its place is taken
	had                     // it is the user's already
	unsigned                // it is nobody's yet
	others                  // it is another user's
	full                    // the user has as many as it may
	crowded                 // all users together have as many as they may
)

// readOwners reads whose the consumers on the server are.
func readOwners(ctx context.Context, js jetstream.JetStream) (*owners, error) {
	o := &owners{all: map[string]owned{}}
	infos, err := infosOf(ctx, js)
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		if user, signed := info.Config.Metadata[ownerKey]; signed || info.Config.Durable != "" {
			o.all[info.Name] = owned{user: user, made: true}
		}
	}
	return o, nil
}

// infosOf returns every consumer of the events, our own readers' too.
func infosOf(ctx context.Context, js jetstream.JetStream) ([]*jetstream.ConsumerInfo, error) {
	stream, err := js.Stream(ctx, eventsName)
	if err != nil {
		return nil, fmt.Errorf("list the consumers: %w", err)
	}
	lister := stream.ListConsumers(ctx)
	var all []*jetstream.ConsumerInfo
	for info := range lister.Info() {
		all = append(all, info)
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("list the consumers: %w", err)
	}
	return all, nil
}

// of returns the user of a consumer, nobody where it is not written down.
func (o *owners) of(name string) (user string, known bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	c, known := o.all[name]
	return c.user, known
}

// take gives a user the consumer of that name, as long as it has fewer than
// limit.
func (o *owners) take(name, user string, limit int) verdict {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, known := o.all[name]; known {
		switch c.user {
		case user:
			return had
		case nobody:
			return unsigned
		}
		return others
	}
	n := 0
	for _, c := range o.all {
		if c.user == user {
			n++
		}
	}
	switch {
	case n >= limit:
		return full
	case len(o.all) >= maxConsumers:
		return crowded
	}
	o.born++
	o.all[name] = owned{user: user, born: o.born}
	return fresh
}

// made notes that the server has the consumer, or may have it: the next refresh
// forgets it where it has not.
func (o *owners) made(name, user string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, known := o.all[name]; known && c.user == user {
		c.made = true
		o.all[name] = c
	}
}

// adopt gives a consumer that is nobody's to a user.
func (o *owners) adopt(name, user string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, known := o.all[name]
	if !known || c.user != nobody {
		return known && c.user == user
	}
	c.user = user
	o.all[name] = c
	return true
}

func (o *owners) forget(name, user string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all[name].user == user {
		delete(o.all, name)
	}
}

// names returns a user's consumers, sorted.
func (o *owners) names(user string) []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	names := []string{}
	for name, c := range o.all {
		if c.user == user {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refresh forgets what the server has deleted, and returns what that was, with
// its users, and what the server has. What is being created stays.
func (o *owners) refresh(ctx context.Context, js jetstream.JetStream) (infos []*jetstream.ConsumerInfo, gone map[string]string, err error) {
	o.mu.RLock()
	before := maps.Clone(o.all)
	o.mu.RUnlock()
	if infos, err = infosOf(ctx, js); err != nil {
		return nil, nil, err
	}
	for _, info := range infos {
		delete(before, info.Name)
	}
	gone = map[string]string{}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, c := range before {
		if now, still := o.all[name]; still && c.made && now.born == c.born {
			delete(o.all, name)
			gone[name] = now.user
		}
	}
	return infos, gone, nil
}
