package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentkeeper/daemon/command"
)

// commandCounters are what became of programs' commands.
type commandCounters struct {
	commands    *prometheus.CounterVec
	commandTook *prometheus.HistogramVec
}

func (m *Metrics) makeCommands() {
	m.commands = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: namespace + "commands_total", Help: "Commands of programs on agents' sessions, by how they ended.",
	}, []string{"platform", "outcome"})
	m.commandTook = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: namespace + "command_duration_seconds", Help: "From a command's arrival to its outcome, of those that were sent.",
		Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"platform"})
}

// Command counts a command by how it ended; took, since it arrived, is observed where
// it was sent.
func (m *Metrics) Command(platform string, o command.Outcome, took time.Duration) {
	s := m.of(platform)
	if s == nil || s.commands[o] == nil {
		return
	}
	s.commands[o].Inc()
	if o == command.Done || o == command.Rejected || o == command.Doubt {
		s.took.Observe(took.Seconds())
	}
}
