package gate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
)

// banLook is how soon after a refusal a vanished connection looks like a ban.
const banLook = time.Minute

// attemptAt is a log-in that counts, and whose it was. Of those of a predecessor
// the login may not be known.
type attemptAt struct {
	at time.Time
	id session.ID
}

// guard is the lock-out budget of one service: pure, the caller brings the
// time and the lock.
type guard struct {
	rules      Lockout
	refused    []attemptAt // refusals of credentials, oldest first
	unanswered []attemptAt // log-ins whose answer never came, since the last success of their platform
	until      time.Time   // end of the quarantine; passed: a canary may go; zero: none
	why        string      // the quarantine's reason, for people
	presumed   bool        // it was begun on an answer that may be an account's alone
	version    uint64      // counts the changes of what must be durable
}

// quarantined reports whether only a canary, if anybody, may log in.
func (g *guard) quarantined() bool { return !g.until.IsZero() }

// spent returns how much of the budget is used up, log-ins in flight not
// counted in.
func (g *guard) spent(now time.Time) int {
	g.refused = g.recent(g.refused, now)
	g.unanswered = g.recent(g.unanswered, now)
	return len(g.refused) + len(g.unanswered)
}

func (g *guard) recent(list []attemptAt, now time.Time) []attemptAt {
	for len(list) > 0 && now.Sub(list[0].at) >= g.rules.Within {
		list = list[1:]
	}
	return list
}

// left returns how many refusals are left before the quarantine.
func (g *guard) left(now time.Time) int {
	if g.quarantined() {
		return 0
	}
	g.refused = g.recent(g.refused, now)
	return max(0, g.rules.Failures-len(g.refused))
}

// eases returns when the next entry leaves the budget; zero if it is whole.
func (g *guard) eases(now time.Time) time.Time {
	g.spent(now)
	var at time.Time
	for _, list := range [][]attemptAt{g.refused, g.unanswered} {
		if len(list) > 0 && (at.IsZero() || list[0].at.Before(at)) {
			at = list[0].at
		}
	}
	if at.IsZero() {
		return at
	}
	return at.Add(g.rules.Within)
}

// refuse counts a refusal and reports whether a quarantine began with it.
func (g *guard) refuse(id session.ID, now time.Time) bool {
	g.refused = append(g.recent(g.refused, now), attemptAt{now, id})
	g.version++
	switch {
	case g.quarantined():
		g.quarantine(now, "the log-in of "+id.String()+" that was tried after the last quarantine was refused")
	case g.spent(now) >= g.rules.Failures:
		g.quarantine(now, g.account())
	default:
		return false
	}
	return true
}

// whole prints a duration without parts of 0: 10m, not 10m0s.
func whole(d time.Duration) string {
	text := d.String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

func (g *guard) account() string {
	text := fmt.Sprintf("%d log-ins refused within %s", len(g.refused), whole(g.rules.Within))
	if n := len(g.unanswered); n > 0 {
		text += fmt.Sprintf(", %d more not answered", n)
	}
	return text
}

// doubt counts a log-in whose answer never came.
func (g *guard) doubt(id session.ID, now time.Time) {
	g.unanswered = g.newest(append(g.recent(g.unanswered, now), attemptAt{now, id}))
}

// quarantine begins one, or begins it anew.
func (g *guard) quarantine(now time.Time, why string) {
	g.until, g.why = now.Add(g.rules.Quiet), why
	g.presumed = false
	g.refused = g.newest(g.refused)
	g.version++
}

// end lets a canary go at once, and reports whether there is a quarantine.
func (g *guard) end(now time.Time) bool {
	if g.until.After(now) {
		g.until = now
		g.version++
	}
	return g.quarantined()
}

// good notes a log-in of a platform that succeeded. A canary's ends the
// quarantine, which is reported.
func (g *guard) good(platform string, canary bool) bool {
	g.unanswered = slices.DeleteFunc(slices.Clone(g.unanswered), func(a attemptAt) bool { return a.id.Platform == platform })
	if !canary || !g.quarantined() {
		return false
	}
	g.until, g.why = time.Time{}, ""
	g.refused = nil
	g.presumed = false
	g.version++
	return true
}

// release ends a quarantine that turned out to have had no reason; the refusals
// stay counted.
func (g *guard) release() {
	g.until, g.why = time.Time{}, ""
	g.presumed = false
	g.version++
}

// suspicious reports whether a connection that vanishes now looks like a ban:
// a refusal was answered less than a minute ago.
func (g *guard) suspicious(now time.Time) bool {
	n := len(g.refused)
	return n > 0 && now.Sub(g.refused[n-1].at) < banLook
}

// obey takes new rules; a running quarantine is only ever shortened.
func (g *guard) obey(rules Lockout, now time.Time) {
	g.rules = rules
	if limit := now.Add(rules.Quiet); g.quarantined() && g.until.After(limit) {
		g.until = limit
		g.version++
	}
}

// instants returns where the guard keeps instants.
func (g *guard) instants() []*time.Time {
	times := []*time.Time{&g.until}
	for _, list := range [][]attemptAt{g.refused, g.unanswered} {
		for i := range list {
			times = append(times, &list[i].at)
		}
	}
	return times
}

// touch has the guard saved again if there is anything to save.
func (g *guard) touch() {
	if len(g.refused) > 0 || g.quarantined() {
		g.version++
	}
}

// who lists the agents that were refused, by name, each once. Of refusals that
// an earlier version stored nobody knows whose they were.
func (g *guard) who() (ids []session.ID) {
	for _, r := range g.refused {
		if r.id.Login != "" && !slices.Contains(ids, r.id) {
			ids = append(ids, r.id)
		}
	}
	slices.SortFunc(ids, func(a, b session.ID) int { return strings.Compare(a.String(), b.String()) })
	return ids
}
