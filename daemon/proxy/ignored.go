package proxy

import (
	"sync"
	"time"

	"agentkeeper/session"
)

// ignoreFor is how long a generation whose refusal led to no newer one is not
// reported or waited for again.
const ignoreFor = 5 * time.Minute

// ignored remembers, for each agent, the generation whose refusal says nothing:
// it was refused when it was fresh, or nothing newer came. The zero value is
// ready to use.
type ignored struct {
	mu  sync.Mutex
	all map[session.ID]ignoredRefusal
}

type ignoredRefusal struct {
	generation uint64
	until      time.Time
}

func (d *ignored) add(id session.ID, generation uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for other, old := range d.all {
		if now.After(old.until) {
			delete(d.all, other)
		}
	}
	if d.all == nil {
		d.all = map[session.ID]ignoredRefusal{}
	}
	d.all[id] = ignoredRefusal{generation, now.Add(ignoreFor)}
}

func (d *ignored) holds(id session.ID, generation uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	one, ok := d.all[id]
	return ok && one.generation == generation && time.Now().Before(one.until)
}
