// Package listener bounds what strangers can take of a listener that speaks
// HTTP: connections, time, headers, names. It also writes the answers in JSON that
// refuse. The API, the status page, the local proxy and the callbacks are served
// through it; it knows none of them.
//
// # Connections
//
// A listener has [Places] for so many connections at once, and one peer has a
// share of them: an address on TCP (of IPv6 its /64), a user on a unix socket.
// Programs on the loopback share one address, so it has no share of its own. A
// connection waits for its client from its beginning to the end of a request's
// header, and again after the answer. Before a newcomer is refused, the
// connection that has waited longest is closed to make room for it: one of the
// same peer where the peer's share is used up, anybody's where all places are. So
// clients that say nothing keep nobody out, whatever their number, and a program
// that kept a connection open connects anew. A few places of a unix socket can
// be kept for root and the service's own user.
//
// golang.org/x/net/netutil.LimitListener was judged and does not do: what is too
// many waits in the kernel's queue, behind the silent ones, and nobody can tell
// peers apart or count.
//
// # Names
//
// A web page can point a name of its own at this host and read what answers
// (DNS rebinding). [Hosts] tells such requests by their Host header.
//
// # What is refused
//
// Everything that is refused is counted by listener and [Reason], and logged once
// a minute for each reason: see [Refusals].
package listener
