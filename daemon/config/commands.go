package config

import (
	"cmp"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/command"
)

// Commands says what other programs may send on an agent's session.
type Commands struct {
	Enabled bool
	Allow   []string // entries as command.ParseEntry reads them; none: the documented actions of the vendor
	Timeout time.Duration
}

// Sender says for which agents a consumer may send commands, and which.
type Sender struct {
	Agents []string // each a full name or, with "*" at its end, the beginning of names; never empty
	Allow  []string // further limits what the agents' Commands allow; none: does not
}

const (
	maxCommandTimeout = 60 * time.Second
	maxAllow          = 100 // entries of one list
)

// commands decodes the block of a platform, a group or an agent over the one around
// it, key by key; under is nil for a platform's.
func (l *loader) commands(parent *strict.Mapping, p *place, under *Commands) *Commands {
	const key = "commands"
	if under != nil && !parent.Has(key) {
		return under
	}
	m := parent.Section(key)
	defer m.Done(nil)
	outermost := under == nil // where what is left out has its default
	var c Commands
	if !outermost {
		c = *under
	}
	if outermost || m.Has("enabled") {
		c.Enabled = m.Flag("enabled")
	}
	if m.Has("allow") {
		c.Allow = l.allowed(m, p.checkEntry)
	}
	if outermost || m.Has("timeout") {
		c.Timeout = commandTimeout(m)
	}
	return &c
}

func commandTimeout(m *strict.Mapping) time.Duration {
	limit := m.Duration("timeout")
	if limit > maxCommandTimeout {
		m.Wrong("timeout", "is above %s; write less", maxCommandTimeout)
	}
	return limit
}

// allowed reads a list of what may be sent; wrong says why an entry cannot be, nil
// where it can.
func (l *loader) allowed(m *strict.Mapping, wrong func(entry string) error) (allow []string) {
	const key = "allow"
	for i, n := range m.List(key) {
		n = strict.Target(n)
		if i == maxAllow {
			m.WrongAt(n, "%s has more than %d entries; write the beginnings of paths", m.Name(key), maxAllow)
			break
		}
		if n.Kind != yaml.ScalarNode {
			m.WrongAt(n, "%s holds %s; write single values", m.Name(key), strict.KindOf(n))
			continue
		}
		if err := wrong(n.Value); err != nil {
			m.WrongAt(n, "this element of %s %v", m.Name(key), err)
			continue
		}
		allow = append(allow, n.Value)
	}
	return allow
}

// checkEntry says why nothing that an entry admits is ever sent on the platform; nil
// where something is.
func (p *place) checkEntry(entry string) error {
	if p == nil || !p.known {
		return isEntry(entry)
	}
	return p.vendor.CheckAllow(entry)
}

// isEntry says why a text can be no entry of any vendor's.
func isEntry(entry string) error {
	_, err := command.ParseEntry(entry)
	return err
}

// sending is a user's block `commands` under decode, whose agents are not known yet.
type sending struct {
	of *Sender
	m  *strict.Mapping
}

// sender decodes for which agents a consumer may send commands; nil: for none.
func (l *loader) sender(user *strict.Mapping) *Sender {
	const key = "commands"
	if !user.Has(key) {
		return nil
	}
	m := user.Section(key)
	defer m.Done(nil)
	s := &Sender{
		Agents: l.patterns(m, "agents", "an agent's name, for example hq/291 or hq/*", true),
		Allow:  l.allowed(m, isEntry),
	}
	switch {
	case !m.Has("agents"):
		m.Missing("agents", "name the agents to which the user may send commands, for example [hq/*]")
	case m.IsText("agents"): // which was said
	case len(m.List("agents")) == 0:
		m.Wrong("agents", "is empty; name the agents to which the user may send commands, for example [hq/*]")
	}
	l.senders = append(l.senders, sending{s, m})
	return s
}

// checkSenders looks at what users may send once the platforms and the agents are
// known.
func (l *loader) checkSenders() {
	if len(l.Problems) > 0 { // a mistake elsewhere may be why no agent takes it
		return
	}
	for _, s := range l.senders {
		places := l.placesOf(s.of.Agents)
		_ = l.allowed(s.m, func(entry string) (first error) {
			for _, p := range places {
				err := p.checkEntry(entry)
				if err == nil {
					return nil
				}
				first = cmp.Or(first, err)
			}
			return first
		})
		l.warnSender(s.m, s.of)
	}
}

// placesOf returns the platforms of the agents that patterns choose.
func (l *loader) placesOf(patterns []string) (places []*place) {
	seen := map[string]bool{}
	for _, a := range l.config.Agents {
		if p := l.places[a.ID.Platform]; p != nil && !seen[p.Name] && session.MatchesAny(patterns, a.ID.String()) {
			seen[p.Name] = true
			places = append(places, p)
		}
	}
	return places
}

// warnSender tells of a user who may send commands for nobody.
func (l *loader) warnSender(m *strict.Mapping, s *Sender) {
	if len(l.Problems) > 0 {
		return
	}
	found := false
	for _, a := range l.config.Agents {
		if session.MatchesAny(s.Agents, a.ID.String()) {
			found = true
			if a.Commands.Enabled {
				return
			}
		}
	}
	if found {
		l.Warn(m.Pos, "%s has no effect: none of these agents takes commands; write commands: {enabled: true} on their platform or group", m.Where)
		return
	}
	l.Warn(m.At("agents"), "%s chooses no agent of this configuration", m.Name("agents"))
}
