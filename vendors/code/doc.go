// Package code is what all adapters share to say what a platform's answer means: a
// vendor's codes as a table (code -> fault kind and cause, text, action), and the one
// rule by which an answer is read. What a code means is the vendor's knowledge and
// stays in its package, as data; this package knows no vendor and sends nothing.
//
// # How an answer is read
//
// The body is read first: a code in it decides, whatever the HTTP status, and the
// status decides only where there is none. Platforms answer a wrong password with
// 200, 401 or 500 and the same body; who looks at the status alone takes a refusal
// for an outage and sends the password again.
//
// The same code may mean different things after a sign-in, a request that proves a
// session, and a sign-out: a line of the table has one verdict for each [Request].
// A code that is in no table is an outage of a platform that answers, never a refusal.
//
// Vendors whose sessions are tokens find the rest of what they share in package
// token; the transport is package wire's.
package code
