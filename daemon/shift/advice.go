package shift

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Advice is what is unwise about a spec that Parse takes: it means something,
// but hardly what its writer meant.
type Advice struct {
	Key   string // sign_in or sign_out
	Index int    // of the cron spec in the list, from 0; -1: it is about the whole
	Text  string // what goes on behind the key's name, and what to do
}

// Bounds of what passes for a shift.
const (
	shortShift = 5 * time.Minute
	longShift  = 32 * 24 * time.Hour
	day        = 24 * time.Hour
)

// Advise plays the spec on the wall clock through every calendar that a year
// can have, and tells of sign-ins that never begin a shift and sign-outs that
// never end one (shifts that overlap, or have no length), of shifts too short to
// be meant, of one that goes on where others end within a day, and of one that
// is as good as always on, and of a cron spec that stands in a list twice. Zones,
// holidays and workdays are left out of it.
func Advise(spec Spec) []Advice {
	in, inErr := parseCrons("sign_in", spec.SignIn)
	out, outErr := parseCrons("sign_out", spec.SignOut)
	if inErr != nil || outErr != nil {
		return nil
	}
	p := play{signIn: in, signOut: out, minutes: minutesOf(in, out)}
	end := int64(cycleEnd)
	if in.weekly() && out.weekly() {
		end = cycleStart + 4*7
	}
	for d := int64(cycleStart); d < end; d++ {
		p.day(d)
	}
	return p.advice()
}

// play is a spec played through.
type play struct {
	signIn, signOut specs
	minutes         []minute // in order

	online            bool
	since             wall
	shortest, longest stay
}

// minute is a minute of the day at which something is written, and what came
// of it on all days: which specs write it, and which of them did something.
type minute struct {
	at           int16
	in, out      set
	begins, ends set // they did, at least once
	beaten       set // sign-outs at the minute of a sign-in that began a shift
}

// stay is one shift.
type stay struct{ begin, end wall }

func (s stay) length() time.Duration { return time.Duration(s.end-s.begin) * time.Second }

func minutesOf(in, out specs) (written []minute) {
	for m := range int16(24 * 60) {
		if comes, goes := in.at(m), out.at(m); comes|goes != 0 {
			written = append(written, minute{at: m, in: comes, out: goes})
		}
	}
	return written
}

// at returns the specs that write a minute of the day.
func (s specs) at(minute int16) (at set) {
	for i, spec := range s {
		if spec.hours>>(minute/60)&1 != 0 && spec.minutes>>(minute%60)&1 != 0 {
			at |= 1 << i
		}
	}
	return at
}

// day plays one day. Where a shift begins when another ends both count.
func (p *play) day(d int64) {
	date := calendarDayOf(d)
	comes, goes := p.signIn.on(date), p.signOut.on(date)
	for i := range p.minutes {
		m := &p.minutes[i]
		in, out := comes&m.in, goes&m.out
		switch now := wallAt(d, m.at); {
		case in != 0 && p.online && out != 0:
			m.begins, m.ends = m.begins|in, m.ends|out
		case in != 0 && !p.online:
			p.online, p.since = true, now
			m.begins, m.beaten = m.begins|in, m.beaten|out
		case out != 0 && p.online && in == 0:
			p.online = false
			m.ends |= out
			p.note(stay{p.since, now})
		}
	}
}

func (p *play) note(s stay) {
	if p.longest.end == 0 || s.length() < p.shortest.length() {
		p.shortest = s
	}
	if s.length() > p.longest.length() {
		p.longest = s
	}
}

func (p *play) advice() (all []Advice) {
	for i := range p.signIn {
		all = append(all, p.idleSignIn(i)...)
	}
	for i := range p.signOut {
		all = append(all, p.idleSignOut(i)...)
	}
	return append(all, p.lengths()...)
}

// idleSignIn tells what is idle about the i-th sign-in.
func (p *play) idleSignIn(i int) (all []Advice) {
	if p.signIn.twice(i) {
		return []Advice{{"sign_in", i, "stands in the list twice; drop one"}}
	}
	if times := p.times(func(m minute) bool { return (m.in&^m.begins)>>i&1 != 0 }); times != "" {
		all = append(all, Advice{"sign_in", i, "at " + times + " never begins a shift, for one is on already; drop it, or write the sign_out that should come before"})
	}
	return all
}

// idleSignOut tells what is idle about the i-th sign-out.
func (p *play) idleSignOut(i int) (all []Advice) {
	if p.signOut.twice(i) {
		return []Advice{{"sign_out", i, "stands in the list twice; drop one"}}
	}
	if times := p.times(func(m minute) bool { return (m.out&^m.ends&m.beaten)>>i&1 != 0 }); times != "" {
		all = append(all, Advice{"sign_out", i, "at " + times + " never ends a shift, for a sign_in at the same minute goes before it; a shift of no length is none"})
	}
	if times := p.times(func(m minute) bool { return (m.out&^m.ends&^m.beaten)>>i&1 != 0 }); times != "" {
		all = append(all, Advice{"sign_out", i, "at " + times + " never ends a shift, for none is on then; drop it"})
	}
	return all
}

// twice reports whether the i-th of the list stands in it before.
func (s specs) twice(i int) bool { return slices.Contains(s[:i], s[i]) }

func (p *play) lengths() (all []Advice) {
	switch short, long := p.shortest, p.longest; {
	case long.end == 0: // no shift ends
	case short.length() < shortShift:
		all = append(all, Advice{"sign_out", -1, fmt.Sprintf("ends the shift that begins %s after %s; signing in and out takes as long", weekday(short.begin), span(short.length()))})
	case long.length() > longShift:
		all = append(all, Advice{"sign_out", -1, fmt.Sprintf("ends a shift after %s at last; leave the schedule out for agents that are always online", span(long.length()))})
	case long.length() > day && short.length() <= day:
		all = append(all, Advice{"sign_out", -1, fmt.Sprintf("leaves the shift that begins %s on until %s (%s), while others end within a day; write a day for it if that is not meant",
			weekday(long.begin), weekday(long.end), span(long.length()))})
	}
	return all
}

// times lists the minutes that are idle.
func (p *play) times(idle func(minute) bool) string {
	var times []string
	n := 0
	for _, m := range p.minutes {
		if !idle(m) {
			continue
		}
		if n++; n <= 3 {
			times = append(times, clockTime(wallAt(0, m.at)))
		}
	}
	if n > len(times) {
		return fmt.Sprintf("%s and %d times more", strings.Join(times, ", "), n-len(times))
	}
	return strings.Join(times, ", ")
}

func weekday(w wall) string { return w.date().Format("Mon 15:04") }

// span prints a length for people: 4m, 9h, 81h, 59 days.
func span(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d > 10*day:
		return fmt.Sprintf("%d days", d/day)
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}
