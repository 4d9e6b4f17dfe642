// Package edna simulates the integrator's side of an edna Chat Center as far as
// a program that keeps tokens alive can meet it: the log-in in the vendor's two
// dialects, tokens whose life nobody tells, and the few calls that such a token
// opens.
//
// What the vendor's pages leave open is a switch in [Switches]. Faults, outages
// and people's doings come by the Go methods of [Sim] or by HTTP under /_sim/;
// in faults a log-in is sign_in and every other call message.
//
// A Sim starts no goroutine and no timer: ends of tokens and restarts are
// computed when a request looks at them. It may be used inside a testing/synctest
// bubble over sim.Pipe.
package edna
