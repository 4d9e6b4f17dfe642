// Package wire is the transport that the vendors' adapters share: how to reach
// a platform ([Place], [TLSSettings]), one agent's HTTP/1.1 connection
// ([Client]), and how foreign text is made fit to show ([Redact], [Plain],
// [Text]).
//
// # One connection, one request, nobody who stands at it
//
// A [Client] belongs to one agent and is used by one goroutine at a time. It
// keeps at most one connection and has at most one request under way. While a
// long poll is held, all that exists of it is the connection and what the client
// remembers of the request: whoever began it with [Client.Begin] waits for the
// socket wherever it likes, and calls [Client.End] then. Sockets are read and
// written without waiting as long as that is possible, so that a request usually
// sets no deadline. Buffers are taken from the [Transport]'s pools when the answer
// begins and go back with its end, those of TLS likewise ([Slim]). (A server that sends the headers of a held poll
// at once makes them, and the goroutine that reads them, last as long as the hold.)
// Dialling and the TLS handshake run on a goroutine of their own, which ends with
// them, because they need a deep stack that the caller's goroutine would keep. Every
// goroutine started here is joined before the call that started it returns.
//
// # How many at once?
//
// A platform's [Dials] has a place for each connection that is being made, until its
// TLS handshake is over. Whoever finds none waits, sign-ins and sign-outs before
// polls; that wait moves the request's deadline, and only the context cuts it. A
// request that was begun with [Client.Begin] waits without a goroutine. Dials also hands out the addresses of this machine that connections come from.
//
// # Was it sent?
//
// Adapters must tell an operation that surely did not happen (an outage) from
// one that may have happened (doubt). [Error.Sent] answers that: it is true
// from the moment that the whole request was handed to the connection, whatever
// became of it, but for a TLS alert in place of an answer: the server read nothing
// then. Nothing is ever sent twice, with one exception: a GET (or what is marked as
// repeatable) on a connection that was already in use, where the connection turns
// out to have been closed before a single byte of an answer came, or is answered
// 408, which a balancer says to a connection that nobody used for too long.
//
// # Which connection?
//
// A kept connection is used again only while all is well behind it. It is looked
// at before each request, and left where the server said something unasked or
// closed it; and it is left after an answer of trouble, by its HTTP status or by
// the adapter's verdict ([Client.Heed]). Each new one asks for the host's
// addresses anew. Sign-ins and sign-outs begin on a new one.
package wire
