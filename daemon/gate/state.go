package gate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"agentkeeper/session"
)

const (
	saveTimeout = 10 * time.Second // for one save
	saveRetry   = time.Second      // between a failed one and the next
	maxState    = 64 << 10         // bytes; a saved state is far smaller
)

// state is the durable form of a guard, in JSON. Instants are the wall clock's.
type state struct {
	Version int            `json:"version"`
	Refused []savedRefusal `json:"refused,omitempty"`
	Until   time.Time      `json:"quarantined_until,omitzero"`
	Why     string         `json:"reason,omitempty"`
	Written time.Time      `json:"written,omitzero"`
}

// savedRefusal is a refused log-in; version 1 had its instant alone.
type savedRefusal struct {
	At       time.Time `json:"at"`
	Platform string    `json:"platform,omitempty"`
	Login    string    `json:"login,omitempty"`
}

// UnmarshalJSON reads both versions.
func (r *savedRefusal) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, &r.At)
	}
	type plain savedRefusal
	return json.Unmarshal(text, (*plain)(r))
}

func (g *guard) encode(now time.Time) []byte {
	s := state{Version: 2, Until: g.until.UTC(), Why: g.why, Written: now.UTC()}
	if g.until.IsZero() {
		s.Until = time.Time{}
	}
	for _, r := range g.refused {
		s.Refused = append(s.Refused, savedRefusal{At: r.at.UTC(), Platform: r.id.Platform, Login: r.id.Login})
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("gate: a guard cannot be encoded: " + err.Error()) // only a year beyond 9999 could
	}
	return b
}

// restore takes over what encode wrote. Instants become monotonic, and a clock
// that was set meanwhile, or is wrong now, makes nothing last longer: a refusal
// is as old as it was when it was written at least, a quarantine ends when it
// would have from then, and after Quiet at the latest. An error leaves the guard
// as it was.
func (g *guard) restore(saved []byte, now time.Time) error {
	if len(saved) == 0 {
		return nil
	}
	if len(saved) > maxState {
		return fmt.Errorf("saved state of the gate: %d bytes, at most %d are read", len(saved), maxState)
	}
	var s state
	if err := json.Unmarshal(saved, &s); err != nil {
		return fmt.Errorf("saved state of the gate: %w", err)
	}
	for _, r := range s.Refused {
		at := now.Add(min(0, r.At.Sub(now), s.since(r.At)))
		g.refused = append(g.refused, attemptAt{at, session.ID{Platform: r.Platform, Login: r.Login}})
	}
	slices.SortFunc(g.refused, func(a, b attemptAt) int { return a.at.Compare(b.at) })
	g.refused = g.newest(g.recent(g.refused, now))
	if !s.Until.IsZero() {
		g.until, g.why = now.Add(min(g.rules.Quiet, s.Until.Sub(now), s.since(s.Until))), s.Why
	}
	return nil
}

// since returns how far ahead t was when the state was written; no limit where
// that is not known.
func (s state) since(t time.Time) time.Duration {
	if s.Written.IsZero() {
		return math.MaxInt64
	}
	return t.Sub(s.Written)
}

func (g *guard) newest(list []attemptAt) []attemptAt {
	return list[max(0, len(list)-g.rules.Failures):]
}

// worse takes over what is worse in other: the longer memory, the later end.
func (g *guard) worse(other guard) {
	if len(other.refused) > len(g.refused) {
		g.refused = other.refused
	}
	if other.until.After(g.until) {
		g.until, g.why = other.until, other.why
	}
}
