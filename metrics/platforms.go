package metrics

import (
	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

// platformGauge is a gauge of a platform with one value and no label but its name.
func platformGauge(name, help string, value func(p fleet.Platform) float64) gauge[fleet.Platform] {
	return newGauge(name, help, func(p fleet.Platform, send sender) { send(value(p), p.Name) }, "platform")
}

// agentsOf counts the platform's agents of which is true.
func agentsOf(is func(c fleet.Count) bool) func(p fleet.Platform) float64 {
	return func(p fleet.Platform) float64 { return float64(p.Sum(is)) }
}

func platformGauges() []gauge[fleet.Platform] {
	return []gauge[fleet.Platform]{
		newGauge("agents", "Agents by what they are doing.", func(p fleet.Platform, send sender) {
			for _, state := range session.States() {
				send(float64(p.Sum(func(c fleet.Count) bool { return c.State == state })), p.Name, string(state))
			}
		}, "platform", "state"),
		newGauge("agents_parked", "Agents that need a change of secret or configuration or a person, by reason.", func(p fleet.Platform, send sender) {
			for _, reason := range session.Reasons() {
				send(float64(p.Sum(func(c fleet.Count) bool { return c.State == session.Parked && c.Reason == reason })), p.Name, string(reason))
			}
		}, "platform", "reason"),
		newGauge("agents_missing", "Agents that should be online and are not, by reason.", func(p fleet.Platform, send sender) {
			for reason, n := range missing(p) {
				send(float64(n), p.Name, reason)
			}
		}, "platform", "reason"),
		platformGauge("agents_wished_online", "Agents that schedule and people want online.", agentsOf(func(c fleet.Count) bool { return c.Wish == session.Stay })),
		platformGauge("agents_stuck", "Agents past the deadline of what they are doing.", func(p fleet.Platform) float64 { return float64(p.Stuck) }),
		platformGauge("agents_warned", "Agents whose session lives and yet needs a person; see their warnings.", agentsOf(func(c fleet.Count) bool { return c.Warned })),
		platformGauge("platform_up", "0 while the platform cannot be reached or does not work.", func(p fleet.Platform) float64 { return truth(!p.Gate.Out) }),
		platformGauge("contact_window_seconds", "Longest silence that the platform forgives.", func(p fleet.Platform) float64 { return p.Window.Seconds() }),
		platformGauge("operations_in_flight", "Sign-ins and sign-outs sent and not yet answered.", func(p fleet.Platform) float64 { return float64(p.Gate.InFlight) }),
		platformGauge("sign_in_queue_length", "Sign-ins that wait until they may be sent.", func(p fleet.Platform) float64 { return float64(p.Gate.Queue) }),
		platformGauge("quarantined", "1 while log-ins are stopped to avoid a lock-out.", func(p fleet.Platform) float64 { return truth(p.Gate.Quarantined) }),
		platformGauge("refusals_left", "Refused log-ins left before the platform is quarantined.", func(p fleet.Platform) float64 { return float64(p.Gate.RefusalsLeft) }),
	}
}

// Why an agent that should be online is not, where no session.Reason says so.
const (
	missingQueued   = "queued"   // its sign-in waits for its turn, and nothing but the rate holds it
	missingStarting = "starting" // its sign-in is sent, or is about to be
)

// missing counts the agents that should be online and are not, by every reason that
// there can be.
func missing(p fleet.Platform) map[string]int {
	counts := map[string]int{missingQueued: 0, missingStarting: 0}
	for _, r := range session.Reasons() {
		counts[string(r)] = 0
	}
	for _, c := range p.Counts {
		if c.Wish == session.Stay && c.State != session.Online {
			counts[whyMissing(c, p.Gate.Held != "")] += c.Agents
		}
	}
	return counts
}

// whyMissing says why agents that should be online are not; held means that their
// platform's gate lets no sign-in through, or only a canary.
func whyMissing(c fleet.Count, held bool) string {
	switch {
	case c.Queued && (!held || c.Reason == session.ReasonNone):
		return missingQueued
	case c.Reason == session.ReasonNone:
		return missingStarting
	}
	return string(c.Reason)
}
