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
// Agents are not started by whoever applies a configuration, but by one goroutine,
// a few at a time: stored sessions first, in the order in which their windows end.
// An agent that waits for that is an agent like others, and takes orders. Its keeper
// follows them when it runs; the end of the fleet starts all that are left.
//
// Nothing is done with all agents under one lock: the fleet is walked in the order of
// names, a few hundred agents at a time, and whoever pages through it goes on behind
// a name. Agents are counted by platform, state and wish when they change, so that
// scrapes and summaries cost the same for any number of them; only what time alone
// changes, such as who is stuck, is as of the last look.
//
// What is wished follows from the agent's schedule and from a person's
// override, which outlives restarts; one goroutine compares wish and order
// whenever either may have changed.
package fleet
