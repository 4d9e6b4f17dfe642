package gate

import (
	"fmt"
	"time"
)

// banLook is how soon after a refusal a vanished connection looks like a ban.
const banLook = time.Minute

// guard is the lock-out budget of one platform: pure, the caller brings the
// time and the lock.
type guard struct {
	rules      Lockout
	refused    []time.Time // refusals of credentials, oldest first
	unanswered []time.Time // log-ins whose answer never came, since the last success
	until      time.Time   // end of the quarantine; passed: a canary may go; zero: none
	why        string      // the quarantine's reason, for people
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

func (g *guard) recent(times []time.Time, now time.Time) []time.Time {
	for len(times) > 0 && now.Sub(times[0]) >= g.rules.Within {
		times = times[1:]
	}
	return times
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
	for _, times := range [][]time.Time{g.refused, g.unanswered} {
		if len(times) > 0 && (at.IsZero() || times[0].Before(at)) {
			at = times[0]
		}
	}
	if at.IsZero() {
		return at
	}
	return at.Add(g.rules.Within)
}

// refuse counts a refusal and reports whether a quarantine began with it.
func (g *guard) refuse(now time.Time) bool {
	g.refused = append(g.recent(g.refused, now), now)
	g.version++
	switch {
	case g.quarantined():
		g.quarantine(now, "the log-in that was tried after the last quarantine was refused")
	case g.spent(now) >= g.rules.Failures:
		g.quarantine(now, g.account())
	default:
		return false
	}
	return true
}

func (g *guard) account() string {
	text := fmt.Sprintf("%d log-ins refused within %v", len(g.refused), g.rules.Within)
	if n := len(g.unanswered); n > 0 {
		text += fmt.Sprintf(", %d more not answered", n)
	}
	return text
}

// doubt counts a log-in whose answer never came.
func (g *guard) doubt(now time.Time) {
	g.unanswered = g.newest(append(g.recent(g.unanswered, now), now))
}

// quarantine begins one, or begins it anew.
func (g *guard) quarantine(now time.Time, why string) {
	g.until, g.why = now.Add(g.rules.Quiet), why
	g.refused = g.newest(g.refused)
	g.version++
}

// good notes a log-in that succeeded. A canary's ends the quarantine, which is
// reported.
func (g *guard) good(canary bool) bool {
	g.unanswered = nil
	if !canary || !g.quarantined() {
		return false
	}
	g.until, g.why, g.refused = time.Time{}, "", nil
	g.version++
	return true
}

// release ends a quarantine that turned out to have had no reason; the refusals
// stay counted.
func (g *guard) release() {
	g.until, g.why = time.Time{}, ""
	g.version++
}

// suspicious reports whether a connection that vanishes now looks like a ban:
// a refusal was answered less than a minute ago.
func (g *guard) suspicious(now time.Time) bool {
	n := len(g.refused)
	return n > 0 && now.Sub(g.refused[n-1]) < banLook
}

// obey takes new rules; a running quarantine is only ever shortened.
func (g *guard) obey(rules Lockout, now time.Time) {
	g.rules = rules
	if limit := now.Add(rules.Quiet); g.quarantined() && g.until.After(limit) {
		g.until = limit
		g.version++
	}
}
