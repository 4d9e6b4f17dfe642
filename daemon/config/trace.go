package config

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/trace"
)

// trace decodes whose exchange is written down, once the agents are known.
func (l *loader) trace(m *strict.Mapping) {
	c := &l.config.Log.Trace
	chosen := map[session.ID]bool{}
	for _, n := range m.List("agents") {
		if n = strict.Target(n); n.Kind != yaml.ScalarNode || n.Value == "" {
			m.WrongAt(n, "%s is no agent's name; write for example hq/291 or 'hq/29*'", m.Name("agents"))
			continue
		}
		l.traced(m, n, chosen)
	}
	for id := range chosen {
		c.Agents = append(c.Agents, id)
	}
	slices.SortFunc(c.Agents, func(a, b session.ID) int { return cmp.Compare(a.String(), b.String()) })
	if n := len(c.Agents); n > trace.MostAgents {
		m.Wrong("agents", "are %d agents; %d at most can be traced at once", n, trace.MostAgents)
	}
	if m.Has("agents") || m.Has("for") {
		c.For = m.Duration("for")
	}
	if c.For > trace.Longest {
		m.Wrong("for", "is longer than %s, which is the longest that anybody is traced", trace.Longest)
	}
	switch {
	case m.Has("for") && !m.Has("agents"):
		m.Missing("agents", "name the agents, for example [hq/291]")
	case m.Has("agents") && !m.Has("for"):
		l.Warn(m.At("agents"), "%s without for: after each start and reload these agents' exchange is written into the log for %s; write for, and take the trace out when it is not needed", m.Name("agents"), c.For)
	}
	m.Done(nil)
}

// traced adds the agents that one name or pattern means.
func (l *loader) traced(m *strict.Mapping, n *yaml.Node, chosen map[session.ID]bool) {
	found := false
	var names []string
	for _, a := range l.config.Agents {
		name := a.ID.String()
		names = append(names, name)
		if session.Like(n.Value, name) {
			chosen[a.ID], found = true, true
		}
	}
	if found || len(l.Problems) > 0 { // a mistake elsewhere may be why it is not there
		return
	}
	remedy := "; correct it or take it out"
	if guess := option.DidYouMean(n.Value, names); guess != "" && !strings.ContainsAny(n.Value, "*?") {
		remedy = guess
	}
	m.WrongAt(n, "%s: %q is no agent of this configuration%s", m.Name("agents"), session.Cut(n.Value, session.NameLimit), remedy)
}
