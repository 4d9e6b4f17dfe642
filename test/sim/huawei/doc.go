// Package huawei simulates the agent interface of Huawei AICC / CC-Gateway
// ("agentgateway", the calls named C4 by the vendor) as far as a program that
// keeps agents signed in can meet it: sign-in and sign-out, long polls, Guids
// that rotate, lock-out, the two-minute reaper, displacement and flow control.
//
// What the vendor's pages leave open is a switch in [Switches], each with the
// answer that a client finds hardest to live with as its default, unless the
// pages make another one likely. Faults, outages and people's doings come by
// the Go methods of [Sim] or by HTTP under /_sim/.
//
// A session whose sign-in names a callback and a service token is pushed its
// events and may not poll; it is kept by handshakes or heartbeats.
//
// A Sim starts no goroutine and no timer of its own but one goroutine for each
// session whose events are pushed, which Close ends: the reaper, the rotation
// and the generated events are computed when a request looks at them. It may
// be used inside a testing/synctest bubble over sim.Pipe.
package huawei
