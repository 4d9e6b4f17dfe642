package config

import (
	"fmt"
	"math"
	"slices"
	"time"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// Bounds of what passes without advice.
const (
	longSignIn  = 10 * time.Minute       // for a platform's agents to come up
	usualAnswer = 100 * time.Millisecond // to a sign-out
)

// advise tells what is unwise about a configuration without mistakes.
func (l *loader) advise(m *strict.Mapping) {
	if len(l.config.Agents) == 0 {
		l.Warn(m.Pos, "there is no agent in this configuration; nothing will be signed in")
		return
	}
	l.adviseUnused()
	for _, p := range l.config.Platforms {
		if l.givenUp() {
			return
		}
		l.adviseRate(l.places[p.Name])
		l.adviseStop(p)
		l.adviseShared(p)
	}
	for _, o := range l.idle.options {
		if !o.acts {
			l.Warn(o.pos, "option %q does nothing here; it goes with %s", o.spec.Name, o.spec.When)
		}
	}
}

// adviseUnused tells about parts that do nothing.
func (l *loader) adviseUnused() {
	groups, platforms := map[string]bool{}, map[string]bool{}
	for _, a := range l.config.Agents {
		groups[a.Group], platforms[a.ID.Platform] = true, true
	}
	for _, g := range l.config.Groups {
		if !groups[g.Name] {
			l.Warn(g.Pos, "group %q has no agents", g.Name)
		}
	}
	if l.config.Callback.Listen != "" && len(l.idle.callbacks) == 0 {
		l.Warn(l.idle.callbackPos, "callback.listen is set, and no agent's platform is told to send events there; leave it out, or write events: push")
	}
	for _, p := range l.config.Platforms {
		if !platforms[p.Name] {
			l.Warn(p.Pos, "platform %q has no agents", p.Name)
		}
	}
}

// ComeUp is how a platform's agents sign in all together, as after an outage.
type ComeUp struct {
	Platform string
	Agents   int
	Takes    time.Duration // by sign_in.rate
	// Answer is the longest time that the platform may take to answer a sign-in
	// on the average, for sign_in.concurrent to be no limit below the rate.
	Answer time.Duration
	// FirstAnswer is the same for agents whose passwords have not signed in yet:
	// of those no more are in flight than First, which is what may be refused at
	// the platform's address.
	FirstAnswer time.Duration
	First       int
	// AtASecond and FirstAtASecond are how long a return and a first start take
	// where each sign-in is answered in a second.
	AtASecond, FirstAtASecond time.Duration
}

// ComeUps tells of every platform, in the order of the file.
func (c *Config) ComeUps() []ComeUp {
	counts := map[string]int{}
	shared := map[string]int{}
	failures := map[string]int{}
	for _, a := range c.Agents {
		counts[a.ID.Platform]++
	}
	for _, p := range c.Platforms {
		at := p.Address()
		shared[at] += counts[p.Name]
		if least, known := failures[at]; !known || p.Lockout.Failures < least {
			failures[at] = p.Lockout.Failures
		}
	}
	all := make([]ComeUp, 0, len(c.Platforms))
	for _, p := range c.Platforms {
		n, at := counts[p.Name], p.Address()
		up := ComeUp{
			Platform: p.Name, Agents: n, First: min(p.SignIn.Concurrent, failures[at]),
			Takes:  seconds(float64(max(0, n-1)) / p.SignIn.Rate),
			Answer: seconds(float64(p.SignIn.Concurrent) / p.SignIn.Rate),
		}
		up.FirstAnswer = seconds(float64(up.First) / p.SignIn.Rate)
		up.AtASecond = max(up.Takes, rounds(n, p.SignIn.Concurrent))
		if n > 0 {
			up.FirstAtASecond = max(up.Takes, rounds(shared[at], up.First)) // agents elsewhere at the address take their part
		}
		all = append(all, up)
	}
	return all
}

// rounds is how long n sign-ins take, so many at a time, of a second each.
func rounds(n, together int) time.Duration {
	return time.Duration((n+together-1)/max(together, 1)) * time.Second
}

func seconds(n float64) time.Duration {
	return time.Duration(min(n*float64(time.Second), math.MaxInt64/2)).Round(time.Millisecond)
}

func (l *loader) adviseRate(p *place) {
	for _, up := range l.config.ComeUps() {
		if up.Platform == p.Name && up.Takes > longSignIn {
			l.Warn(p.ratePos, "%d agents at %v per second take %s to sign in; raise platforms.%s.sign_in.rate as far as the platform bears",
				up.Agents, p.SignIn.Rate, up.Takes.Round(time.Second), p.Name)
		}
	}
}

// adviseShared tells of a platform whose lock-out rules differ from those of one
// before it at the same address: the strictest count for both.
func (l *loader) adviseShared(p Platform) {
	for _, other := range l.config.Platforms {
		if other.Name == p.Name {
			return
		}
		if other.Address() == p.Address() && other.Lockout != p.Lockout {
			l.Warn(p.Pos, "platforms %s and %s are at one host and port (%s), which counts refused log-ins for both, and their lockout differs: the strictest of each is used for both; write the same one",
				other.Name, p.Name, p.Address())
			return
		}
	}
}

// adviseStop tells of a stop that cannot sign everybody out in time: polls end
// by themselves first, then sign-outs go, so many at once.
func (l *loader) adviseStop(p Platform) {
	agents, grace := 0, time.Duration(0)
	for _, a := range l.config.Agents {
		if a.ID.Platform == p.Name {
			agents, grace = agents+1, max(grace, a.Terms.Grace)
		}
	}
	turns := (agents + p.SignIn.Concurrent - 1) / p.SignIn.Concurrent
	outs := time.Duration(turns) * usualAnswer
	if grace+outs > l.config.StopTimeout {
		l.Warn(l.stopPos, "a stop_timeout of %s is short for the agents of %s (%d): polls may take %s to end, and sign-outs, %d at a time and answered in %s each, %s more; what is left stays signed in",
			l.config.StopTimeout, p.Name, agents, grace, p.SignIn.Concurrent, usualAnswer, outs)
	}
}

// seat is who sits at a number.
type seat struct {
	pos      option.Pos
	schedule *Schedule
}

// seat tells of two agents at one telephone, unless their shifts take turns.
func (l *loader) seat(g *group, d draft, a Agent) {
	if g.place == nil || !g.place.vendor.NeedsNumber || a.ID.Login == "" { // that is a mistake of its own
		return
	}
	number := session.ID{Platform: g.Platform, Login: d.number.text}
	first, taken := l.first.numbers[number]
	if !taken {
		l.first.numbers[number] = seat{a.Pos, a.Schedule}
		return
	}
	if meet(first.schedule, a.Schedule) {
		l.Warn(d.number.pos, "this number is also that of the agent at %s; the platform seats one agent at a number and answers the other that it is taken", first.pos)
	}
}

// meet reports whether agents of two schedules are ever wished online together,
// within five weeks of a year without holidays.
func meet(a, b *Schedule) bool {
	switch {
	case a == nil || b == nil || a == b:
		return true
	case a.shift == nil || b.shift == nil:
		return false // broken, and said
	}
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for end := at.AddDate(0, 0, 35); at.Before(end); {
		w, next := a.shift.At(at)
		v, then := b.shift.At(at)
		if w == session.Stay && v == session.Stay {
			return true
		}
		if at = earlier(next, then); at.IsZero() {
			return false
		}
	}
	return false
}

// earlier returns the earlier of two instants; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// idleOption is an option that did nothing for some agents.
type idleOption struct {
	spec option.Spec
	pos  option.Pos
	acts bool // for others it does
}

// adviseOptions notes which of an agent's options do nothing beside the others,
// and lets the vendor tell what is unwise.
func (l *loader) adviseOptions(g *group, d draft) {
	if len(d.options) == 0 && g.advised {
		return
	}
	g.advised = g.advised || len(d.options) == 0
	set := merged(g.options, d.options)
	l.noteIdle(set, g.specs())
	if g.place.vendor.Advise == nil {
		return
	}
	for _, p := range g.place.vendor.Advise(set, g.place.Window) {
		if p.Pos == (option.Pos{}) {
			p.Pos = g.place.windowPos
		}
		l.Warn(p.Pos, "%s", p.Text)
	}
}

// noteIdle notes what does nothing. What stands at a platform or a group does
// something if it does for one of its agents.
func (l *loader) noteIdle(set option.Set, specs []option.Spec) {
	idle := option.Idle(set, specs)
	for i := range specs {
		spec := &specs[i]
		v, written := set[spec.Name]
		if !written || spec.When == (option.When{}) {
			continue
		}
		isIdle := slices.ContainsFunc(idle, func(s option.Spec) bool { return s.Name == spec.Name })
		l.idle.options[v.Pos] = idleOption{spec: *spec, pos: v.Pos, acts: l.idle.options[v.Pos].acts || !isIdle}
	}
}

// PastHolidays warns of schedules whose holidays are all before the day of now:
// a file of last year's.
func (c *Config) PastHolidays(now time.Time) (warnings []option.Problem) {
	seen := map[*Schedule]bool{nil: true}
	for _, a := range c.Agents {
		s := a.Schedule
		if seen[s] {
			continue
		}
		seen[s] = true
		if n := len(s.Holidays); n > 0 && s.Holidays[n-1] < now.In(s.TimeZone).Format(time.DateOnly) {
			warnings = append(warnings, option.Problem{Pos: s.Pos,
				Text: fmt.Sprintf("the last of the schedule's holidays was %s; add those to come", s.Holidays[n-1])})
		}
	}
	return warnings
}
