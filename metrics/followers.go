package metrics

import "github.com/prometheus/client_golang/prometheus"

// followers counts who reads the events over HTTP, by the door that they came
// through.
type followers struct {
	now     *prometheus.GaugeVec
	refused *prometheus.CounterVec
}

// newFollowers makes the series of all doors.
func newFollowers(doors []string) *followers {
	f := &followers{
		now: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: namespace + "event_followers", Help: "Consumers that read the events over HTTP now.",
		}, []string{"door"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: namespace + "event_followers_refused_total", Help: "Consumers that were refused because all places for readers of the events were taken.",
		}, []string{"door"}),
	}
	for _, door := range doors {
		f.now.WithLabelValues(door)
		f.refused.WithLabelValues(door)
	}
	return f
}

// FollowerCame counts a consumer that begins to read the events.
func (m *Metrics) FollowerCame(door string) { m.followers.now.WithLabelValues(door).Inc() }

// FollowerLeft takes back what FollowerCame counted.
func (m *Metrics) FollowerLeft(door string) { m.followers.now.WithLabelValues(door).Dec() }

// FollowerRefused counts a consumer that found all places taken.
func (m *Metrics) FollowerRefused(door string) { m.followers.refused.WithLabelValues(door).Inc() }
