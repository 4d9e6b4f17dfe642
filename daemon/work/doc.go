// Package work follows the working state of the agents, shows it, and has what is
// wished of it kept. What is decided for one agent is session/work's; this package
// feeds it with events, read-backs and the answers to commands, makes what must
// survive a restart durable, and spaces what is sent over a platform's agents.
package work
