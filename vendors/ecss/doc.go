// Package ecss keeps agents signed in at an Eltex ECSS-10 contact centre,
// through the JSON dialogue that its ecss-cc-ui proxy offers over a websocket
// (vendor pages: the login command, the use of websockets, call/subscribe).
//
// It exports one value, [Vendor], for the table in package vendors, and knows no other
// vendor.
//
// # The session is the socket
//
// A login is a message on the websocket, and authentication sticks to that
// connection: no page documents a way to resume a session elsewhere. So a
// stored key is never adopted ([session.Platform]'s Adopt is always Lost), and
// any close of the socket that we did not ask for, clean or not, is the loss
// of the session.
//
// # What proves it alive
//
// A proxy that is gone without a word is found by pings of our own: after each
// silence of `ping` one is sent, and without any answer for 3 x `ping` the
// socket counts as dead. Halfway there a request is sent, for some proxies swallow
// pings: where it is answered the session lives, with a warning, and requests are
// sent beside the pings from then on; `ping: 0` sends requests alone. Pings are no actions of an operator, so the proxy's
// autoLogoutTimeout (minutes) is met by repeating call/subscribe at a third of
// it. Every pong, reply and notification is a contact.
//
// # How a session works
//
// No goroutine is left running: Step returns until when to wait on
// the connection, and does what is due then (a ping, the harmless request). Between
// two calls nothing is read; the connection keeps what arrives, and holds the
// platform back when that is too much.
//
// # What is not documented
//
// Much of the protocol is unknown: at which key a failure's text is, how a
// notification looks, what a logout is called. Everything is therefore read
// leniently: replies are matched by requestId, never by order, but while a log-in
// is the only request a frame with its action or an exception that names no
// request is its answer; every other frame is an event; a frame that cannot be read is counted and logged (its
// size, not its contents) and never ends a session. A failure is classified by
// its text (the tables in codes.go), because the platform answers 401 to a
// wrong password and to its own outages alike; what the table does not know is
// an outage, never a refusal, but after three in a row it is repeated twice an hour
// only. Under 401 and 403 the texts count inside longer ones and translated, too.
package ecss
