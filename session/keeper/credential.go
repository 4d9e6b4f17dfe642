package keeper

import (
	"errors"
	"slices"

	"agentkeeper/session"
)

// Handed is what another program needs to act within the agent's session.
type Handed struct {
	Credential session.Credential
	Generation uint64 // rises with every change; 0: there never was one
	Live       bool   // false: there is no session, and Credential is empty
	// Replacing tells, where there is no session, that a new one is on its way:
	// the agent neither is signed out nor parked.
	Replacing bool
}

// Errors of Refuse.
var (
	// ErrNotCurrent means that the generation has been replaced since.
	ErrNotCurrent = errors.New("this credential has been replaced already")
	// ErrNoSession means that there is no credential now.
	ErrNoSession = errors.New("there is no session")
)

// Credential returns the present credential. It is durable before it is
// returned.
func (k *Keeper) Credential() Handed {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.handed
}

// Refuse says that the platform refused the credential of that generation. If
// it is still the current one, the session is renewed by one new sign-in: the
// first time at once, later by back-off until a session has lasted. However
// many say so, one renewal follows. It does not block.
func (k *Keeper) Refuse(generation uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !k.handed.Live:
		return ErrNoSession
	case generation != k.handed.Generation:
		return ErrNotCurrent
	case k.refused == generation, k.asked == generation:
		return nil
	}
	k.refused = generation
	if k.armed && k.grace > 0 {
		k.cut()
	}
	return nil
}

// takeRefusal lets the machine know of a refused credential. It listens when
// the last action was cut only (woken); until then the report is kept. The
// caller holds mu.
func (k *Keeper) takeRefusal(woken bool) {
	k.renew = woken && k.due()
	if k.renew {
		k.asked = k.refused
	}
	if k.renew || k.refused != k.handed.Generation {
		k.refused = 0
	}
}

// due reports whether the present credential was reported refused and the
// machine does not know. The caller holds mu.
func (k *Keeper) due() bool { return k.refused != 0 && k.refused == k.handed.Generation }

// forgive lets the credential of a new session be reported, though it may be
// the same one again.
func (k *Keeper) forgive() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = 0
}

// renewedCredential takes the session's credential over and reports whether it
// is another one. A key may change without it.
func (k *Keeper) renewedCredential() bool {
	before := k.credential
	k.credential = k.session.Info().Credential
	return before.Token != k.credential.Token || !slices.Equal(before.Header, k.credential.Header)
}

// publish hands an adopted session's credential on at once: it is as good as
// the process before left it, and the first answer may take the platform's
// hold.
func (k *Keeper) publish() {
	k.mu.Lock()
	changed := k.hand(true)
	k.mu.Unlock()
	if changed && k.changedCredential != nil {
		k.changedCredential()
	}
}

// hand publishes the session's credential and reports whether that changed
// anything; the first time also that there is none: the process before may
// have left its own behind. Before the machine's first decision nobody knows
// what becomes of that. The caller holds mu.
func (k *Keeper) hand(decided bool) bool {
	before := k.handed
	k.stalled = k.machine.Stalled()
	k.handed = Handed{Generation: k.rec.Generation}
	if k.machine.Held() && k.session != nil {
		k.handed.Credential, k.handed.Live = k.credential, true
	}
	state := k.machine.State()
	k.handed.Replacing = !k.machine.Held() && k.wish.Wish != session.Leave && (state == session.Waiting || state == session.SigningIn)
	news := before.Live != k.handed.Live || before.Replacing != k.handed.Replacing || before.Generation != k.handed.Generation ||
		(!k.told && !k.machine.Held())
	if !decided {
		return false
	}
	k.told = k.told || news
	return news
}
