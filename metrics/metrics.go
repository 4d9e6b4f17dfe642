package metrics

import (
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"agentkeeper/session"
)

const namespace = "agentkeeper_"

// Options are fixed for the life of a Metrics.
type Options struct {
	// PerAgent adds agentkeeper_agent_* and gives the password expiry per agent
	// instead of the platform's earliest. A change needs a restart: a metric
	// cannot change its labels.
	PerAgent        bool
	Version, Commit string
	// DropReasons are the reasons that events can be dropped for.
	DropReasons []string
	// StreamRefusals are the reasons that NATS clients can be refused for.
	StreamRefusals []string
	// RestoreResults is what can become of a restore of a working state.
	RestoreResults []string
	// Doors are where consumers can read the events over HTTP.
	Doors []string
	// Listeners are the process's, RefusalReasons why one can refuse.
	Listeners, RefusalReasons []string
}

// Metrics is the program's registry. All methods may be called from any
// goroutine.
type Metrics struct {
	registry *prometheus.Registry

	mu        sync.Mutex // serialises SetPlatforms and SetSinks
	platforms atomic.Pointer[map[string]*series]
	sinks     atomic.Pointer[map[string]sink]
	drops     map[string]prometheus.Counter

	reloaded, reloadedAt prometheus.Gauge
	sessionCounters
	eventCounters
	commandCounters
	workCounters
	restoreResults []string
	refused        *prometheus.CounterVec
	streamRefused  *prometheus.CounterVec
	followers      *followers
}

// sessionCounters are what happened to sessions.
type sessionCounters struct {
	signIns, signOuts, contacts, lost, adopted *prometheus.CounterVec
	signInTook, firstContact                   prometheus.Histogram
}

// eventCounters are what happened to events.
type eventCounters struct {
	received, delivered, dropped *prometheus.CounterVec
	delivery                     *prometheus.HistogramVec
}

type sink struct {
	delivered prometheus.Counter
	took      prometheus.Observer
}

// New returns metrics of a fleet that source describes, in a registry of their
// own together with those of the Go runtime and the process.
func New(source Source, o Options) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), restoreResults: o.RestoreResults}
	m.platforms.Store(&map[string]*series{})
	m.sinks.Store(&map[string]sink{})
	m.makeCounters()
	m.makeHistograms()
	m.makeCommands()
	m.makeReload()
	m.followers = newFollowers(o.Doors)
	m.drops = make(map[string]prometheus.Counter, len(o.DropReasons))
	for _, reason := range o.DropReasons {
		m.drops[reason] = m.dropped.WithLabelValues(reason)
	}
	for _, l := range o.Listeners {
		for _, reason := range o.RefusalReasons {
			m.refused.WithLabelValues(l, reason)
		}
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(o), newGauges(source, o.PerAgent), gaps{m},
		m.reloaded, m.reloadedAt,
		m.signIns, m.signOuts, m.contacts, m.lost, m.adopted, m.received, m.delivered, m.dropped, m.refused,
		m.delivery, m.signInTook, m.firstContact, m.followers.now, m.followers.refused,
		m.commands, m.commandTook,
	)
	m.makeStream(o.StreamRefusals)
	m.makeWork()
	return m
}

func buildInfo(o Options) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: namespace + "build_info", Help: "1; the labels tell which build this is.",
		ConstLabels: prometheus.Labels{"version": o.Version, "commit": o.Commit, "goversion": runtime.Version()},
	})
	g.Set(1)
	return g
}

func (m *Metrics) makeReload() {
	m.reloaded = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: namespace + "config_last_reload_successful",
		Help: "1 if the last attempt to load the configuration succeeded.",
	})
	m.reloadedAt = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: namespace + "config_last_reload_success_timestamp_seconds",
		Help: "When the configuration was last loaded.",
	})
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: namespace + name, Help: help}, labels)
}

func (m *Metrics) makeCounters() {
	m.signIns = counter("sign_ins_total", "Sign-ins sent, by how they ended.", "platform", "result")
	m.signOuts = counter("sign_outs_total", "Sign-outs sent, by how they ended.", "platform", "result")
	m.contacts = counter("contacts_total", "Requests of live sessions, by how they ended.", "platform", "result")
	m.lost = counter("sessions_lost_total", "Sessions that ended without being signed out, by reason.", "platform", "reason")
	m.adopted = counter("sessions_adopted_total", "Stored sessions gone on with at a start, by what the platform said.", "platform", "result")
	m.received = counter("events_received_total", "Events that the platform reported.", "platform")
	m.delivered = counter("events_delivered_total", "Events handed to consumers.", "sink")
	m.refused = counter("listener_refused_total", "Connections and requests that a listener refused, and connections that it closed to make room (idle), by reason.", "listener", "reason")
	m.dropped = counter("events_dropped_total", "Events that are not, or no longer, kept for consumers, by reason; retention counts those that consumers have seen, too.", "reason")
}

func (m *Metrics) makeHistograms() {
	m.signInTook = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: namespace + "sign_in_duration_seconds", Help: "From a sign-in's request to its end.",
		Buckets: []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
	})
	m.firstContact = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: namespace + "first_contact_delay_seconds", Help: "From a sign-in's answer to the session's first request.",
		Buckets: []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5},
	})
	m.delivery = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: namespace + "event_delivery_seconds", Help: "From the platform's answer to the consumer's.",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300},
	}, []string{"sink"})
}

