package runtel

import (
	"slices"
	"sync"
	"time"
)

// memory is what tokens taught about the platform's exp, for all its accounts.
// The zero memory is ready; its methods may be called at the same time.
type memory struct {
	mu      sync.Mutex
	lessons lessons
	version int // rises with every change
}

// lessons is memory as keys carry it. The lists are replaced, never changed.
type lessons struct {
	Observed []string `json:"observed,omitempty"` // the readings at which a token died; several where they meant one instant
	Refuted  []string `json:"refuted,omitempty"`  // the readings that a token outlived
}

// plausible returns the readings of list that what was learned leaves: the
// observed ones, or else those not refuted, or else all.
func (l lessons) plausible(list []reading) []reading {
	if seen := named(list, l.Observed, true); len(seen) > 0 {
		return seen
	}
	if left := named(list, l.Refuted, false); len(left) > 0 {
		return left
	}
	return list
}

// named returns the readings whose names are among names, or are not.
func named(list []reading, names []string, among bool) []reading {
	return slices.DeleteFunc(slices.Clone(list), func(r reading) bool { return slices.Contains(names, r.Name) != among })
}

// now returns what is known, and its version.
func (m *memory) now() (lessons, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lessons, m.version
}

// outlived notes that a token answered at the instant now, though some of its
// readings were over by then.
func (m *memory) outlived(list []reading, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range list {
		if now.Sub(r.Expires) > clockTolerance {
			m.refute(r.Name)
		}
	}
}

func (m *memory) refute(name string) {
	if slices.Contains(m.lessons.Refuted, name) && !slices.Contains(m.lessons.Observed, name) {
		return
	}
	m.lessons.Observed = without(m.lessons.Observed, name)
	m.lessons.Refuted = append(without(m.lessons.Refuted, name), name)
	m.version++
}

func without(list []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(n string) bool { return n == name })
}

// died notes that a token was alive at the one instant and dead at the other. If
// that was one moment of its readings, those are the true ones.
func (m *memory) died(list []reading, alive, dead time.Time) {
	fits := slices.DeleteFunc(slices.Clone(list), func(r reading) bool {
		return r.Expires.Before(alive.Add(-clockTolerance)) || r.Expires.After(dead.Add(clockTolerance))
	})
	if len(fits) == 0 || fits[len(fits)-1].Expires.Sub(fits[0].Expires) > clockTolerance {
		return
	}
	names := make([]string, len(fits))
	for i, r := range fits {
		names[i] = r.Name
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.observe(names)
}

func (m *memory) observe(names []string) {
	known := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(m.lessons.Observed, n) })
	if len(known) > 0 {
		names = known
	}
	if slices.Equal(names, m.lessons.Observed) {
		return
	}
	m.lessons.Observed = names
	for _, name := range names {
		m.lessons.Refuted = without(m.lessons.Refuted, name)
	}
	m.version++
}

// recall takes over what a stored key knew, as far as nothing newer was learned.
func (m *memory) recall(l lessons) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version == 0 && len(l.Observed)+len(l.Refuted) > 0 {
		m.lessons, m.version = l, 1
	}
}
