// Package waiting is where agents wait.
//
// Almost all the time an agent waits: for a poll that its platform holds, for a
// pause to pass, for its turn to sign in, for an order. A goroutine that stands in a read for that long
// costs the memory of its stack, and a timer each. So whoever drives an agent
// works in steps ([Task]), and a [Room] keeps it in between.
//
// There are two rooms. [Goroutines] gives every task a goroutine that blocks: it
// is there for systems other than Linux, for connections that are no sockets, and
// for tests in virtual time. [Sockets] keeps the tasks themselves: their sockets are
// watched by one epoll descriptor, and their times by one queue on a coarse clock;
// what is ready is worked on by few goroutines, which grow in number only while
// work blocks.
//
// Built with the tag noepoll, a program for Linux has the first room alone, as one
// for another system: so every test of the programs can be run over it.
package waiting
