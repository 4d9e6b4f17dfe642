// Package fleet runs whole fleets, with the vendors' real adapters against the
// simulators, for days of virtual time: what would take a contact centre a day
// takes a test a minute. Networks are in memory, so every wait is exact and
// every run with the same seed repeats.
package fleet
