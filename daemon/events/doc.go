// Package events puts the agents' events into the store's stream as
// CloudEvents 1.0, in order per agent, so that consumers find them there.
//
// # What an agent waits for
//
// A vendor's event is durable before its agent polls again. Where the store
// does not take it within five seconds, the session outranks the event: polling
// goes on. What the store was not even asked to take is lost then, for good:
// counted, and marked in the stream by an event session.gap in its place, before
// the agent's later events. What the store was asked to take, and has not
// answered about, is offered again under the same ids until it answers: it is
// late, but neither lost nor out of order. Of events that were pushed the platform
// is told, and may send them again, under new ids: the mark says so by its reason.
// The same mark stands where an answer of the platform broke off, so that an event
// may have been lost on its way to us.
// Our own events (session.signed_in …) never make an agent wait, and wait
// themselves until the store works.
//
// # Order
//
// One goroutine publishes, one batch after the other, many agents' events in
// each. The queue is one for all, so an agent's events are in the order in which
// they were handed over, whatever fails in between.
//
// # Its place in the house
//
// It is the sink of every keeper (see keeper.Sink) and writes into package store;
// package webhook and the API's followers read from there, and NATS clients too. The
// types of our own events are here, for whoever shows or filters them.
package events
