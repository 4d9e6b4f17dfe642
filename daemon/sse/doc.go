// Package sse speaks server-sent events: the API and the status page write them,
// the command line reads them.
//
// No library is used for it. What it takes is the size of this package; those
// that there are bring a hub of their own or copy each event several times, and
// bound neither the time of a write nor the length of an event.
package sse
