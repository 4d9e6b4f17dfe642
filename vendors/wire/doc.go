// Package wire is the transport that the vendors' adapters share: how to reach
// a platform ([Place], [TLSSettings]), one agent's HTTP/1.1 connection
// ([Client]), and how foreign text is made fit to show ([Redact], [Plain],
// [Text]).
//
// # One connection, one request, one goroutine
//
// A [Client] belongs to one agent and is used by one goroutine at a time. It
// keeps at most one connection and has at most one request under way. While a
// long poll is held, all that exists of it is the connection and the caller's
// goroutine waiting in a read of one byte; buffers are taken from the
// [Transport]'s pools when the answer begins and go back with its end. Dialling
// and the TLS handshake run on a goroutine of their own, which ends with them,
// because they need a deep stack that the agent's goroutine would keep. Every
// goroutine started here is joined before the call that started it returns.
//
// # Was it sent?
//
// Adapters must tell an operation that surely did not happen (an outage) from
// one that may have happened (doubt). [Error.Sent] answers that: it is true
// from the moment that the whole request was handed to the connection, whatever
// became of it. Nothing is ever sent twice, with one exception: a GET (or what is
// marked as repeatable) on a
// connection that was already in use, where the connection turns out to have
// been closed before a single byte of an answer came.
package wire
