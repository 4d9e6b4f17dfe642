// Command agentkeeper signs contact-centre agents in and keeps them online.
//
// `agentkeeper run` is the service; it opens a daemon.Daemon and turns signals into its
// ends. `agentkeeper demo` runs the same on built-in simulators. All other commands but
// check, schedule, man, completion and version ask the running service over its control
// socket (client.go) and print what package view, or the API, answers.
//
// # Layout
//
// One file for each command, with its flags, its help and its exit codes. What they
// share: client.go asks the service and turns its errors into exit codes, list.go reads
// agents page by page, choose.go picks those that were named, watch.go waits for them,
// table.go prints. The grid in table.go is ours, since no printer of tables that was
// looked at leaves columns out, the least important first, until a table fits the
// terminal; text/tabwriter, which aligns cells and no more, would be a second one.
package main
