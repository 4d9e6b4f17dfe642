// Package edna keeps integrator accounts of an edna Chat Center signed in: it
// logs in with a password, proves the bearer token by a cheap request that the
// configuration names, and asks for a new log-in before the token can end.
//
// It exports one value, [Vendor], for the table in package vendors, and knows no other
// vendor.
//
// # The token
//
// The log-in's answer carries the token twice, in the body and in the header
// Authorization, and the vendor's own pages show it in two dialects: with the
// word Bearer before it once, twice or not at all (vendor pages: log-in, in
// Russian and in English). So every leading Bearer is dropped, whichever is
// read, and exactly one is sent. The body's token counts; the header's is used
// where the body has none. Two that differ are a warning. The role, the user's
// number and the login in the answer are not looked at: the samples contradict
// each other.
//
// # How long a token lives
//
// The answer does not say. A token is renewed at 70 to 90 %, drawn once for
// each, of the shortest of three: `max_age`, the exp of a token that is a JWT (a
// hint, counted from its own iat or the answer's Date), and what was learned.
// Learning takes three deaths in a row (life.go): a restart of the platform ends
// tokens too, and one early end says nothing about the next one. There is no call
// to extend a token and none to give it back: renewal is a new log-in, and
// signing out sends nothing and lets the token lapse.
//
// # What proves it
//
// Only 401 says that a token is dead; 200, 400, 403 and 404 come from a platform
// that took it (vendor page: the integrator's calls). Failures of servers and of
// the network say nothing about the token. A fresh token that is answered 401 at once shows
// that the probe is wrong and not the token: the probe is then switched off for
// that token, with a warning, so that it cannot cause one log-in after another.
//
// # Goroutines
//
// None. A probe is sent on its caller's goroutine, on a new connection: between
// two of them lie minutes, in which servers close idle connections.
package edna
