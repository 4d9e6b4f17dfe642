// Package command carries what other programs ask for through an agent's session:
// one command of an agent at a time, in the order of arrival, each sent at most
// once, with an outcome that says whether it was sent.
//
// # The lane
//
// Whatever changes something goes through the agent's lane: commands, what programs
// write through the local proxy, and the service's own. One is under way, up to 16
// wait. A lane is made when somebody enters it and forgotten when nobody is in it.
// Polls, pings and keep-alives never stand in it, and a command over HTTP has a
// connection of its own. Where the fate of the one under way is in doubt, the ones that
// wait are answered at once that they were not sent: what they were meant for may have
// changed.
//
// # What was sent
//
// A command is not_sent only where no byte of it was handed to a connection. From then
// on it is in doubt until an answer of the platform itself came, and it is never sent
// again, but for one case: the platform refused it because the credential had been
// replaced meanwhile, so that it was surely not carried out.
//
// # Keys against sending twice
//
// A request with an ID is durable as an intent before it leaves, and its outcome after
// that, for 10 minutes. An intent without an outcome at a start is one in doubt.
package command
