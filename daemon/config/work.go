package config

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/shift"
	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/option"
)

// Bounds of a section work.
const (
	minRestoreAfter = time.Second // callers hear each call that is not answered
	maxRestoreAfter = work.MostAfter
	maxRestores     = work.MostLimit // the instants of so many are kept for each agent
	maxWorkTime     = 24 * time.Hour
)

// workSection is what is wished of a working state. Each key of the nearest section
// that has it counts: agent, group, platform.
var workSection = strict.Section{
	Title: "work",
	Doc:   "Which working state the agents are to have while they are signed in, and how it is kept. The keys of the sections of platform, group and agent are taken together; of each, the nearest counts.",
	Keys: []strict.Key{
		{Name: "wish", Kind: kindChoice, Fallback: string(work.AsIs), Choices: namesOf(work.Wishes()), Doc: "The working state that is wished: as_is leaves it alone. Others need a vendor with a documented way for it: huawei."},
		{Name: "code", Kind: kindText, Doc: "The vendor's reason that goes with busy and rest. Huawei: 200 to 250 for busy, 0 to 255 for rest. If omitted, none."},
		{Name: "restore", Kind: kindChoices, Fallback: strings.Join(namesOf(work.Causes()), ", "), Choices: namesOf(work.Causes()), Doc: "What the platform did and the keeper undoes: no_answer (a call was not answered), rejected (a call was rejected), phone (the telephone was away and is back). [] is nothing."},
		{Name: "restore_after", Kind: kindDuration, Fallback: "5s", Doc: "How long a restore waits; each further one waits twice as long, up to 5m. From 1s to 5m."},
		{Name: "restore_limit", Kind: kindCount, Fallback: "6", Most: maxRestores, Doc: "How many restores may be sent within restore_within. After that the wish is held back, and an alert says so."},
		{Name: "restore_within", Kind: kindDuration, Fallback: "1h", Doc: "The time over which restores are counted, over restarts too; at most 24h."},
		{Name: "wrap_up_max", Kind: kindSpan, Fallback: "0s", Doc: "How long the work after a call may last before it is ended; 0s is as long as the platform lets it, and the most is 24h."},
	},
}

func namesOf[T ~string](list []T) []string {
	names := make([]string, len(list))
	for i, item := range list {
		names[i] = string(item)
	}
	return names
}

// Work is what is wished of an agent's working state. A nil Work is a valid one:
// the default policy at every instant. It is not changed after Load.
type Work struct {
	policy work.Policy
	inTime *work.Policy    // while a shift runs; nil: as policy
	shift  *shift.Schedule // whose shift that is
}

// At returns the policy of an instant: that of the schedule's section while one of
// its shifts runs, that of the sections beside it at other times. next is when another
// one begins; zero: never. The caller must not change the policy's Restore.
func (w *Work) At(now time.Time) (p work.Policy, next time.Time) {
	switch {
	case w == nil:
		return work.DefaultPolicy(), time.Time{}
	case w.inTime == nil:
		return w.policy, time.Time{}
	}
	wish, next := w.shift.At(now)
	if wish == session.Stay {
		return *w.inTime, next
	}
	return w.policy, next
}

// Wishes reports whether something is wished at any instant.
func (w *Work) Wishes() bool {
	return w != nil && (w.policy.Wishes() || (w.inTime != nil && w.inTime.Wishes()))
}

// workKeys is a section work as written.
type workKeys struct {
	policy  work.Policy
	written []string // the keys that have a value
	wish    option.Pos
	code    option.Pos
}

// work reads a section work of a platform, a group, an agent or a schedule; nil where
// it is left out.
func (l *loader) work(parent *strict.Mapping) *workKeys {
	if !parent.Has("work") {
		return nil
	}
	m := parent.Section("work")
	k := &workKeys{wish: m.At("wish"), code: m.At("code")}
	k.policy = work.Policy{
		Wish: work.Wish(m.Choice("wish")), Code: m.Text("code"), Restore: causes(m, "restore"),
		After: m.Duration("restore_after"), Limit: m.Count("restore_limit"), Within: m.Duration("restore_within"), WrapUpMax: m.Span("wrap_up_max"),
	}
	for _, key := range workSection.Keys {
		if m.Has(key.Name) {
			k.written = append(k.written, key.Name)
		}
	}
	within(m, "restore_after", k.policy.After, minRestoreAfter, maxRestoreAfter)
	within(m, "restore_within", k.policy.Within, 0, maxWorkTime)
	within(m, "wrap_up_max", k.policy.WrapUpMax, 0, maxWorkTime)
	if k.policy.Code != "" && m.Has("wish") && !takesCode(k.policy.Wish) {
		l.Warn(k.code, "%s does nothing beside wish: %s; it goes with busy and rest", m.Name("code"), k.policy.Wish)
	}
	m.Done(nil)
	return k
}