// Handler serves the metrics. What cannot be collected is left out, and does
// not hide the rest.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, ErrorHandling: promhttp.ContinueOnError,
	})
}

// SetPlatforms makes every series of the platforms that there are now, given the
// longest silence that each forgives, and removes those of the ones that are gone.
// A platform whose window changed starts its histogram of contact gaps anew.
func (m *Metrics) SetPlatforms(windows map[string]time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.platforms.Load()
	now := make(map[string]*series, len(windows))
	for name, window := range windows {
		if s := old[name]; s != nil && s.window == window {
			now[name] = s
			continue
		}
		now[name] = m.newSeries(name, window)
	}
	m.platforms.Store(&now)
	for name := range old {
		if now[name] == nil {
			m.forget(prometheus.Labels{"platform": name})
		}
	}
}

// SetSinks does for the consumers of events what SetPlatforms does for platforms.
func (m *Metrics) SetSinks(names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.sinks.Load()
	now := make(map[string]sink, len(names))
	for _, name := range names {
		now[name] = sink{m.delivered.WithLabelValues(name), m.delivery.WithLabelValues(name)}
	}
	m.sinks.Store(&now)
	for name := range old {
		if _, stays := now[name]; !stays {
			m.delivered.DeleteLabelValues(name)
			m.delivery.DeleteLabelValues(name)
		}
	}
}

func (m *Metrics) forget(labels prometheus.Labels) {
	for _, vec := range []*prometheus.CounterVec{m.signIns, m.signOuts, m.contacts, m.lost, m.adopted, m.received, m.commands, m.restores, m.forced} {
		vec.DeletePartialMatch(labels)
	}
	m.commandTook.DeletePartialMatch(labels)
}

// of returns a platform's series, nil where it is not configured.
func (m *Metrics) of(platform string) *series { return (*m.platforms.Load())[platform] }

// counts reports whether k is the result of an operation.
func counts(k session.Kind) bool { return int(k) < results }

// SignIn counts a sign-in that was sent and how it ended; took is the time
// since its request.
func (m *Metrics) SignIn(platform string, k session.Kind, took time.Duration) {
	s := m.of(platform)
	if s == nil || !counts(k) {
		return
	}
	s.signIns[k].Inc()
	m.signInTook.Observe(took.Seconds())
}

// SignOut counts a sign-out that was sent and how it ended.
func (m *Metrics) SignOut(platform string, k session.Kind) {
	if s := m.of(platform); s != nil && counts(k) {
		s.signOuts[k].Inc()
	}
}

// FirstContact observes the time from a sign-in's answer to the session's
// first request.
func (m *Metrics) FirstContact(platform string, d time.Duration) {
	if m.of(platform) != nil {
		m.firstContact.Observe(d.Seconds())
	}
}

// Contact counts a request of a live session and how it ended: ok, lost (also
// Taken and Refused) or outage (all else). gap is the time since the contact
// before; it is observed when k is OK.
func (m *Metrics) Contact(platform string, k session.Kind, gap time.Duration) {
	s := m.of(platform)
	if s == nil || !counts(k) {
		return
	}
	s.contacts[k].Inc()
	if k == session.OK {
		s.gap.Observe(gap.Seconds())
	}
}

// SessionLost counts a session that ended without being signed out; reason is
// a session.Loss, an unknown one counts as lost.
func (m *Metrics) SessionLost(platform, reason string) {
	s := m.of(platform)
	if s == nil {
		return
	}
	c, known := s.lost[reason]
	if !known {
		c = s.lost[string(session.LossLost)]
	}
	c.Inc()
}

// Adopted counts a stored session by what its first request was answered,
// folded like Contact's.
func (m *Metrics) Adopted(platform string, k session.Kind) {
	if s := m.of(platform); s != nil && counts(k) {
		s.adopted[k].Inc()
	}
}

// EventsReceived counts n events that a platform reported.
func (m *Metrics) EventsReceived(platform string, n int) {
	if s := m.of(platform); s != nil {
		s.events.Add(float64(n))
	}
}

// EventsDelivered counts n events that a consumer has taken.
func (m *Metrics) EventsDelivered(sink string, n int) {
	if s, known := (*m.sinks.Load())[sink]; known {
		s.delivered.Add(float64(n))
	}
}

// EventsDropped counts n events that no consumer will see.
func (m *Metrics) EventsDropped(reason string, n int) {
	if c, known := m.drops[reason]; known {
		c.Add(float64(n))
		return
	}
	m.dropped.WithLabelValues(reason).Add(float64(n))
}

// Refused counts a connection or a request that a listener refused.
func (m *Metrics) Refused(listener, reason string) {
	m.refused.WithLabelValues(listener, reason).Inc()
}

// EventDelivery observes the time from the platform's answer to a consumer's.
func (m *Metrics) EventDelivery(sink string, d time.Duration) {
	if s, known := (*m.sinks.Load())[sink]; known {
		s.took.Observe(d.Seconds())
	}
}

// Reload notes an attempt to load the configuration, the first one included.
func (m *Metrics) Reload(ok bool) {
	m.reloaded.Set(truth(ok))
	if ok {
		m.reloadedAt.Set(seconds(time.Now()))
	}
}
