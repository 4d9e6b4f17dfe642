package config

import (
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

// trace decodes whose exchange is written down, once the agents are known.
func (l *loader) trace(m *mapping) {
	c := &l.config.Log.Trace
	chosen := map[session.ID]bool{}
	for _, n := range m.list("agents") {
		if n = target(n); n.Kind != yaml.ScalarNode || n.Value == "" {
			m.report.wrong(position(m.file, n), "%s is no agent's name; write for example hq/291 or 'hq/29*'", m.name("agents"))
			continue
		}
		l.traced(m, n, chosen)
	}
	for id := range chosen {
		c.Agents = append(c.Agents, id)
	}
	slices.SortFunc(c.Agents, func(a, b session.ID) int { return cmp.Compare(a.String(), b.String()) })
	if n := len(c.Agents); n > trace.MostAgents {
		m.wrong("agents", "are %d agents; %d at most can be traced at once", n, trace.MostAgents)
	}
	if m.has("agents") || m.has("for") {
		c.For = m.duration("for")
	}
	if c.For > trace.Longest {
		m.wrong("for", "is longer than %s, which is the longest that anybody is traced", trace.Longest)
	}
	switch {
	case m.has("for") && !m.has("agents"):
		m.missing("agents", "name the agents, for example [hq/291]")
	case m.has("agents") && !m.has("for"):
		l.warn(m.at("agents"), "%s without for: after each start and reload these agents' exchange is written into the log for %s; write for, and take the trace out when it is not needed", m.name("agents"), c.For)
	}
	m.done(nil)
}

// traced adds the agents that one name or pattern means.
func (l *loader) traced(m *mapping, n *yaml.Node, chosen map[session.ID]bool) {
	found := false
	var names []string
	for _, a := range l.config.Agents {
		name := a.ID.String()
		names = append(names, name)
		if session.Like(n.Value, name) {
			chosen[a.ID], found = true, true
		}
	}
	if found || len(l.problems) > 0 { // a mistake elsewhere may be why it is not there
		return
	}
	remedy := "; correct it or take it out"
	if guess := didYouMean(n.Value, names); guess != "" && !strings.ContainsAny(n.Value, "*?") {
		remedy = guess
	}
	m.report.wrong(position(m.file, n), "%s: %q is no agent of this configuration%s", m.name("agents"), session.Cut(n.Value, session.NameLimit), remedy)
}