func takesCode(w work.Wish) bool { return w == work.WishBusy || w == work.WishRest }

// within reports a time that is out of its bounds.
func within(m *strict.Mapping, key string, d, least, most time.Duration) {
	switch {
	case d > most:
		m.Wrong(key, "is above %s; write less", shortTime(most))
	case d < least:
		m.Wrong(key, "is below %s; write more", shortTime(least))
	}
}

// shortTime prints a time in whole hours as a person would write it.
func shortTime(d time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(d.String(), "0s"), "0m")
}

// causes reads a list of what is undone; all where it is left out.
func causes(m *strict.Mapping, key string) []work.Cause {
	if !m.Has(key) {
		return work.Causes()
	}
	list := []work.Cause{}
	for _, n := range m.List(key) {
		c := work.Cause(strict.Target(n).Value)
		switch {
		case strict.Target(n).Kind != yaml.ScalarNode || !slices.Contains(work.Causes(), c):
			m.WrongAt(n, "%s holds what is none of its values; write some of %s", m.Name(key), strings.Join(namesOf(work.Causes()), ", "))
		case slices.Contains(list, c):
			m.WrongAt(n, "%s has %s twice; keep one", m.Name(key), c)
		default:
			list = append(list, c)
		}
	}
	return list
}

// over returns the keys of k over those of under; either may be nil.
func (k *workKeys) over(under *workKeys) *workKeys {
	switch {
	case k == nil:
		return under
	case under == nil:
		return k
	}
	out := *under
	out.written = slices.Concat(under.written, k.written)
	for _, key := range k.written {
		switch key {
		case "wish":
			out.policy.Wish, out.wish = k.policy.Wish, k.wish
		case "code":
			out.policy.Code, out.code = k.policy.Code, k.code
		case "restore":
			out.policy.Restore = k.policy.Restore
		case "restore_after":
			out.policy.After = k.policy.After
		case "restore_limit":
			out.policy.Limit = k.policy.Limit
		case "restore_within":
			out.policy.Within = k.policy.Within
		case "wrap_up_max":
			out.policy.WrapUpMax = k.policy.WrapUpMax
		}
	}
	return &out
}

// workOf makes what an agent or a group gets of its sections: beside is that of
// platform, group and agent together, and s the schedule that may have one, too. It
// reports, once, a wish that the vendor has no way for.
func (l *loader) workOf(p *place, beside *workKeys, s *Schedule) *Work {
	inTime := beside
	if s != nil {
		inTime = s.work.over(beside)
	}
	if inTime == nil {
		return nil
	}
	w := &Work{policy: work.DefaultPolicy()}
	if beside != nil {
		w.policy = l.policy(p, beside)
	}
	if inTime != beside && s.shift != nil {
		policy := l.policy(p, inTime)
		w.inTime, w.shift = &policy, s.shift
	}
	return w
}

// policy checks what the sections say together.
func (l *loader) policy(p *place, k *workKeys) work.Policy {
	out := k.policy
	if !takesCode(out.Wish) {
		out.Code = ""
	}
	if p == nil || !p.known || out.Wish == work.AsIs {
		return out
	}
	if p.vendor.WrongWish == nil {
		l.wrongWork(k.wish, "the vendor %s has no documented way to set an agent's working state; leave wish out, or write as_is", p.Vendor)
	} else if why := p.vendor.WrongWish(out.Wish, out.Code); why != "" {
		l.wrongWork(k.code, "code %s", why)
	}
	return out
}

// wrongWork reports a mistake once, however many agents a section is for.
func (l *loader) wrongWork(pos option.Pos, format string, args ...any) {
	if !l.first.works[pos] {
		l.first.works[pos] = true
		l.Wrong(pos, "work: "+format, args...)
	}
}

// workOfGroup decodes a group's section, and makes what agents without one get.
func (l *loader) workOfGroup(m *strict.Mapping, g *group) {
	g.keys = l.work(m)
	if g.place != nil {
		g.keys = g.keys.over(g.place.work)
	}
	g.work = l.workOf(g.place, g.keys, g.Schedule)
}

// workOfAgent makes what an agent gets.
func (l *loader) workOfAgent(g *group, d draft, s *Schedule) *Work {
	if d.work == nil && d.schedule == nil {
		return g.work
	}
	return l.workOf(g.place, d.work.over(g.keys), s)
}
