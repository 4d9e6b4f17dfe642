package page

import (
	"sync"
	"time"

	"agentkeeper/daemon/events"
)

// minutes is how much of the past is kept.
const minutes = 60

// Counts says how often something happened.
type Counts struct {
	SignedIn  int `json:"signed_in"` // renewals of tokens not counted
	Adopted   int `json:"adopted"`
	Lost      int `json:"lost"`
	SignedOut int `json:"signed_out"`
	Parked    int `json:"parked"`
}

// of returns the counter of an event of ours, nil where none counts it.
func (c *Counts) of(event string) *int {
	switch event {
	case events.SignedIn:
		return &c.SignedIn
	case events.Adopted:
		return &c.Adopted
	case events.Lost:
		return &c.Lost
	case events.SignedOut:
		return &c.SignedOut
	case events.Parked:
		return &c.Parked
	}
	return nil
}

func (c *Counts) add(o Counts) {
	c.SignedIn += o.SignedIn
	c.Adopted += o.Adopted
	c.Lost += o.Lost
	c.SignedOut += o.SignedOut
	c.Parked += o.Parked
}

// Minute is what happened in one minute.
type Minute struct {
	At time.Time `json:"at"`
	Counts
}

// Activity counts what happens to the agents, by minute and platform, over the
// last hour. It forgets with the process. Its methods may be called from any
// goroutine.
type Activity struct {
	since time.Time

	mu   sync.Mutex
	ring [minutes]slot
}

// slot is one minute's counts.
type slot struct {
	minute int64 // since 1970
	counts map[string]*Counts
}

// NewActivity returns an hour in which nothing happened.
func NewActivity() *Activity { return &Activity{since: time.Now()} }

// Note counts an event of our own, by its name in package events; it ignores others.
func (a *Activity) Note(platform, event string) {
	if new(Counts).of(event) == nil {
		return
	}
	minute := minuteOf(time.Now())
	a.mu.Lock()
	defer a.mu.Unlock()
	s := &a.ring[index(minute)]
	if s.minute != minute || s.counts == nil {
		*s = slot{minute, map[string]*Counts{}}
	}
	c := s.counts[platform]
	if c == nil {
		c = &Counts{}
		s.counts[platform] = c
	}
	*c.of(event)++
}

// Hour returns the sixty minutes that end with the one of now, oldest first,
// of one platform or, for "", of all.
func (a *Activity) Hour(now time.Time, platform string) []Minute {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]Minute, minutes)
	for i := range out {
		minute := minuteOf(now) - minutes + 1 + int64(i)
		out[i].At = time.Unix(minute*60, 0).UTC()
		s := &a.ring[index(minute)]
		if s.minute != minute {
			continue
		}
		for name, c := range s.counts {
			if platform == "" || platform == name {
				out[i].add(*c)
			}
		}
	}
	return out
}

// minuteOf floors, also before 1970.
func minuteOf(t time.Time) int64 { return (t.Unix() - int64(t.Second())) / 60 }

func index(minute int64) int64 { return (minute%minutes + minutes) % minutes }
