package gate

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"agentkeeper/session"
)

// judge learns from a sign-in's answer.
func (g *Gate) judge(a attempt, account session.Account, err error, now time.Time) {
	id, f := account.ID, session.AsFault(err)
	switch session.KindOf(err) {
	case session.OK:
		g.answered(now)
		g.prove(a, now)
		g.forbidden.admit(id)
		g.serve(id, now)
	case session.Refused:
		g.answered(now)
		if a.proven {
			g.service.flights.refused()
		}
		g.refuse(id, f, now)
	case session.Taken, session.Busy:
		g.answered(now)
	case session.Doubt:
		g.service.guard.doubt(session.ID{Platform: g.name, Login: id.Login}, now)
		g.miss(id, f, a.start, a.canary, now)
	case session.Outage:
		if f.Cause == session.CauseForbidden {
			if a.proven {
				g.service.flights.refused()
			}
			g.forbid(account, f, now)
			return
		}
		g.miss(id, f, a.start, a.canary, now)
	case session.Lost: // no sense in it, no proof either: as slow as an outage
		if a.canary {
			g.pace.fail(now, f.After)
		}
	case session.Woken:
	}
}

// glance learns from what a live session or a probe was answered. alone tells
// that the probe went as the one that tries after a quarantine.
func (g *Gate) glance(id session.ID, start time.Time, alone bool, err error, now time.Time) {
	f := session.AsFault(err)
	switch session.KindOf(err) {
	case session.OK:
		g.reach(now)
		g.serve(id, now)
	case session.Refused:
		g.reach(now)
		g.refuse(id, f, now)
	case session.Outage, session.Doubt:
		if f.Cause == session.CauseForbidden || f.Cause == session.CauseBan {
			g.forbidden.denied.note(id, now)
		}
		g.miss(id, f, start, alone, now)
		g.complain(id, f, now)
	case session.Lost, session.Taken, session.Busy, session.Woken:
	}
}

// answered notes that the platform answered a sign-in: the next canary, if
// one is due, need not wait.
func (g *Gate) answered(now time.Time) {
	g.reach(now)
	g.pace.ease(now)
}

// reach notes that the platform works. While a quarantine's canary is due, a
// poll does not hurry it: only log-ins tell about log-ins.
func (g *Gate) reach(now time.Time) {
	if g.breaker.since.IsZero() && g.pace.next.IsZero() {
		g.breaker.reached = now
		return
	}
	if g.breaker.reach(now) {
		g.tell(Change{Kind: Back, Text: "platform back"})
	}
	if !g.service.guard.quarantined() {
		g.pace.ease(now)
	}
	g.service.poke(g)
}

func (g *Gate) prove(a attempt, now time.Time) {
	s := g.service
	g.proven = max(g.proven, a.mass)
	if a.proven {
		s.flights.succeeded(now)
	}
	if !s.guard.good(g.name, a.canary) {
		return
	}
	text := "platform no longer quarantined: a log-in succeeded"
	for _, other := range s.gates {
		if other == g {
			other.tell(Change{Kind: Released, Text: text})
		} else {
			other.tell(Change{Kind: Released, Text: text + " on " + g.name + ", " + atOne(s.address)})
		}
	}
}

func (g *Gate) refuse(id session.ID, f *session.Fault, now time.Time) {
	if f.Cause == session.CauseCredential {
		g.service.refuse(g, id, now)
	}
}

// miss notes that the platform could not be reached, or did not work.
func (g *Gate) miss(id session.ID, f *session.Fault, start time.Time, canary bool, now time.Time) {
	if f.Cause == session.CauseStore {
		return
	}
	g.breaker.answers = answered(f)
	began := g.breaker.miss(id, vanished(f), start, now)
	if began {
		g.tell(Change{Kind: Out, Text: "platform out: " + inWords(f)})
	}
	if began || canary {
		g.pace.fail(now, f.After)
	}
	g.suspectBan(f, canary, now)
}

// complainEvery is the least time between two complaints of one platform.
const complainEvery = time.Minute

// complain tells of requests of live sessions that failed: the sessions are
// kept, so nothing else would. What a platform that is out does not answer was
// told when it went out.
func (g *Gate) complain(id session.ID, f *session.Fault, now time.Time) {
	if f.Cause == session.CauseStore || g.breaker.out {
		return
	}
	g.failed++
	if !g.complained.IsZero() && now.Sub(g.complained) < complainEvery {
		return
	}
	text := "a request of " + id.String() + ", whose session is kept, failed: " + inWords(f)
	if g.failed > 1 {
		text += fmt.Sprintf(" (%d requests failed since the last such message)", g.failed)
	}
	g.tell(Change{Kind: Unwell, Text: text})
	g.complained, g.failed = now, 0
}

// inWords is a fault with what a person can do.
func inWords(f *session.Fault) string {
	if f.Action == "" {
		return f.Error()
	}
	return f.Error() + "; " + f.Action
}

// suspectBan begins a quarantine when what was missed looks like a ban.
func (g *Gate) suspectBan(f *session.Fault, canary bool, now time.Time) {
	said, s := f.Cause == session.CauseBan, g.service
	switch {
	case s.guard.quarantined() && canary && said:
		s.guard.quarantine(now, "the platform still seems to ban our address")
	case !s.guard.quarantined() && s.guard.suspicious(now) && (said || g.breaker.banned(now)):
		s.guard.quarantine(now, "connections are refused or vanish right after a refused log-in, as if our address were banned")
	default:
		return
	}
	s.tellQuarantine(g)
}

// answered reports whether something answered: a failure without an answer has an
// error of the network underneath.
func answered(f *session.Fault) bool {
	return f.Cause == session.CauseAnswered || f.Cause == session.CauseThrottled || (f.Err == nil && f.Code != "")
}

// vanished reports whether a connection was refused or ended without an
// answer: no code of the vendor, or a network error underneath.
func vanished(f *session.Fault) bool {
	if f.Cause == session.CauseBan {
		return true
	}
	if f.Cause != session.CauseNone {
		return false
	}
	var network net.Error
	var errno syscall.Errno
	return f.Code == "" || errors.As(f.Err, &network) || errors.As(f.Err, &errno) ||
		errors.Is(f.Err, io.EOF) || errors.Is(f.Err, io.ErrUnexpectedEOF)
}
