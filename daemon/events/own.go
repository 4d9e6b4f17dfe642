package events

import (
	"strings"

	"agentkeeper/session"
)

// The events of our own, as their keepers name them.
const (
	SignedIn  = "signed_in"
	Adopted   = "adopted" // a session of the process before goes on
	Lost      = "lost"
	SignedOut = "signed_out"
	Parked    = "parked"

	WorkChanged  = "work.changed"   // the working state, or who set it, is another one
	WorkRestored = "work.restored"  // the keeper undid what the platform did
	WorkHeldBack = "work.held_back" // a wished working state is not pursued for now
)

// ownPrefix stands before their names in the types of CloudEvents.
const ownPrefix = "session."

// GapType is the type of the event that stands where events of its agent were
// lost; its data is a Gap.
const GapType = ownPrefix + "gap"

// OwnType is the type of the CloudEvent of an event of our own: its name behind
// "session.", or as it is where it has a prefix of its own, as "work.changed".
func OwnType(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return ownPrefix + name
}

// OwnTypes are the types of all CloudEvents that are our own.
func OwnTypes() []string {
	types := []string{GapType, session.AnsweredLate}
	for _, name := range []string{SignedIn, Adopted, Lost, SignedOut, Parked, WorkChanged, WorkRestored, WorkHeldBack} {
		types = append(types, OwnType(name))
	}
	return types
}
