package api

import (
	"fmt"
	"strings"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// explain tells about an agent as a colleague would: what it does, who wants
// what, why, what comes next, what a person can do, then what else there is to
// know. Every element is whole sentences. Instants are in now's zone.
func explain(e explanation) []string {
	sentences := []string{e.state(), e.wish(), e.why(), e.next(), e.working(), e.person(), e.trouble(), e.contact()}
	sentences = append(sentences, e.warnings()...)
	sentences = append(sentences, e.expiry())
	told := sentences[:0]
	for _, s := range sentences {
		if s != "" {
			told = append(told, s)
		}
	}
	return told
}

// explanation is what explain tells from. It is a value.
type explanation struct {
	a   fleet.Agent
	p   fleet.Platform
	now time.Time
	// work is its working state; nil where its vendor tells none.
	work *work.Shown
}

// reasonWords says what a reason means.
func reasonWords(r session.Reason) string {
	switch r {
	case session.ReasonNone:
		return ""
	case session.ReasonOutage:
		return "the platform does not answer, or with nothing that helps"
	case session.ReasonLost:
		return "its session ended"
	case session.ReasonTaken:
		return "somebody else holds its session or its number"
	case session.ReasonDoubt:
		return "the answer to a request never came or told nothing, so nobody knows yet whether it was carried out"
	case session.ReasonRefused:
		return "the platform refused its password or its settings"
	case session.ReasonQuarantine:
		return "log-ins to its platform are stopped, so that it locks out neither accounts nor our address"
	case session.ReasonBusy:
		return "the platform refuses the sign-out during a call"
	case session.ReasonReplaced:
		return "another client displaced it again and again"
	}
	return string(r)
}

func (e explanation) state() string {
	v := e.a.View
	head, since := e.a.ID.String(), e.since(v.Since)
	because := ""
	if words := reasonWords(v.Reason); words != "" {
		because = ": " + words
	}
	switch v.State {
	case session.Offline:
		return fmt.Sprintf("%s is signed out, %s%s.", head, since, because)
	case session.SigningIn:
		return fmt.Sprintf("%s is signing in, %s%s.", head, since, because)
	case session.Online:
		return fmt.Sprintf("%s is online, %s%s%s.", head, since, e.adopted(), because)
	case session.SigningOut:
		return fmt.Sprintf("%s is signing out, %s%s.", head, since, because)
	case session.Waiting:
		if because == "" {
			because = ": its sign-in waits for its turn"
		}
		return fmt.Sprintf("%s is not online and waits, %s%s.", head, since, because)
	case session.Parked:
		return fmt.Sprintf("%s is parked, %s%s.", head, since, because)
	}
	return fmt.Sprintf("%s is %s, %s%s.", head, v.State, since, because)
}

// adopted tells of a session that is older than this process.
func (e explanation) adopted() string {
	v := e.a.View
	if !v.Adopted || v.Started.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (with the session of %s, which the process before left to this one)", e.clock(v.Started))
}

// wish tells who wants what, and until when.
func (e explanation) wish() string {
	a := e.a
	switch {
	case a.Pending == fleet.PendingRemoval:
		return "It is configured no longer: it signs out and is forgotten then."
	case a.Pending == fleet.PendingChange:
		return fmt.Sprintf("A reload changed its configuration, which it is about to take; it is to be %s then.", a.Wish)
	case a.Override != nil:
		return e.override(*a.Override)
	case a.By == "schedule" && a.NextWish.IsZero():
		return fmt.Sprintf("The schedule wants it %s, with no end in sight.", a.Wish) + e.today()
	case a.By == "schedule":
		return fmt.Sprintf("The schedule wants it %s %s, then %s.", a.Wish, e.until(a.NextWish), opposite(a.Wish)) + e.today()
	case a.By == "configuration":
		return fmt.Sprintf("The configuration wants it %s around the clock: it has no schedule.", a.Wish)
	}
	return fmt.Sprintf("It is to be %s: %s.", a.Wish, orElse(a.Why, "nobody said why"))
}

// today tells of a holiday or a workday.
func (e explanation) today() string {
	if e.a.Today == "" {
		return ""
	}
	return fmt.Sprintf(" Today is %s.", e.a.Today)
}

func opposite(w session.Wish) session.Wish {
	if w == session.Stay {
		return session.Leave
	}
	return session.Stay
}

func (e explanation) override(o fleet.Override) string {
	said := fmt.Sprintf("%s said %s at %s (%s ago): %q.", orElse(o.By, "Somebody"), o.Verb, e.clock(o.At), span(e.now.Sub(o.At)), o.Reason)
	switch {
	case !o.Until.IsZero():
		return said + fmt.Sprintf(" That holds %s; then the configuration decides again.", e.until(o.Until))
	case o.Verb == fleet.Pause:
		return said + " That holds until somebody says resume, whatever the schedule says."
	}
	return said + " It has no schedule, so that holds until somebody says something else."
}

// why gives the vendor's code in words.
func (e explanation) why() string {
	v := e.a.View
	if v.Reason == session.ReasonNone || v.Detail == e.p.Gate.Held { // the platform's trouble is told below
		return ""
	}
	word := "The platform answered"
	if v.Reason == session.ReasonOutage || v.Reason == session.ReasonDoubt { // it said nothing, or nothing that helps
		word = "What went wrong last is"
	}
	switch {
	case v.Code != "" && v.Detail != "":
		return fmt.Sprintf("%s %s: %s.", word, v.Code, v.Detail)
	case v.Code+v.Detail != "":
		return fmt.Sprintf("%s %s.", word, v.Code+v.Detail)
	}
	return ""
}

// next tells what happens by itself.
func (e explanation) next() string {
	v, online := e.a.View, e.a.Wish == session.Stay
	switch v.State {
	case session.Offline:
		if online {
			return "Next, it signs in as soon as its turn comes."
		}
		return ""
	case session.Online:
		if !online {
			return "Next, it signs out, as soon as the poll in progress has ended."
		}
		return ""
	case session.SigningIn:
		if !online {
			return "Next, the answer is waited for, because a request is never cut; then it signs out again."
		}
		return "Next, the platform's answer decides; a good one is followed by the first poll at once."
	case session.SigningOut:
		return e.nextSignOut()
	case session.Waiting:
		return e.nextTry()
	case session.Parked:
		return "Nothing is tried before its secret or configuration changes, or a person says so: that could lock the account, or two clients could sign each other out in turn."
	}
	return ""
}

func (e explanation) nextSignOut() string {
	switch at := e.a.View.NextAttempt; {
	case !at.IsZero() && e.a.View.Reason == session.ReasonBusy:
		return fmt.Sprintf("Next, the sign-out is tried again %s, and so on until the call has ended.", e.at(at))
	case e.a.View.Reason == session.ReasonBusy:
		return "Next, the sign-out is tried again by itself, and so on until the call has ended."
	case !at.IsZero():
		return fmt.Sprintf("Next, the sign-out goes on %s.", e.at(at))
	}
	return "Next, the platform's answer to the sign-out decides."
}

func (e explanation) nextTry() string {
	v, g := e.a.View, e.p.Gate
	switch {
	case v.Reason == session.ReasonQuarantine || (v.Queued && g.Held != ""):
		return "Next, its sign-in goes by itself when the platform's turn comes (see below)."
	case v.Queued:
		return fmt.Sprintf("Next, it signs in: %d sign-ins are in the platform's queue, which keeps to sign_in.rate.", max(g.Queue, 1))
	case v.NextAttempt.IsZero():
		return "Next, it tries again by itself."
	case v.Reason == session.ReasonOutage && !v.Started.IsZero():
		return fmt.Sprintf("Next, the session, which is kept, is asked for again %s; that goes on without end.", e.at(v.NextAttempt))
	case v.Reason == session.ReasonDoubt:
		return fmt.Sprintf("Next, the platform is asked what became of that request, %s, when it must be done with it; the answer decides.", e.at(v.NextAttempt))
	}
	return fmt.Sprintf("Next, it tries again %s; that goes on, with growing pauses, for as long as it is to be online.", e.at(v.NextAttempt))
}

// person tells what a person can do.
func (e explanation) person() string {
	var ways []string
	if action := e.a.View.Action; action != "" {
		ways = append(ways, action)
	}
	if way := e.command(); way != "" {
		ways = append(ways, way)
	}
	if way := e.workCommand(); way != "" {
		ways = append(ways, way)
	}
	if len(ways) == 0 {
		return ""
	}
	return "What you can do: " + strings.Join(ways, "; ") + "."
}

// command is the command that helps in this state.
func (e explanation) command() string {
	a, v := e.a, e.a.View
	say := func(verb, what string) string {
		return fmt.Sprintf("`agentkeeper %s %s --reason …` %s", verb, shellName(a.ID), what)
	}
	switch {
	case a.Pending != fleet.PendingNone:
		return ""
	case v.State == session.Parked:
		return say("resume", "tries once more")
	case a.Override != nil && a.Wish == session.Leave:
		return say("resume", "ends the "+string(a.Override.Verb))
	case v.State == session.Offline && a.Wish == session.Leave && a.By == "schedule":
		return say("sign-in", "brings it online before then")
	case v.State == session.Waiting && e.p.Gate.Held == "" && !v.Queued && !v.NextAttempt.IsZero() && v.Started.IsZero() && v.Reason != session.ReasonDoubt:
		return say("sign-in", "tries at once")
	}
	return ""
}

// shellName is an agent's name as a shell takes it.
func shellName(id session.ID) string {
	name := id.String()
	if strings.ContainsAny(name, " '\"\\$`&|;<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}

// trouble tells what the whole platform suffers from.
func (e explanation) trouble() string {
	g, name := e.p.Gate, e.a.ID.Platform
	switch {
	case g.Quarantined:
		return fmt.Sprintf("Platform %s takes no log-ins: %s. Sessions that live are kept. %s", name, g.Held, view.RestartWarning(e.p))
	case g.Out && !g.NextCanary.IsZero():
		return fmt.Sprintf("Platform %s %s, %s. One sign-in, the canary, goes first, %s; the others follow when it succeeds.",
			name, g.Trouble(), e.since(g.OutSince), e.due(g.NextCanary))
	case g.Out:
		return fmt.Sprintf("Platform %s %s, %s. One sign-in, the canary, goes first; the others follow when it succeeds.",
			name, g.Trouble(), e.since(g.OutSince))
	case g.Held != "":
		return fmt.Sprintf("Platform %s holds sign-ins back: %s.", name, g.Held)
	}
	return ""
}

// contact tells how fresh the session's proof of life is.
func (e explanation) contact() string {
	v := e.a.View
	if v.Started.IsZero() || v.LastContact.IsZero() {
		return ""
	}
	silent := e.now.Sub(v.LastContact)
	left := e.a.Window - silent
	if left <= 0 {
		return fmt.Sprintf("Its last contact was %s ago, longer than the %s that the platform forgives: it may have signed the agent out.",
			span(silent), span(e.a.Window))
	}
	return fmt.Sprintf("Its last contact was %s ago; the platform forgives %s more.", span(silent), span(left))
}

func (e explanation) warnings() (list []string) {
	for _, w := range e.a.View.Warnings {
		text := fmt.Sprintf("Warning %s: %s.", w.Code, strings.TrimRight(w.Text, ". "))
		if w.Action != "" {
			text += " What you can do: " + w.Action + "."
		}
		list = append(list, text)
	}
	return list
}

func (e explanation) expiry() string {
	switch at := e.a.View.PasswordExpires; {
	case at.IsZero():
		return ""
	case at.After(e.now):
		return fmt.Sprintf("Its password expires %s.", e.at(at))
	default:
		return fmt.Sprintf("Its password has expired, %s.", e.since(at))
	}
}

// clock prints an instant: the time alone today, with the date otherwise.
func (e explanation) clock(t time.Time) string {
	t = t.In(e.now.Location())
	if t.Format(time.DateOnly) == e.now.Format(time.DateOnly) {
		return t.Format("15:04:05 MST")
	}
	return t.Format("Mon 2 Jan 2006 15:04:05 MST")
}

func (e explanation) since(t time.Time) string {
	return fmt.Sprintf("since %s (%s ago)", e.clock(t), span(e.now.Sub(t)))
}

func (e explanation) until(t time.Time) string {
	return fmt.Sprintf("until %s (%s more)", e.clock(t), span(t.Sub(e.now)))
}

func (e explanation) at(t time.Time) string {
	if !t.After(e.now) {
		return "at once"
	}
	return fmt.Sprintf("at %s (in %s)", e.clock(t), span(t.Sub(e.now)))
}

// due is at for what does not go by itself at that instant.
func (e explanation) due(t time.Time) string {
	if !t.After(e.now) {
		return "as soon as an agent is ready for it"
	}
	return e.at(t)
}

// span prints a duration with at most two units.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
