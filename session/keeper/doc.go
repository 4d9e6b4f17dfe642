// Package keeper drives one agent: it carries out what [session.Machine] says,
// on one goroutine at a time, with one action outstanding at a time.
//
// It works in steps: what there is to wait for (a poll that the platform holds, a
// pause, a turn in the gate's queue) is returned by [Keeper.Step], and waited for by
// whoever drives the keeper, a room of package waiting or [Keeper.Run].
//
// Everything else in the process (the schedule, a reload, a person's word, the
// end of the process) only replaces the agent's [Order] and interrupts: the
// next step finishes what was begun and acts on the new order. A wait, a
// place in the gate's queue and, after the account's grace, a Next can be cut;
// a sign-in or sign-out once sent runs to its own deadline.
//
// A [Keeper] is four values. The mailbox is what others set, under a mutex: the
// order, the [Setup], the clock. The driver takes it, has the machine decide and
// carries that out. The credentials are what other programs act with, and the
// reporter what people see, and were told in the log. There is a keeper for every
// agent, and nearly all of them wait: it holds what every agent has, points to what
// is configured or rare, and shares what is alike.
//
// There is one road to a login: the platform is wrapped in a journal, which
// makes the intent durable before the request leaves, and that in the daemon's
// gate, which decides when it may.
//
// A store that cannot be written stops sign-ins only. A live session goes on,
// its requests delayed by at most two seconds each; a sign-out leaves without
// its intent; what could not be written is tried again with every step, and
// from time to time while the agent waits. Event numbers are reserved ahead in
// the record, so that they rise over a crash even if the clock was set back.
package keeper
