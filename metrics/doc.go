// Package metrics is what Prometheus sees of the program, and the only
// importer of its client library.
//
// Two kinds of metrics: what is (gauges) is asked from a [Source] at each
// scrape, so nothing stale can remain, and is the snapshot that packages fleet and
// webhook make for everybody; what happened (counters, histograms) is
// reported through the methods of [Metrics] by whoever saw it. All label
// values that can occur exist from the start, with zero, so that rate() sees
// the first failure. Labels are platform, state, reason, result, sink, webhook and user; a
// label per agent exists only where [Options.PerAgent] asks for it.
//
// # Files
//
// alerts.yaml and recording.yaml are for Prometheus, alertmanager.yaml for
// Alertmanager, dashboard.json for Grafana, runbook.md for whoever is on call.
// The tests hold them to the metrics that there are, and to each other.
//
// # Calls
//
// New, SetPlatforms and SetSinks at the start and after every reload, then the
// reporting methods from any goroutine: they take no lock, allocate nothing and
// ignore a platform that is not configured (any more).
package metrics
