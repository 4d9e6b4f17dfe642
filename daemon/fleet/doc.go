// Package fleet runs one keeper for every agent of a configuration and
// changes the fleet by difference: what a new configuration does not touch is
// not touched.
//
// An agent's keeper is stepped in a waiting room of the fleet's. A change that its
// session does not feel (password, limits, schedule) reaches the running
// keeper. Any other ends the keeper, in one of two ways, and starts the next
// one in its place with the record of the last: out and in where the
// change concerns what a sign-in sends, by adoption where it does not. So no
// agent ever has two keepers.
//
// What is wished follows from the agent's schedule and from a person's
// override, which outlives restarts; one goroutine compares wish and order
// whenever either may have changed.
package fleet
