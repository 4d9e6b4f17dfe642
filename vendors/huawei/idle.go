package huawei

import (
	"sync/atomic"

	"agentkeeper/vendors/wire"
)

// idle knows the body with which a gateway answers polls that bring no event, the
// same for all its agents, as of the last such answer. A poll that is answered
// with it needs no look at its JSON. Its methods may be called from any goroutine.
type idle struct{ last atomic.Pointer[wire.Reads] }

// idleLimit is the longest body that is kept, in bytes; what is seen has under 60.
const idleLimit = 512

// pollHeaders are what the answer to a poll is searched for: a Guid, a cookie.
var pollHeaders = []string{"Set-Guid", "Guid", "Set-Cookie"}

// beforeFirst is what is read of answers before there was one without an event.
var beforeFirst = &wire.Reads{Headers: pollHeaders}

// reads is what a poll's answer is looked at for.
func (i *idle) reads() *wire.Reads {
	if last := i.last.Load(); last != nil {
		return last
	}
	return beforeFirst
}

// learn takes the body of a poll that was answered well and brought no event. It
// must not be changed afterwards.
func (i *idle) learn(body []byte) {
	if len(body) <= idleLimit {
		i.last.Store(&wire.Reads{Headers: pollHeaders, Known: body})
	}
}
