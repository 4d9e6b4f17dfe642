package metrics

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/webhook"
	"agentkeeper/session"
)

// gauge is a metric that is asked for at each scrape: its description, and what
// it shows of one T.
type gauge[T any] struct {
	desc *prometheus.Desc
	show func(of T, send sender)
}

// sender sends one value of a gauge, with the values of its labels.
type sender func(value float64, labels ...string)

// newGauge returns the gauge of that name.
func newGauge[T any](name, help string, show func(of T, send sender), labels ...string) gauge[T] {
	return gauge[T]{prometheus.NewDesc(namespace+name, help, labels, nil), show}
}

func describe[T any](ch chan<- *prometheus.Desc, all []gauge[T]) {
	for _, g := range all {
		ch <- g.desc
	}
}

// collect sends what the gauges show of one T.
func collect[T any](ch chan<- prometheus.Metric, all []gauge[T], of T) {
	for _, g := range all {
		g.show(of, func(value float64, labels ...string) {
			for i, l := range labels {
				labels[i] = strings.ToValidUTF8(l, "\uFFFD") // a login may come from any file
			}
			ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, labels...)
		})
	}
}

// gauges turns a Source's snapshot into metrics at each scrape.
type gauges struct {
	source    Source
	service   []gauge[Snapshot]
	platforms []gauge[fleet.Platform]
	agents    []gauge[fleet.Agent] // empty without Options.PerAgent
	webhooks  []gauge[webhook.Status]
	stream    []gauge[StreamStatus]
	users     []gauge[StreamUser]
	work      []gauge[Working]
}

func newGauges(source Source, perAgent bool) *gauges {
	g := &gauges{
		source: source, service: serviceGauges(), platforms: platformGauges(), webhooks: webhookGauges(),
		stream: streamGauges(), users: userGauges(), work: workGauges(),
	}
	if perAgent {
		g.agents = agentGauges()
	} else {
		g.platforms = append(g.platforms, newGauge(passwordExpiry, passwordExpiryHelp+": the earliest of the platform's agents.",
			func(p fleet.Platform, send sender) { sendTime(send, p.PasswordExpires, p.Name) }, "platform"))
	}
	return g
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	describe(ch, g.service)
	describe(ch, g.platforms)
	describe(ch, g.agents)
	describe(ch, g.webhooks)
	describe(ch, g.stream)
	describe(ch, g.users)
	describe(ch, g.work)
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	s := g.source.Snapshot()
	collect(ch, g.service, s)
	for _, p := range s.Platforms {
		collect(ch, g.platforms, p)
	}
	for _, a := range s.Agents {
		collect(ch, g.agents, a)
	}
	for _, w := range s.Working {
		collect(ch, g.work, w)
	}
	for _, w := range s.Webhooks {
		collect(ch, g.webhooks, w)
	}
	if s.Stream.Listening {
		collect(ch, g.stream, s.Stream)
		for _, u := range s.Stream.Users {
			collect(ch, g.users, u)
		}
	}
}

func serviceGauges() []gauge[Snapshot] {
	return []gauge[Snapshot]{
		newGauge("store_up", "0 while the store cannot be written: no sign-ins, and events are lost.",
			func(s Snapshot, send sender) { send(truth(s.StoreUp)) }),
		newGauge("store_damage", "What was found damaged on disk since the start: mended (nothing is lost of it), records_lost (at least so many) or events_lost.",
			func(s Snapshot, send sender) {
				send(float64(s.StoreDamage.Restored+s.StoreDamage.Copies), "mended")
				send(float64(recordsLost(s.StoreDamage)), "records_lost")
				send(float64(s.StoreDamage.Events), "events_lost")
			}, "outcome"),
		newGauge("time_seconds", "The service's own clock, by which schedules go.",
			func(_ Snapshot, send sender) { send(seconds(time.Now())) }),
		newGauge("agents_traced", "Agents whose exchange with the platform is written into the log.",
			func(s Snapshot, send sender) { send(float64(s.Traced)) }),
	}
}

func webhookGauges() []gauge[webhook.Status] {
	return []gauge[webhook.Status]{
		newGauge("webhook_lag_events", "Events that wait to be posted, counted before the webhook's filters.",
			func(w webhook.Status, send sender) { send(float64(w.Lag), w.Name) }, "webhook"),
		newGauge("webhook_lag_seconds", "Age of the oldest event that waits to be posted.",
			func(w webhook.Status, send sender) { send(w.Age(time.Now()).Seconds(), w.Name) }, "webhook"),
		newGauge("webhook_stopped", "1 while the webhook is stopped until a person acts.",
			func(w webhook.Status, send sender) { send(truth(w.State == webhook.Stopped), w.Name) }, "webhook"),
		newGauge("webhook_dead_letters", "Events that the webhook cannot deliver: dropped before (retention), refused again and again (refused), skipped by a person (skipped), or waiting while it is stopped (gone).",
			func(w webhook.Status, send sender) {
				for _, reason := range slices.Sorted(maps.Keys(w.Dead)) {
					send(float64(w.Dead[reason]), w.Name, reason)
				}
			}, "webhook", "reason"),
	}
}

// The metric of two shapes: by platform, or with Options.PerAgent by agent.
const (
	passwordExpiry     = "password_expiry_timestamp_seconds"
	passwordExpiryHelp = "When the password expires, where the platform tells"
)

func agentGauges() []gauge[fleet.Agent] {
	return []gauge[fleet.Agent]{
		newGauge("agent_online", "1 while the agent is signed in and the platform answers for it.",
			func(a fleet.Agent, send sender) {
				send(truth(a.View.State == session.Online), a.ID.Platform, a.ID.Login)
			}, "platform", "agent"),
		newGauge("agent_last_contact_timestamp_seconds", "Last answer that proved the session alive.",
			func(a fleet.Agent, send sender) { sendTime(send, a.View.LastContact, a.ID.Platform, a.ID.Login) }, "platform", "agent"),
		newGauge(passwordExpiry, passwordExpiryHelp+".",
			func(a fleet.Agent, send sender) {
				sendTime(send, a.View.PasswordExpires, a.ID.Platform, a.ID.Login)
			}, "platform", "agent"),
	}
}

// sendTime sends an instant; nothing where t is zero.
func sendTime(send sender, t time.Time, labels ...string) {
	if !t.IsZero() {
		send(seconds(t), labels...)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
