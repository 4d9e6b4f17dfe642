package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentkeeper/session"
)

// gauges turns a Source's snapshot into metrics at each scrape.
type gauges struct {
	source   Source
	perAgent bool

	agents, wished, missing, parked, stuck  *prometheus.Desc
	warned                                  *prometheus.Desc
	inFlight, queue, up, window             *prometheus.Desc
	quarantined, refusalsLeft, expiry       *prometheus.Desc
	online, lastContact                     *prometheus.Desc
	storeUp, storeDamage, clock, traced     *prometheus.Desc
	hookLag, hookAge, hookStopped, hookDead *prometheus.Desc

	stream streamGauges
}

func newGauges(source Source, perAgent bool) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+name, help, labels, nil)
	}
	g := &gauges{
		source: source, perAgent: perAgent, stream: newStreamGauges(desc),
		agents:       desc("agents", "Agents by what they are doing.", "platform", "state"),
		wished:       desc("agents_wished_online", "Agents that schedule and people want online.", "platform"),
		missing:      desc("agents_missing", "Agents that should be online and are not, by reason.", "platform", "reason"),
		stuck:        desc("agents_stuck", "Agents past the deadline of what they are doing.", "platform"),
		warned:       desc("agents_warned", "Agents whose session lives and yet needs a person; see their warnings.", "platform"),
		up:           desc("platform_up", "0 while the platform cannot be reached or does not work.", "platform"),
		window:       desc("contact_window_seconds", "Longest silence that the platform forgives.", "platform"),
		storeUp:      desc("store_up", "0 while the store cannot be written: no sign-ins, and events are lost."),
		storeDamage:  desc("store_damage", "What was found damaged on disk since the start: mended (nothing is lost of it), records_lost (at least so many) or events_lost.", "outcome"),
		clock:        desc("time_seconds", "The service's own clock, by which schedules go."),
		traced:       desc("agents_traced", "Agents whose exchange with the platform is written into the log."),
		parked:       desc("agents_parked", "Agents that need a change of secret or configuration or a person, by reason.", "platform", "reason"),
		inFlight:     desc("operations_in_flight", "Sign-ins and sign-outs sent and not yet answered.", "platform"),
		queue:        desc("sign_in_queue_length", "Sign-ins that wait until they may be sent.", "platform"),
		quarantined:  desc("quarantined", "1 while log-ins are stopped to avoid a lock-out.", "platform"),
		refusalsLeft: desc("refusals_left", "Refused log-ins left before the platform is quarantined.", "platform"),
		hookLag:      desc("webhook_lag_events", "Events that wait to be posted, counted before the webhook's filters.", "webhook"),
		hookAge:      desc("webhook_lag_seconds", "Age of the oldest event that waits to be posted.", "webhook"),
		hookStopped:  desc("webhook_stopped", "1 while the webhook is stopped until a person acts.", "webhook"),
		hookDead:     desc("webhook_dead_letters", "Events that the webhook cannot deliver: dropped before (retention), refused again and again (refused), skipped by a person (skipped), or waiting while it is stopped (gone).", "webhook", "reason"),
	}
	const expiry = "When the password expires, where the platform tells"
	if !perAgent {
		g.expiry = desc("password_expiry_timestamp_seconds", expiry+": the earliest of the platform's agents.", "platform")
		return g
	}
	g.expiry = desc("password_expiry_timestamp_seconds", expiry+".", "platform", "agent")
	g.online = desc("agent_online", "1 while the agent is signed in and the platform answers for it.", "platform", "agent")
	g.lastContact = desc("agent_last_contact_timestamp_seconds", "Last answer that proved the session alive.", "platform", "agent")
	return g
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range append(g.stream.all(), []*prometheus.Desc{
		g.agents, g.wished, g.missing, g.parked, g.stuck, g.warned, g.inFlight, g.queue, g.up, g.window,
		g.quarantined, g.refusalsLeft, g.expiry, g.online, g.lastContact, g.storeUp, g.storeDamage, g.clock, g.traced,
		g.hookLag, g.hookAge, g.hookStopped, g.hookDead,
	}...) {
		if d != nil {
			ch <- d
		}
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.source.Snapshot()
	send(ch, g.storeUp, truth(s.StoreUp))
	send(ch, g.storeDamage, float64(s.StoreDamage.Mended), "mended")
	send(ch, g.storeDamage, float64(s.StoreDamage.RecordsLost), "records_lost")
	send(ch, g.storeDamage, float64(s.StoreDamage.EventsLost), "events_lost")
	send(ch, g.clock, seconds(time.Now()))
	send(ch, g.traced, float64(s.Traced))
	for _, p := range s.Platforms {
		g.platform(ch, p)
	}
	for _, w := range s.Webhooks {
		g.webhook(ch, w)
	}
	g.stream.collect(ch, s.Stream)
	if !g.perAgent {
		return
	}
	for _, a := range s.Agents {
		g.agent(ch, a)
	}
}

func (g *gauges) platform(ch chan<- prometheus.Metric, p PlatformStatus) {
	for _, state := range session.States() {
		send(ch, g.agents, float64(p.States[state]), p.Name, string(state))
	}
	for _, reason := range session.Reasons() {
		send(ch, g.parked, float64(p.Parked[reason]), p.Name, string(reason))
	}
	for _, reason := range MissingReasons() {
		send(ch, g.missing, float64(p.Missing[reason]), p.Name, reason)
	}
	send(ch, g.wished, float64(p.WishedOnline), p.Name)
	send(ch, g.stuck, float64(p.Stuck), p.Name)
	send(ch, g.warned, float64(p.Warned), p.Name)
	send(ch, g.up, truth(p.Up), p.Name)
	send(ch, g.window, p.Window.Seconds(), p.Name)
	send(ch, g.inFlight, float64(p.InFlight), p.Name)
	send(ch, g.queue, float64(p.Queue), p.Name)
	send(ch, g.quarantined, truth(p.Quarantined), p.Name)
	send(ch, g.refusalsLeft, float64(p.RefusalsLeft), p.Name)
	if !g.perAgent {
		sendTime(ch, g.expiry, p.PasswordExpiry, p.Name)
	}
}

func (g *gauges) webhook(ch chan<- prometheus.Metric, w WebhookStatus) {
	send(ch, g.hookLag, float64(w.Lag), w.Name)
	send(ch, g.hookAge, w.Age.Seconds(), w.Name)
	send(ch, g.hookStopped, truth(w.Stopped), w.Name)
	for _, reason := range slices.Sorted(maps.Keys(w.Dead)) {
		send(ch, g.hookDead, float64(w.Dead[reason]), w.Name, reason)
	}
}

func (g *gauges) agent(ch chan<- prometheus.Metric, a AgentStatus) {
	send(ch, g.online, truth(a.Online), a.ID.Platform, a.ID.Login)
	sendTime(ch, g.lastContact, a.LastContact, a.ID.Platform, a.ID.Login)
	sendTime(ch, g.expiry, a.PasswordExpiry, a.ID.Platform, a.ID.Login)
}

func send(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "\uFFFD") // a login may come from any file
	}
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// sendTime sends an instant; none where there is none to tell.
func sendTime(ch chan<- prometheus.Metric, d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		send(ch, d, seconds(t), labels...)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
