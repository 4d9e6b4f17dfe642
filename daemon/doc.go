// Package daemon is one process of the service: it opens the store, starts the
// fleet, serves the API and obeys signals. Everything that decides is in the
// packages below it; here is the wiring and the order of things.
//
// Order matters in three places. The store is locked before anything is bound,
// so that a second process ends without a trace. The fleet starts after the
// store was read, so that sessions are adopted and not signed in over. And at
// the end agents go first, then the consumers' last events, then the store.
package daemon
