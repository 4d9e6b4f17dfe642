// Package callback is where platforms that send events by themselves reach the
// service. It listens, reads requests within limits of size and time, and hands
// each to the adapter of the platform that its path names: /callback/hq is hq's.
// The adapter knows who may send what, and answers in its vendor's words; it
// answers with success when the events are durable, and not before.
//
// Nothing is dropped in silence: what is refused is answered with an error, so
// that the platform may send it again, is logged (once a minute for each
// platform and cause, with the number of repeats), and is counted.
//
// It knows no vendor: which adapter takes a platform's requests is asked of package
// fleet, and the listener's bounds are package listener's.
package callback
