package proxy

import (
	"sync"
	"time"

	"agentkeeper/session"
)

// doubtFor is how long a generation whose refusal was of no avail is not
// reported or waited for again.
const doubtFor = 5 * time.Minute

// doubts remembers, for each agent, the generation whose refusal says nothing:
// it was refused when it was fresh, or nothing newer came. The zero value is
// ready to use.
type doubts struct {
	mu  sync.Mutex
	all map[session.ID]doubt
}

type doubt struct {
	generation uint64
	until      time.Time
}

func (d *doubts) add(id session.ID, generation uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for other, old := range d.all {
		if now.After(old.until) {
			delete(d.all, other)
		}
	}
	if d.all == nil {
		d.all = map[session.ID]doubt{}
	}
	d.all[id] = doubt{generation, now.Add(doubtFor)}
}

func (d *doubts) holds(id session.ID, generation uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	one, ok := d.all[id]
	return ok && one.generation == generation && time.Now().Before(one.until)
}
