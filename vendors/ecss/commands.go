package ecss

import "agentkeeper/vendors/command"

// commands are actions. Those of calls are named on the vendor's pages, with call/accept
// alone shown whole; call/makeCall was seen by integrators. No action that sets a
// working state is known, and a verb of a call would need the call's id, so there are
// no verbs. call/subscribe is the keeper's own sign of life.
var commands = command.Set{Documented: []string{"call/accept", "call/reject", "call/complete", "call/get", "call/makeCall"}}
