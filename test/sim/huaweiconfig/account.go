package huaweiconfig

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"
)

// account is one account's state. The simulator's lock guards it.
type account struct {
	Account
	failures    int       // wrong passwords in a row
	lockedUntil time.Time // zero: not locked
	guids       []*guid   // those that may be alive
	logins      []time.Time
	lapsed      int // Guids that died of a gap
	denied      int // queries with a Guid that was dead
}

// guid is one credential.
type guid struct {
	value  string
	cookie string // "" = none asked for
	of     *account
	born   time.Time // of the login
	fresh  time.Time // when this value was given out
	used   time.Time // by the last request
	ended  bool
}

// kept bounds what is remembered per account.
const kept = 100

// enter records a login and gives its Guid out.
func (a *account) enter(now time.Time, cookie string) *guid {
	g := &guid{value: newGuid(), cookie: cookie, of: a, born: now, fresh: now, used: now}
	a.add(g)
	a.logins = append(a.logins, now)
	if over := len(a.logins) - kept; over > 0 {
		a.logins = slices.Clone(a.logins[over:])
	}
	return g
}

// add remembers a Guid, and forgets those that are over and the oldest.
func (a *account) add(g *guid) {
	a.guids = append(slices.DeleteFunc(a.guids, func(g *guid) bool { return g.ended }), g)
	if over := len(a.guids) - kept; over > 0 {
		a.guids = slices.Clone(a.guids[over:])
	}
}

// rotated returns a Guid that goes on where g is.
func (g *guid) rotated(now time.Time) *guid {
	n := *g
	n.value, n.fresh = newGuid(), now
	g.of.add(&n)
	return &n
}

func (a *account) locked(now time.Time) bool { return now.Before(a.lockedUntil) }

func newGuid() string { return newUUID() + ".AgentGateway1" }

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}
