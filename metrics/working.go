package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Working is what the agents of a platform do, by their platforms' word.
type Working struct {
	Platform string
	Online   int // agents that are signed in
	work.Tally
}

// states counts the agents that are signed in, by every state that there can be.
func (w Working) states() map[work.State]int {
	counts := map[work.State]int{}
	known := 0
	for _, state := range work.States() {
		counts[state] = w.States[state]
		known += w.States[state]
	}
	counts[work.Unknown] += max(w.Online-known, 0)
	return counts
}

// OnlineOf returns how many agents of a platform are signed in.
func OnlineOf(p fleet.Platform) int {
	return p.Sum(func(c fleet.Count) bool { return c.State == session.Online })
}

func workGauges() []gauge[Working] {
	return []gauge[Working]{
		newGauge("agents_work", "Agents that are signed in, by their working state.", func(w Working, send sender) {
			for state, n := range w.states() {
				send(float64(n), w.Platform, string(state))
			}
		}, "platform", "state"),
		newGauge("agents_wished_ready", "Agents that are signed in and are to take calls.", func(w Working, send sender) {
			send(float64(w.WishedReady), w.Platform)
		}, "platform"),
		newGauge("agents_not_ready", "Agents that are signed in, are to take calls, and get none.", func(w Working, send sender) {
			send(float64(w.WishedReady-w.Ready), w.Platform)
		}, "platform"),
		newGauge("agents_held_back", "Agents whose wished working state is not pursued for now, by reason.", func(w Working, send sender) {
			for _, hold := range work.Holds() {
				send(float64(w.HeldBack[hold]), w.Platform, string(hold))
			}
		}, "platform", "reason"),
	}
}

// workCounters are what happened to working states.
type workCounters struct {
	restores, forced *prometheus.CounterVec
}

// workSeries holds one platform's handles.
type workSeries struct {
	restores map[string]prometheus.Counter
	forced   map[work.By]prometheus.Counter
}

// forcers are who can force a working state on an agent.
func forcers() []work.By { return []work.By{work.ByPlatform, work.ByInspector} }

func (m *Metrics) makeWork() {
	m.restores = counter("work_restores_total", "Commands that were to undo what the platform did to a working state, by what became of them.", "platform", "result")
	m.forced = counter("work_forced_total", "Agents that were made busy, or had to rest, by who did that.", "platform", "by")
	m.registry.MustRegister(m.restores, m.forced)
}

func (m *Metrics) newWorkSeries(platform string) workSeries {
	s := workSeries{restores: map[string]prometheus.Counter{}, forced: map[work.By]prometheus.Counter{}}
	for _, result := range m.restoreResults {
		s.restores[result] = m.restores.WithLabelValues(platform, result)
	}
	for _, by := range forcers() {
		s.forced[by] = m.forced.WithLabelValues(platform, string(by))
	}
	return s
}

// WorkRestored counts what became of a command that was to undo what the platform did;
// result is one of Options.RestoreResults, and another one is left out.
func (m *Metrics) WorkRestored(platform, result string) {
	if s := m.of(platform); s != nil && s.work.restores[result] != nil {
		s.work.restores[result].Inc()
	}
}

// WorkForced counts an agent that the platform or an inspector made busy, or rest.
func (m *Metrics) WorkForced(platform string, by work.By) {
	if s := m.of(platform); s != nil && s.work.forced[by] != nil {
		s.work.forced[by].Inc()
	}
}
