package edna

import (
	"slices"
	"sync"
	"time"

	"agentkeeper/session"
)

const (
	// samples is how many tokens in a row must end early before their end is
	// taken for the platform's rule: a restart of the platform ends tokens too.
	samples = 3
	// forgetAfter is how long without a death lets one sample be forgotten, so
	// that a rule which is none is tested once a day.
	forgetAfter = 24 * time.Hour
	// young is the age below which a death teaches nothing about lives, and a
	// second one in a row is suspicious: renewing that often would be a war with
	// another client of the account. Who knows better sets max_age.
	young = 5 * time.Minute
)

// death is what is known of a token's end: it lived at the one age and was dead
// at the other.
type death struct {
	Alive time.Duration `json:"alive"`
	Dead  time.Duration `json:"dead"`
}

// life is what the ends of one account's tokens taught. It is a value: its
// methods return the changed one and leave the old alone.
type life struct {
	Deaths []death   `json:"deaths,omitempty"` // the latest, at most samples
	Since  time.Time `json:"since,omitzero"`   // of the latest death, or the latest forgetting
	Young  int       `json:"young,omitempty"`  // deaths in a row that came young
}

// learned returns the life that tokens turned out to have: the longest of the
// latest deaths; 0 while there are too few.
func (l life) learned() time.Duration {
	if len(l.Deaths) < samples {
		return 0
	}
	var longest time.Duration
	for _, d := range l.Deaths {
		longest = max(longest, d.Alive)
	}
	return longest
}

// aged forgets what is too old.
func (l life) aged(now time.Time) life {
	for len(l.Deaths) > 0 && now.Sub(l.Since) >= forgetAfter {
		l.Deaths, l.Since = l.Deaths[1:], l.Since.Add(forgetAfter)
	}
	return l
}

// died adds a token's end.
func (l life) died(d death, now time.Time) life {
	l = l.aged(now)
	if d.Alive < young {
		l.Young++
		return l
	}
	l.Young = 0
	l.Deaths = append(slices.Clone(l.Deaths), d)
	l.Deaths = l.Deaths[max(0, len(l.Deaths)-samples):]
	l.Since = now
	return l
}

// outlived drops the ends that a token refutes by living at age: they were none
// of the platform's rule.
func (l life) outlived(age time.Duration) life {
	if age >= young {
		l.Young = 0
	}
	if slices.ContainsFunc(l.Deaths, func(d death) bool { return d.Dead < age }) {
		l.Deaths = slices.DeleteFunc(slices.Clone(l.Deaths), func(d death) bool { return d.Dead < age })
	}
	return l
}

func (l life) equal(o life) bool {
	return l.Young == o.Young && l.Since.Equal(o.Since) && slices.Equal(l.Deaths, o.Deaths)
}

// memory holds what was learned of each account, over the log-ins of this
// process. The zero memory is ready; its methods may be called at the same time.
type memory struct {
	mu    sync.Mutex
	lives map[session.ID]life
}

// of returns what is known of an account by now.
func (m *memory) of(id session.ID, now time.Time) life {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lives[id].aged(now)
}

// recall takes over what a stored key knew, where nothing is known yet.
func (m *memory) recall(id session.ID, l life) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.lives[id]; !known && !l.equal(life{}) {
		m.put(id, l)
	}
}

// learn replaces what is known of an account by what change makes of it.
func (m *memory) learn(id session.ID, change func(life) life) life {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.lives[id]
	is := change(was)
	if !is.equal(was) {
		m.put(id, is)
	}
	return is
}

func (m *memory) put(id session.ID, l life) {
	if m.lives == nil {
		m.lives = map[session.ID]life{}
	}
	m.lives[id] = l
}
