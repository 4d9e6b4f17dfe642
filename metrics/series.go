package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
)

// results are the kinds that an operation can end with.
const results = int(session.Busy) + 1

// series holds one platform's handles, resolved once.
type series struct {
	window   time.Duration
	signIns  [results]prometheus.Counter
	signOuts [results]prometheus.Counter
	contacts [results]prometheus.Counter // by what a contact's result folds to
	adopted  [results]prometheus.Counter
	lost     map[string]prometheus.Counter
	commands map[command.Outcome]prometheus.Counter
	took     prometheus.Observer // of commands
	events   prometheus.Counter
	gap      prometheus.Histogram
	work     workSeries
}

func (m *Metrics) newSeries(name string, window time.Duration) *series {
	s := &series{window: window, events: m.received.WithLabelValues(name), gap: newGap(name, window)}
	s.work = m.newWorkSeries(name)
	s.lost = make(map[string]prometheus.Counter, len(session.Losses()))
	for _, loss := range session.Losses() {
		s.lost[string(loss)] = m.lost.WithLabelValues(name, string(loss))
	}
	s.took = m.commandTook.WithLabelValues(name)
	s.commands = make(map[command.Outcome]prometheus.Counter, len(command.Outcomes()))
	for _, o := range command.Outcomes() {
		s.commands[o] = m.commands.WithLabelValues(name, string(o))
	}
	for _, k := range session.Kinds() {
		s.signIns[k] = m.signIns.WithLabelValues(name, k.String())
		s.signOuts[k] = m.signOuts.WithLabelValues(name, k.String())
		s.contacts[k] = m.contacts.WithLabelValues(name, fold(k).String())
		s.adopted[k] = m.adopted.WithLabelValues(name, fold(k).String())
	}
	return s
}

// fold maps what a live session can be answered to the three that count:
// alive, not reached, gone.
func fold(k session.Kind) session.Kind {
	switch k {
	case session.OK:
		return session.OK
	case session.Lost, session.Taken, session.Refused:
		return session.Lost
	default:
		return session.Outage
	}
}

// newGap makes one platform's histogram of pauses between contacts. Its
// buckets are parts of the window, dense where it becomes dangerous, so each
// platform needs a histogram of its own.
func newGap(platform string, window time.Duration) prometheus.Histogram {
	parts := []float64{0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 0.625, 0.75, 0.875, 0.95, 1}
	buckets := make([]float64, len(parts))
	for i, part := range parts {
		buckets[i] = part * window.Seconds()
	}
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: namespace + "contact_gap_seconds",
		Help: "Pause between two answers that proved a session alive; the last bucket is the platform's window.",

		ConstLabels: prometheus.Labels{"platform": platform},
		Buckets:     buckets,
	})
}

// gaps collects the histograms of the platforms that there are. It describes
// none, because they come and go.
type gaps struct{ m *Metrics }

// Describe implements prometheus.Collector.
func (g gaps) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g gaps) Collect(ch chan<- prometheus.Metric) {
	for _, s := range *g.m.platforms.Load() {
		s.gap.Collect(ch)
	}
}
