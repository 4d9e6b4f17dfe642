package metrics

import "github.com/prometheus/client_golang/prometheus"

// StreamStatus is the listener for NATS clients at one instant.
type StreamStatus struct {
	Listening        bool // without it the rest is not shown
	Connections      int
	ConnectionsLimit int
	Users            []StreamUser
}

// StreamUser is a user of the stream and its consumers.
type StreamUser struct {
	Name      string
	Consumers int
	Limit     int    // 0: the configuration does not name the user any more
	Lag       uint64 // events that wait for its consumer that is furthest behind
}

func streamGauges() []gauge[StreamStatus] {
	return []gauge[StreamStatus]{
		newGauge("stream_connections", "Connections of NATS clients to events.listen.",
			func(s StreamStatus, send sender) { send(float64(s.Connections)) }),
		newGauge("stream_connections_limit", "How many connections events.listen takes; lower than 512 where open files are short.",
			func(s StreamStatus, send sender) { send(float64(s.ConnectionsLimit)) }),
	}
}

func userGauges() []gauge[StreamUser] {
	return []gauge[StreamUser]{
		newGauge("stream_consumers", "Consumers that a user of the stream has.",
			func(u StreamUser, send sender) { send(float64(u.Consumers), u.Name) }, "user"),
		newGauge("stream_consumer_lag_events", "Events that wait for the user's consumer that is furthest behind.",
			func(u StreamUser, send sender) { send(float64(u.Lag), u.Name) }, "user"),
		newGauge("stream_consumers_limit", "How many consumers the user may have (max_consumers).",
			func(u StreamUser, send sender) {
				if u.Limit > 0 {
					send(float64(u.Limit), u.Name)
				}
			}, "user"),
	}
}

// makeStream makes and registers what happened to NATS clients.
func (m *Metrics) makeStream(reasons []string) {
	m.streamRefused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: namespace + "stream_refused_total", Help: "Connections and consumers of NATS clients that were not let in, by reason.",
	}, []string{"reason"})
	for _, reason := range reasons {
		m.streamRefused.WithLabelValues(reason)
	}
	m.registry.MustRegister(m.streamRefused)
}

// StreamRefused counts a connection or a consumer of a NATS client that was not
// let in.
func (m *Metrics) StreamRefused(reason string) { m.streamRefused.WithLabelValues(reason).Inc() }
