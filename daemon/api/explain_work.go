package api

import (
	"fmt"
	"strings"

	"agentkeeper/session"
	"agentkeeper/session/work"
)

// working tells why calls come or do not come to an agent that is online, and what
// becomes of the wish.
func (e explanation) working() string {
	if e.work == nil || e.a.View.State != session.Online {
		return ""
	}
	text := e.doing()
	for _, more := range []string{e.word(), e.pursued()} {
		if more != "" {
			text += " " + more
		}
	}
	return text
}

// doing tells the working state.
func (e explanation) doing() string {
	s := e.work
	since := ""
	if !s.Since.IsZero() {
		since = ", " + e.since(s.Since)
	}
	switch s.State {
	case work.Ready:
		return fmt.Sprintf("It is ready for calls%s.", since)
	case work.Offered:
		return fmt.Sprintf("A call is being offered to it%s.", since)
	case work.Talking:
		return fmt.Sprintf("It is in a call%s.", since)
	case work.WrapUp:
		return fmt.Sprintf("It does the work after a call%s; the next one comes when that has ended.", since)
	case work.Busy:
		return fmt.Sprintf("It gets no calls: %s made it busy%s%s.", setter(s.By), since, meaning(s.Standing))
	case work.Rest:
		return fmt.Sprintf("It gets no calls: %s gave it a rest%s%s.", setter(s.By), since, meaning(s.Standing))
	case work.Unknown:
	}
	return "Whether calls come to it is not known: nothing has told its working state yet."
}

// setter names who set a state, as the beginning of a clause.
func setter(by work.By) string {
	switch by {
	case work.ByPlatform:
		return "the platform, by its own rules,"
	case work.ByInspector:
		return "an inspector"
	case work.ByProgram:
		return "another program"
	case work.ByKeeper:
		return "this service"
	case work.ByUnknown:
	}
	return "somebody, nobody knows who,"
}

// meaning gives the vendor's code in words, as the end of a clause.
func meaning(s work.Standing) string {
	switch {
	case s.Reason != "" && s.Code != "":
		return fmt.Sprintf(" (%s: %s)", s.Code, s.Reason)
	case s.Reason+s.Code != "":
		return fmt.Sprintf(" (%s)", s.Reason+s.Code)
	}
	return ""
}

// word tells what a person said.
func (e explanation) word() string {
	o := e.work.Wished
	if o == nil {
		return ""
	}
	until := "until somebody says something else"
	if !o.Until.IsZero() {
		until = e.until(o.Until) + ", then what is configured"
	}
	return fmt.Sprintf("%s said %s at %s (%s ago): %q. That holds %s.", orElse(o.By, "Somebody"), wishWord(o.Wish), e.clock(o.At), span(e.now.Sub(o.At)), o.Reason, until)
}

// wishWord is a wish as the command line takes it.
func wishWord(w work.Wish) string { return strings.ReplaceAll(string(w), "_", "-") }

// pursued tells what becomes of the wish.
func (e explanation) pursued() string {
	s := e.work
	wished := s.Wish.State()
	switch {
	case wished == "" && s.NotReady() && s.Wished == nil:
		return "Its working state is left as it is: no wish for it is configured."
	case wished == "" || s.State == wished || (wished == work.Ready && s.State.Able()):
		return ""
	case s.HeldBack != "":
		return fmt.Sprintf("It is wished %s; that is held back%s: %s.", s.Wish, e.heldUntil(), s.HeldBack.Text())
	case !s.NextAttempt.IsZero():
		return fmt.Sprintf("It is wished %s; this service makes it so %s. %s", s.Wish, e.at(s.NextAttempt), e.restoresLeft())
	}
	return fmt.Sprintf("It is wished %s; this service waits for the platform to say that it is so.", s.Wish)
}

func (e explanation) heldUntil() string {
	if e.work.HeldUntil.IsZero() {
		return ""
	}
	return " " + e.until(e.work.HeldUntil)
}

func (e explanation) restoresLeft() string {
	switch n := e.work.RestoresLeft; n {
	case 0:
		return "After that it is held back."
	case 1:
		return "That is the last such try before it is held back."
	default:
		return fmt.Sprintf("%d such tries are left before it is held back.", n)
	}
}

// workCommand is the command that brings calls to an agent that gets none.
func (e explanation) workCommand() string {
	s := e.work
	if s == nil || e.a.View.State != session.Online || !s.NotReady() || s.HeldBack == work.HoldNoWay {
		return ""
	}
	return fmt.Sprintf("`agentkeeper work ready %s --reason …` makes it ready for calls", shellName(e.a.ID))
}
