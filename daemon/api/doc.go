// Package api is the service's HTTP API: the read-only half for everybody who may
// reach `listen`, and the whole for those who may open the control socket.
//
// # Its place in the house
//
// It reads package fleet's snapshot and shows it in the form of package view; what it
// is told to do it hands to the fleet, the webhooks, the tracer or the daemon, each
// behind an interface of one to four methods. The command line is its client and
// decodes the same types. Connections, headers and names of hosts are bounded by
// package listener before a request comes here; bodies, waits, followers and lists
// are bounded here (limit.go).
//
// # Contract
//
// Paths below /api/v1/ and the fields in their answers stay; new ones may be added.
// An error is {"error": "…"} with a text that says what to do. 503 has Retry-After.
// Streams are server-sent events, see package sse: a comment every 15 seconds, and a
// reader that takes nothing for 30 is cut off.
package api
