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

// streamGauges are the descriptions of what StreamStatus shows.
type streamGauges struct {
	connections, connectionsLimit  *prometheus.Desc
	consumers, consumersLimit, lag *prometheus.Desc
}

func newStreamGauges(desc func(name, help string, labels ...string) *prometheus.Desc) streamGauges {
	return streamGauges{
		connections:      desc("stream_connections", "Connections of NATS clients to events.listen."),
		connectionsLimit: desc("stream_connections_limit", "How many connections events.listen takes; lower than 512 where open files are short."),
		consumers:        desc("stream_consumers", "Consumers that a user of the stream has.", "user"),
		consumersLimit:   desc("stream_consumers_limit", "How many consumers the user may have (max_consumers).", "user"),
		lag:              desc("stream_consumer_lag_events", "Events that wait for the user's consumer that is furthest behind.", "user"),
	}
}

func (g streamGauges) all() []*prometheus.Desc {
	return []*prometheus.Desc{g.connections, g.connectionsLimit, g.consumers, g.consumersLimit, g.lag}
}

func (g streamGauges) collect(ch chan<- prometheus.Metric, s StreamStatus) {
	if !s.Listening {
		return
	}
	send(ch, g.connections, float64(s.Connections))
	send(ch, g.connectionsLimit, float64(s.ConnectionsLimit))
	for _, u := range s.Users {
		send(ch, g.consumers, float64(u.Consumers), u.Name)
		send(ch, g.lag, float64(u.Lag), u.Name)
		if u.Limit > 0 {
			send(ch, g.consumersLimit, float64(u.Limit), u.Name)
		}
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
