package config

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
)

// group is one group under decode.
type group struct {
	Group
	place            *place     // nil where the platform is unknown
	options          option.Set // the group's over the platform's
	secretsDir       string
	secretsDirBroken bool      // written, but of no use; said once, not by each agent
	base             *decoded  // options without an agent's own; made when first needed
	advised          bool      // about these
	keys             *workKeys // of the group over those of the platform
	work             *Work     // of agents without a section and a schedule of their own
	commands         *Commands // of agents that say nothing
}

// decoded is what a vendor made of a set of options.
type decoded struct {
	options  any
	terms    session.Terms
	problems []option.Problem
}

// draft is one agent as written, in YAML or in a row of a CSV.
type draft struct {
	pos           option.Pos
	login, number cell
	label         cell
	secrets       []cell
	options       option.Set
	schedule      *Schedule
	work          *workKeys
	commands      *Commands // nil: the group's
	handover      []cell
}

func (l *loader) groups(root *strict.Mapping) {
	first := map[string]option.Pos{}
	for _, m := range root.Items("groups") {
		if l.givenUp() {
			return
		}
		g := l.group(m)
		l.uniqueGroup(m, g, first)
		l.config.Groups = append(l.config.Groups, g.Group)
	}
	for _, p := range l.places {
		if !p.used {
			l.settle(&group{place: p, options: p.Options}, draft{})
			l.workOf(p, p.work, nil)
		}
	}
}

func (l *loader) uniqueGroup(m *strict.Mapping, g *group, first map[string]option.Pos) {
	at := m.At("name")
	switch before, twice := first[g.Name]; {
	case g.Name == "":
		m.Missing("name", "give the group a name")
	case !strict.IsName(g.Name):
		l.Wrong(at, "a group cannot be named so; %s", nameRule)
	case twice:
		l.Wrong(at, "group %q is written twice, first at %s; give each group a name of its own", g.Name, before)
	default:
		first[g.Name] = at
	}
}

func (l *loader) group(m *strict.Mapping) *group {
	g := &group{Group: Group{
		Name:     m.Text("name"),
		Platform: m.Text("platform"),
		Schedule: l.schedule(m, "schedule"),
		Pos:      m.Pos,
	}}
	l.placeOf(m, g)
	l.workOfGroup(m, g)
	g.commands = l.commands(m, g.place, g.around())
	specs := g.specs()
	before := len(l.config.Agents)
	l.passwordsDir(m, g)
	for _, a := range m.Items("agents") {
		if !a.Broken {
			l.enlist(g, l.draft(g, a))
		}
	}
	if list, ok := l.agentsList(m, g); ok {
		l.agentsFile(g, list)
	}
	m.Done(misplaced(specs))
	l.settleUnused(g, before)
	return g
}

// settleUnused lets the vendor check the options of a group without agents.
func (l *loader) settleUnused(g *group, before int) {
	if len(l.config.Agents) == before {
		l.settle(g, draft{})
	}
}

// placeOf finds the group's platform and merges the options down to the group.
func (l *loader) placeOf(m *strict.Mapping, g *group) {
	g.place = l.places[g.Platform]
	switch {
	case g.Platform == "":
		m.Missing("platform", "write the name of a platform")
	case g.place == nil:
		names := slices.Sorted(maps.Keys(l.places))
		l.Wrong(m.At("platform"), "no platform has this name; write one of those under platforms%s", option.DidYouMean(g.Platform, names))
	}
	if g.place == nil {
		g.options = l.rawOptions(m.Names("options"), &place{})
		return
	}
	g.place.used = true
	g.options = merged(g.place.Options, l.options(m, g.place))
}

func (l *loader) passwordsDir(m *strict.Mapping, g *group) {
	dir := m.Path(keyDir)
	if dir == "" {
		g.secretsDirBroken = m.Has(keyDir) && !m.IsText(keyDir)
		return
	}
	if l.withoutSecrets {
		g.secretsDir = dir
		return
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		m.Wrong(keyDir, "%s: %v", dir, fileError(err))
	case !info.IsDir():
		m.Wrong(keyDir, "%s is no directory; name the one that holds one file per login", dir)
	default:
		g.secretsDir = dir
	}
	g.secretsDirBroken = g.secretsDir == ""
}

// misplaced says what to do about an option of the vendor that somebody wrote
// outside of options.
func misplaced(specs []option.Spec) func(key string) string {
	return func(key string) string {
		if !hasOption(specs, key) {
			return ""
		}
		return fmt.Sprintf("it is an option of the vendor, write it as options: {%s: …}", key)
	}
}

// around is what the platform says of commands.
func (g *group) around() *Commands {
	if g.place == nil {
		return &Commands{}
	}
	return g.place.commands
}

// specs are the vendor's options, none where it is unknown.
func (g *group) specs() []option.Spec {
	if g.place == nil {
		return nil
	}
	return g.place.vendor.Options
}

// draft reads one agent of the YAML list.
func (l *loader) draft(g *group, m *strict.Mapping) draft {
	d := draft{pos: m.Pos, login: cellOf(m, "login"), number: cellOf(m, "number"), label: cellOf(m, "label")}
	for _, key := range secretKeys() {
		if c := cellOf(m, key); c.text != "" {
			d.secrets = append(d.secrets, c)
		}
	}
	p := g.place
	if p == nil {
		p = &place{}
	}
	if m.Has("options") {
		d.options = l.rawOptions(m.Names("options"), p)
	}
	d.schedule = l.schedule(m, "schedule")
	d.work = l.work(m)
	d.commands = l.commands(m, g.place, g.commands)
	d.handover = handoverCells(m)
	m.Done(misplaced(g.specs()))
	return d
}

