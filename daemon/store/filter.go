package store

import (
	"encoding/json"
	"fmt"
	"strings"

	"agentkeeper/session"
)

// The bounds of a [Filter]. Whoever follows the events is matched against every
// one of them, so a filter costs all that follow it.
const (
	MaxPatterns    = 32  // patterns of types in one filter
	MaxPatternSize = 256 // bytes of one pattern
	MaxAgentSize   = 512 // bytes of an agent's full name
)

// Filter chooses events. The zero Filter chooses all.
type Filter struct {
	Agent session.ID // zero: of all agents
	Types []string   // any of these, each a type or, with "*" at its end, the beginning of types; none: all types
}

// Check says in one sentence what is too much in a filter, nil where nothing
// is. [Store.Follow] and [Store.Read] fail with the same error.
func (f Filter) Check() error {
	if n := len(f.Agent.String()); n > MaxAgentSize {
		return fmt.Errorf("the agent's name has %d bytes, at most %d are allowed", n, MaxAgentSize)
	}
	if len(f.Types) > MaxPatterns {
		return fmt.Errorf("more than %d patterns of types: use patterns that end with *, or leave the types out and choose among the events that come", MaxPatterns)
	}
	for _, p := range f.Types {
		if len(p) > MaxPatternSize {
			return fmt.Errorf("a pattern of types has %d bytes, at most %d are allowed: it begins with %q", len(p), MaxPatternSize, p[:32])
		}
	}
	return nil
}

// Matches reports whether the filter chooses an agent's event of that type.
func (f Filter) Matches(id session.ID, typ string) bool {
	return (f.Agent == session.ID{} || f.Agent == id) && session.MatchesAny(f.Types, typ)
}

// matcher is a filter made ready to look at many subjects.
type matcher struct {
	agent  string // the beginning of the agent's subjects; "": all agents
	any    bool   // all types
	exact  map[string]struct{}
	starts []string // beginnings of types
	types  []string // the patterns themselves, for types that their subjects do not hold whole
}

func (f Filter) compile() *matcher {
	m := &matcher{any: len(f.Types) == 0, exact: map[string]struct{}{}, types: f.Types}
	if f.Agent != (session.ID{}) {
		m.agent = agentKey("ev", f.Agent) + "."
	}
	for _, want := range f.Types {
		start, open := strings.CutSuffix(want, "*")
		switch {
		case !open:
			m.exact[typeToken(want)] = struct{}{}
		case start == "":
			m.any = true
		default:
			m.starts = append(m.starts, typeToken(start))
		}
	}
	return m
}

// matches compares types as tokens, for which beginnings stay beginnings; one
// that its subject does not hold whole is read from the event.
func (m *matcher) matches(ev *Event) bool {
	if !strings.HasPrefix(ev.subject, m.agent) {
		return false
	}
	if m.any {
		return true
	}
	typ := ev.subject[strings.LastIndexByte(ev.subject, '.')+1:]
	if len(typ) == maxTypeName {
		return m.matchesWhole(ev.Data)
	}
	if _, ok := m.exact[typ]; ok {
		return true
	}
	for _, start := range m.starts {
		if strings.HasPrefix(typ, start) {
			return true
		}
	}
	return false
}

// matchesWhole compares the type that an event itself carries.
func (m *matcher) matchesWhole(data []byte) bool {
	var c struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(data, &c) != nil {
		return false
	}
	return session.MatchesAny(m.types, c.Type)
}

// subject is the server's filter for the chosen agent, "" for all events: types
// are chosen on our side.
func (m *matcher) subject() string {
	if m.agent == "" {
		return ""
	}
	return m.agent + ">"
}
