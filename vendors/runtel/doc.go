// Package runtel keeps accounts of a Runtel PBX (API v2) signed in: it logs in
// with a password, proves the bearer token by a cheap request of its own, asks
// for a new log-in in time, and logs out.
//
// It exports one value, [Vendor], for the table in package vendors, and knows no other
// vendor.
//
// # What an answer means
//
// There is one address, POST /api/, and one envelope. A request failed if its
// HTTP status says so or the envelope's code does (vendor page: auth); the table
// in codes.go says what each means for a log-in, a probe and a log-out. An
// answer that does not repeat the request's action_id belongs to another
// request and is ignored.
//
// # How long a token lives
//
// The answer's exp has no zone, and the vendor's own sample fits several. So it
// is read in every plausible way (expiry.go), each counted from the answer's
// own Date; readings that are over already are dropped. Renewal is due at 70 to
// 90 % of the shortest one left, and a token is proven by its probe before it is
// taken for dead. A token that is still accepted after one of its readings refutes that
// reading; one that dies at a reading confirms it. Both are remembered for the
// platform (memory.go) and travel with the keys, so that a restart knows them.
// There is no call to extend a token: renewal is a new log-in, and nothing logs
// the old token out, for others may still use it.
//
// # Goroutines
//
// None. A probe is sent on its caller's goroutine, on a new connection: between
// two of them lie minutes, in which servers close idle connections.
package runtel
