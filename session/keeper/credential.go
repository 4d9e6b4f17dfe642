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

// credentials are those of the agent's session. current belongs to the driver; mu
// guards the rest.
type credentials struct {
	current    *session.Credential // the session's, or the last one's
	handed     *session.Credential // what others get, of generation; nil: there is no session
	generation uint64
	refused    uint64 // the generation that somebody wants renewed; 0: none
	asked      uint64 // the one that the machine was told to renew, until there is a new session; 0: none
	replacing  bool   // there is no session, and a new one is on its way
	told       bool   // the world knows of handed
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
	h := Handed{Generation: k.generation, Live: k.handed != nil, Replacing: k.replacing}
	if h.Live {
		h.Credential = *k.handed
	}
	return h
}

// Refuse says that the platform refused the credential of that generation. If
// it is still the current one, the session is renewed by one new sign-in: the
// first time at once, later by back-off until a session has lasted. However
// many say so, one renewal follows. It does not block.
func (k *Keeper) Refuse(generation uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.handed == nil:
		return ErrNoSession
	case generation != k.generation:
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
	if k.renew || k.refused != k.generation {
		k.refused = 0
	}
}

// due reports whether the present credential was reported refused and the
// machine does not know. The caller holds mu.
func (k *Keeper) due() bool { return k.refused != 0 && k.refused == k.generation }

// forgive lets the credential of a new session be reported, though it may be
// the same one again. The caller holds mu.
func (k *Keeper) forgive() { k.asked = 0 }

// renewedCredential takes the session's credential over and reports whether it
// is another one. A key may change without it.
func (k *Keeper) renewedCredential() bool {
	now, before := k.session.Info().Credential, k.current
	if k.current = &none; !same(&now, &none) {
		kept := now
		k.current = &kept
	}
	return before.Token != now.Token || !slices.Equal(before.Header, now.Header)
}

// none is the credential of vendors that have none to hand on.
var none session.Credential

func same(a, b *session.Credential) bool {
	return a.Token == b.Token && slices.Equal(a.Header, b.Header) && a.IssuedAt.Equal(b.IssuedAt) && a.ExpiresAt.Equal(b.ExpiresAt)
}

// publish hands an adopted session's credential on at once: it is as good as
// the process before left it, and the first answer may take the platform's
// hold.
func (k *Keeper) publish() {
	k.mu.Lock()
	changed := k.hand(true)
	k.mu.Unlock()
	if changed {
		k.owner.Handed()
	}
}

// hand publishes the session's credential and reports whether that changed
// anything; the first time also that there is none: the process before may
// have left its own behind. Before the machine's first decision nobody knows
// what becomes of that. The caller holds mu.
func (k *Keeper) hand(decided bool) bool {
	live, replacing := k.handed != nil, k.replacing
	generation := k.generation
	held, state := k.machine.Held(), k.machine.State()
	k.stalled = k.machine.Stalled()
	k.generation, k.handed = k.rec.generation, nil
	if held && k.session != nil {
		k.handed = k.current
	}
	k.replacing = !held && k.wish.Wish != session.Leave && (state == session.Waiting || state == session.SigningIn)
	news := live != (k.handed != nil) || replacing != k.replacing || generation != k.generation || (!k.told && !held)
	if !decided {
		return false
	}
	k.told = k.told || news
	return news
}
