// Package runtel simulates the API v2 of a Runtel PBX as far as a program that
// keeps accounts signed in can meet it: POST /api/ with the actions auth, logout,
// get and list, bearer tokens that expire, and the Defender, which blocks a host
// after too many failed log-ins.
//
// What the vendor's pages leave open is a switch in [Switches]: how failures
// come, which zone exp is in, whether a second log-in ends the first token, what
// a blocked host sees, and so on. Faults, outages and people's doings come by the
// Go methods of [Sim] or by HTTP under /_sim/, which the Defender never blocks.
//
// A Sim starts no goroutine and no timer of its own: ends of tokens and of
// blocks are computed when a request looks at them. It may be used inside a
// testing/synctest bubble over sim.Pipe.
package runtel
