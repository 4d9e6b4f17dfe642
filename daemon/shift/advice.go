package shift

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Advice is what is unwise about a spec that Parse takes: it means something,
// but hardly what its writer meant.
type Advice struct {
	Key  string // sign_in or sign_out
	Text string // what goes on behind the key's name, and what to do
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
// is as good as always on. Zones and holidays are left out of it.
func Advise(spec Spec) []Advice {
	in, inErr := parseCron("sign_in", spec.SignIn)
	out, outErr := parseCron("sign_out", spec.SignOut)
	if inErr != nil || outErr != nil {
		return nil
	}
	p := play{minutes: minutesOf(in, out), inDays: daysOf(in), outDays: daysOf(out)}
	end := int64(cycleEnd)
	if p.inDays.weekly() && p.outDays.weekly() {
		end = cycleStart + 4*7
	}
	for d := int64(cycleStart); d < end; d++ {
		p.day(d)
	}
	return p.advice()
}

// play is a spec played through.
type play struct {
	minutes         []minute // in order
	inDays, outDays days

	online            bool
	since             wall
	shortest, longest stay
}

// minute is a minute of the day at which something is written, and what came
// of it on all days.
type minute struct {
	at           int16
	in, out      bool
	begins, ends bool // it did, at least once
	beaten       bool // a sign-out at the minute of a sign-in that began a shift
}

// stay is one shift.
type stay struct{ begin, end wall }

func (s stay) length() time.Duration { return time.Duration(s.end-s.begin) * time.Second }

func minutesOf(in, out *cron.SpecSchedule) (minutes []minute) {
	for m := range int16(24 * 60) {
		if comes, goes := at(in, m), at(out, m); comes || goes {
			minutes = append(minutes, minute{at: m, in: comes, out: goes})
		}
	}
	return minutes
}

// day plays one day. Where a shift begins when another ends both count.
func (p *play) day(d int64) {
	date := wallAt(d, 0).date()
	comes, goes := p.inDays.on(date), p.outDays.on(date)
	for i := range p.minutes {
		m := &p.minutes[i]
		in, out := comes && m.in, goes && m.out
		switch now := wallAt(d, m.at); {
		case in && out && p.online:
			m.begins, m.ends = true, true
		case in && !p.online:
			m.begins, p.online, p.since = true, true, now
			m.beaten = m.beaten || out
		case out && p.online && !in:
			m.ends, p.online = true, false
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
	if times := p.times(func(m minute) bool { return m.in && !m.begins }); times != "" {
		all = append(all, Advice{"sign_in", "at " + times + " never begins a shift, for one is on already; drop it, or write the sign_out that should come before"})
	}
	if times := p.times(func(m minute) bool { return m.out && !m.ends && m.beaten }); times != "" {
		all = append(all, Advice{"sign_out", "at " + times + " never ends a shift, for a sign_in at the same minute goes before it; a shift of no length is none"})
	}
	if times := p.times(func(m minute) bool { return m.out && !m.ends && !m.beaten }); times != "" {
		all = append(all, Advice{"sign_out", "at " + times + " never ends a shift, for none is on then; drop it"})
	}
	return append(all, p.lengths()...)
}

func (p *play) lengths() (all []Advice) {
	switch short, long := p.shortest, p.longest; {
	case long.end == 0: // no shift ends
	case short.length() < shortShift:
		all = append(all, Advice{"sign_out", fmt.Sprintf("ends the shift that begins %s after %s; signing in and out takes as long", weekday(short.begin), span(short.length()))})
	case long.length() > longShift:
		all = append(all, Advice{"sign_out", fmt.Sprintf("ends a shift after %s at last; leave the schedule out for agents that are always online", span(long.length()))})
	case long.length() > day && short.length() <= day:
		all = append(all, Advice{"sign_out", fmt.Sprintf("leaves the shift that begins %s on until %s (%s), while others end within a day; write a day for it if that is not meant",
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
