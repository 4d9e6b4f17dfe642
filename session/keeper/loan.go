package keeper

import (
	"errors"
	"time"

	"agentkeeper/session"
)

// ErrLeaving means that the agent is being signed out.
var ErrLeaving = errors.New("the agent is being signed out")

// Loan is an agent's session, lent for one command. Return gives it back.
type Loan struct {
	Handed
	Account   session.Account   // what the agent signs in with
	Commander session.Commander // nil where commands go over connections of their own
	keeper    *Keeper
}

// loans are the sessions that are lent. The keeper's mu guards it; nobody has one
// for an agent whose session is not lent.
type loans struct {
	out    int
	closed bool // a sign-out is under way: nothing is lent any more
	until  time.Time
	back   session.Signal // set when the last one came back after that
}

// Lend lends the agent's session for one command: a sign-out waits for its return,
// for as long as an operation may take. It does not block. It fails with
// ErrNoSession, and with ErrLeaving while a sign-out is under way. A session may end
// by itself while it is lent.
func (k *Keeper) Lend() (*Loan, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.loans != nil && k.loans.closed:
		return nil, ErrLeaving
	case k.handed == nil || k.session == nil:
		return nil, ErrNoSession
	case k.loans == nil:
		k.loans = &loans{}
	}
	k.loans.out++
	return &Loan{
		Handed:  Handed{Credential: *k.handed, Generation: k.generation, Live: true},
		Account: k.now.Account(), Commander: session.CommanderOf(k.session), keeper: k,
	}, nil
}

// Newer returns the present credential; ok is false where it is the one that was
// lent.
func (l *Loan) Newer() (now Handed, ok bool) {
	now = l.keeper.Credential()
	return now, now.Live && now.Generation != l.Generation
}

// Return gives the session back. It is called once.
func (l *Loan) Return() {
	k := l.keeper
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loans.out--; k.loans.out > 0 {
		return
	}
	if k.loans.closed {
		k.loans.back.Set()
	} else {
		k.loans = nil
	}
}

// recall lets nothing be lent any more until reopen, and returns what waits for the
// session's return: none where it is there, or has not come back in time.
func (k *Keeper) recall() session.Wait {
	limit := k.now.Policy().OpTimeout
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.loans == nil {
		k.loans = &loans{}
	}
	now := time.Now()
	if !k.loans.closed {
		k.loans.closed, k.loans.until = true, now.Add(limit)
	}
	if k.loans.out == 0 || !now.Before(k.loans.until) {
		return session.Wait{}
	}
	return session.Wait{Signal: &k.loans.back, Until: k.loans.until}
}

// reopen lets the session be lent again, if it is still there, unless the next
// action signs it out once more. The caller holds mu.
func (k *Keeper) reopen(next session.Do) {
	if k.loans == nil || !k.loans.closed || next == session.DoSignOut {
		return
	}
	if k.loans.closed = false; k.loans.out == 0 {
		k.loans = nil
	}
}