// cellOf is a text with its place.
func cellOf(m *strict.Mapping, key string) cell {
	text, _ := m.Scalar(key)
	return cell{key: key, text: text, pos: m.At(key)}
}

// enlist checks one agent and adds it to the configuration.
func (l *loader) enlist(g *group, d draft) {
	switch n := len(l.config.Agents); {
	case l.givenUp() || l.full:
		return
	case n == maxAgents:
		l.full = true
		l.Wrong(d.pos, "more than %d agents; is it the right file?", maxAgents)
		return
	}
	a := Agent{
		ID:       session.ID{Platform: g.Platform, Login: d.login.text},
		Group:    g.Name,
		Number:   d.number.text,
		Label:    l.label(d.label),
		Schedule: cmp.Or(d.schedule, g.Schedule),
		Commands: cmp.Or(d.commands, g.commands),
		Pos:      d.pos,
	}
	a.Work = l.workOfAgent(g, d, a.Schedule)
	if l.login(d) && g.place != nil {
		l.unique(a.ID, d.login.pos)
		l.possible(g.place.vendor, d.login)
	}
	l.number(g, d, a)
	if source, ok := l.source(g, d); ok && !l.withoutSecrets {
		a.Source = source
		a.Password = l.password(source)
	}
	a.Credential = l.handover(d.handover)
	a.Options, a.Terms = l.settle(g, d)
	a.TokenSource, a.Token = l.token(g, d)
	l.config.Agents = append(l.config.Agents, a)
}

func (l *loader) login(d draft) bool {
	if d.login.text == "" {
		l.Wrong(d.pos, "the agent has no login; write login")
		return false
	}
	if why := wrongLogin(d.login.text); why != "" {
		l.Wrong(d.login.pos, "the login %s", why)
		return false
	}
	return true
}

func (l *loader) unique(id session.ID, pos option.Pos) {
	if first, twice := l.first.logins[id]; twice {
		l.Wrong(pos, "this login appears twice on platform %q, first at %s; remove one", id.Platform, first)
		return
	}
	l.first.logins[id] = pos
}

// possible checks what the vendor alone knows of a login.
func (l *loader) possible(v vendors.Vendor, login cell) {
	if v.WrongLogin != nil {
		if why := v.WrongLogin(login.text); why != "" {
			l.Wrong(login.pos, "the login %s", why)
		}
	}
	if v.OddLogin != nil {
		if why := v.OddLogin(login.text); why != "" {
			l.Warn(login.pos, "the login %s", why)
		}
	}
}

// maxLabel is the longest label, in characters: it is shown in tables.
const maxLabel = 128

// label checks what people call an agent.
func (l *loader) label(c cell) string {
	text := strings.TrimSpace(c.text)
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		l.Wrong(c.pos, "the label contains a control character or a line's end; write one line")
		return ""
	case utf8.RuneCountInString(text) > maxLabel:
		l.Wrong(c.pos, "the label is longer than %d characters; shorten it", maxLabel)
		return ""
	}
	return text
}

func (l *loader) number(g *group, d draft, a Agent) {
	if d.number.text == "" {
		if g.place != nil && g.place.vendor.NeedsNumber {
			l.Wrong(d.pos, "the agent has no number; write the telephone number to seat it at")
		}
		return
	}
	if why := wrongLogin(d.number.text); why != "" {
		l.Wrong(d.number.pos, "the number %s", why)
		return
	}
	l.seat(g, d, a)
}

// settle lets the vendor decode the agent's options over those of its group.
// Agents without options of their own share the group's.
func (l *loader) settle(g *group, d draft) (any, session.Terms) {
	if g.place == nil || !g.place.known {
		return nil, session.Terms{}
	}
	base := g.decodeBase()
	l.adviseOptions(g, d)
	if len(d.options) == 0 {
		l.note(base.problems, g.place.windowPos)
		return base.options, base.terms
	}
	own := g.decode(merged(g.options, d.options))
	if len(own.problems) > 0 {
		common, particular := split(own.problems, base.problems)
		l.note(common, g.place.windowPos)
		l.note(particular, d.pos)
	}
	return own.options, own.terms
}

func (g *group) decodeBase() *decoded {
	if g.base == nil {
		base := g.decode(g.options)
		g.base = &base
	}
	return g.base
}

func (g *group) decode(set option.Set) decoded {
	options, terms, problems := g.place.vendor.Decode(set, g.place.Window)
	return decoded{options, terms, problems}
}

// note reports a vendor's problems. One without a place is about a default,
// and so about what the default does not go with.
func (l *loader) note(problems []option.Problem, fallback option.Pos) {
	for _, p := range problems {
		if p.Pos == (option.Pos{}) {
			p.Pos = fallback
		}
		l.Wrong(p.Pos, "%s", p.Text)
	}
}

// split divides an agent's problems into those that its group has as well and
// its own.
func split(problems, group []option.Problem) (common, particular []option.Problem) {
	for _, p := range problems {
		if slices.Contains(group, p) {
			common = append(common, p)
		} else {
			particular = append(particular, p)
		}
	}
	return common, particular
}

// merged is over on top of under; neither is changed.
func merged(under, over option.Set) option.Set {
	if len(over) == 0 {
		return under
	}
	set := make(option.Set, len(under)+len(over))
	maps.Copy(set, under)
	maps.Copy(set, over)
	return set
}
