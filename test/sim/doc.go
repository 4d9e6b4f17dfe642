// Package sim is what the platforms' simulators share: a network in memory,
// counters that notice two operations of one agent at once, faults on demand,
// the control interface under /_sim/, and certificates good and bad.
//
// A simulator is an http.Handler made of these parts; [Serve] puts it on a
// listener, in memory ([Pipe], fit for a testing/synctest bubble) or on the
// network ([Listen]). Nothing here starts a goroutine or a timer at package
// level: what is made inside a bubble stays in it, and [Server.Close] joins
// what Serve started.
//
// The simulators follow the vendors' contracts and not this program's client:
// what a platform would not forgive is answered with its error, and what it
// forbids (two operations or two commands of one agent in flight) is a violation, kept until a
// reset and reported by /_sim/violations.
package sim
