package gate

import (
	"context"
	"time"

	"agentkeeper/session"
)

const (
	// suspense is how long an answer that may mean a refused account or a banned
	// address waits for a sign that the platform serves other accounts.
	suspense = 20 * time.Second
	// recheck is the pause before the first look for such a sign.
	recheck = time.Second
	// lately is how old an answer to another account may be to count as one that
	// holds a session.
	lately = 10 * time.Minute
	// forgetForbidden is after how long an account that did not come back is
	// forgotten.
	forgetForbidden = 24 * time.Hour
)

// forbidden is what is known about log-ins that were answered with
// session.CauseForbidden: 403 and the like stand for a wrong password on some
// platforms and for a ban of our address on others, and either forbids to try
// again. Where the platform goes on serving other accounts from here, it was the
// account's. Where it serves nobody, it looks like a ban. The caller holds the
// gate's mutex. The zero value is ready.
type forbidden struct {
	open   map[session.ID]answer // accounts whose answer is not decided yet
	served sighting              // log-ins that succeeded, and answers to live sessions
	denied sighting              // answers of this kind to live sessions
}

// answer is one account's log-in that was answered so.
type answer struct {
	at       time.Time
	password session.Secret
	fault    *session.Fault
}

// sighting tells when something was last seen, leaving any one agent out.
type sighting struct {
	last   session.ID
	at     time.Time // by last
	before time.Time // by any other
}

func (s *sighting) note(id session.ID, now time.Time) {
	if id != s.last {
		s.last, s.before = id, s.at
	}
	s.at = now
}

// except returns when it was last seen by another agent than id; zero: never.
func (s *sighting) except(id session.ID) time.Time {
	if id == s.last {
		return s.before
	}
	return s.at
}

// othersIn reports whether another account than id got in or was answered of
// late, and none has been turned away since.
func (f *forbidden) othersIn(id session.ID, now time.Time) bool {
	at := f.served.except(id)
	return !at.IsZero() && now.Sub(at) < lately && at.After(f.denied.except(id))
}

// alone reports whether no other account was answered like id without anybody
// having been served since.
func (f *forbidden) alone(id session.ID) bool {
	for other, a := range f.open {
		if other != id && !f.served.at.After(a.at) {
			return false
		}
	}
	return true
}

// admit forgets what was held against an account.
func (f *forbidden) admit(id session.ID) { delete(f.open, id) }

func (f *forbidden) add(id session.ID, a answer) {
	if f.open == nil {
		f.open = map[session.ID]answer{}
	}
	for other, old := range f.open {
		if a.at.Sub(old.at) > forgetForbidden {
			delete(f.open, other)
		}
	}
	f.open[id] = a
}

// forbid notes a log-in that was answered so. It counts as refused. With nobody
// else in, it looks like a ban, and the platform is quarantined at once.
func (g *Gate) forbid(account session.Account, f *session.Fault, now time.Time) {
	id, s := account.ID, g.service
	g.forbidden.add(id, answer{now, account.Password, f})
	switch {
	case s.guard.refuse(id, now):
		s.tellQuarantine(g)
	case !g.forbidden.othersIn(id, now):
		g.presumeBan(now)
	}
}

// presumeBan begins a quarantine that ends early if somebody is served after all.
func (g *Gate) presumeBan(now time.Time) {
	s := g.service
	if s.guard.quarantined() {
		return
	}
	s.guard.quarantine(now, "a log-in was answered as a banned address is, or a refused account, and no other account is served here")
	s.guard.presumed = true
	s.tellQuarantine(g)
}

// serve notes that the platform answered an account well: an address that is
// served is not banned.
func (g *Gate) serve(id session.ID, now time.Time) {
	g.forbidden.served.note(id, now)
	s := g.service
	if !s.guard.presumed || !s.undecided(id) {
		return
	}
	s.guard.release()
	for _, other := range s.gates {
		other.tell(Change{Kind: Released, Text: "platform no longer quarantined: it serves other accounts, so what looked like a ban is the account's own trouble"})
	}
	s.poke(g)
}

// decided returns what a log-in of the account would be answered as far as that
// is known from its last one, nil where it is to be tried. It blocks for the
// saving of the state.
func (g *Gate) decided(ctx context.Context, account session.Account) *session.Fault {
	g.service.mu.Lock()
	defer g.unlock(ctx)
	id, now := account.ID, time.Now()
	a, open := g.forbidden.open[id]
	if !open {
		return nil
	}
	waited := now.Sub(a.at)
	switch {
	case !a.password.Equal(account.Password):
		g.forbidden.admit(id)
		return nil
	case g.forbidden.served.except(id).After(a.at):
		g.forbidden.admit(id)
		return theAccounts(a.fault)
	case g.service.guard.quarantined():
		return nil // it waits in the queue, and may be the one that tries
	case waited < suspense:
		return undecided(a.fault, min(suspense-waited, recheck))
	case g.forbidden.othersIn(id, now) && g.forbidden.alone(id):
		g.forbidden.admit(id)
		return theAccounts(a.fault)
	}
	g.presumeBan(now)
	return nil
}

// undecided is the answer while it is not known what it means.
func undecided(f *session.Fault, after time.Duration) *session.Fault {
	out := *f
	out.Kind, out.Cause = session.Outage, session.CauseForbidden
	out.After = max(f.After, after)
	return &out
}

// theAccounts is the answer once it is known that it is about the account.
func theAccounts(f *session.Fault) *session.Fault {
	out := *f
	out.Kind, out.Cause = session.Refused, session.CauseCredential
	out.After = 0
	out.Text += "; other accounts are served from here, so it is this account that is refused"
	out.Action = "correct the account's login or password, have it unlocked, or check its role on the platform; it is not tried again until its secret changes or the agent is resumed"
	return &out
}
