// Package daemon is one process of the service: it wires the parts, ends them in
// the right order, loads the configuration again, and tells systemd how it is.
// Everything that decides is in the packages below it.
//
// # Its place in the house
//
// Command agentkeeper opens a [Daemon] and runs it. The daemon makes what the other
// packages are: config reads the file, store keeps what survives, fleet keeps the
// agents, events and webhook carry events out, api, page, proxy and callback answer
// requests within the bounds of listener, metrics shows the same snapshot to
// Prometheus. Packages below it do not know it; where one needs another, it has an
// interface that the daemon fills.
//
// # Life
//
// Each part is a task: a name, and a function that runs until its context ends and
// says when it is ready (task.go). Tasks are started one after the other and ended
// in the reverse order: store, listeners, webhooks, events, traces, agents. So
//
//   - the store is locked before anything is bound: a second process ends
//     without a trace;
//   - sessions that the store knows are adopted, because it is open before the first
//     agent starts, and addresses answer when the agents are there;
//   - at the end agents go first, then their last events go into the store, then to
//     webhooks, then requests that were taken have their answers, then the store
//     is closed. All of it is bounded by stop_timeout.
//
// An error of a task, such as a listener that fails, ends the process by a hand-over:
// the sessions stay signed in for the next one.
package daemon
