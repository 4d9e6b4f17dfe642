package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/daemon/view"
	"agentkeeper/daemon/webhook"
)

// Service is the process as a whole in JSON: what the status page, `status` and
// `status --check` tell about it; its agents are shown elsewhere.
type Service struct {
	Version  string        `json:"version"`
	Phase    string        `json:"phase"` // one of the Phase constants
	Started  *view.Instant `json:"started"`
	Problems []Problem     `json:"problems"` // the critical ones first; none: []
	Traced   []Traced      `json:"traced"`   // agents whose exchange is written down, by name; none: []
}

// Phases of a process.
const (
	PhaseStarting    = "starting"
	PhaseRunning     = "running"
	PhaseHandingOver = "handing_over" // it ends and leaves the agents signed in
	PhaseStopping    = "stopping"     // it signs every agent out and ends
)

// Problem is something that is wrong with the service itself, not with one
// agent or platform.
type Problem struct {
	Code     string        `json:"code"`     // one of the Problem constants; for a webhook followed by ":" and its name
	Severity string        `json:"severity"` // critical, warning or notice
	Text     string        `json:"text"`     // what is wrong
	Action   string        `json:"action"`   // what a person can do
	Since    *view.Instant `json:"since"`    // null: unknown
}

// Codes of problems.
const (
	ProblemStore   = "store"   // it cannot be written
	ProblemDamage  = "damage"  // what was stored is lost in part
	ProblemMended  = "mended"  // damage was found, and nothing is lost
	ProblemReload  = "reload"  // the last one failed
	ProblemWebhook = "webhook" // events wait for it and are not taken
	// ProblemConsumer is a consumer of the stream that nobody reads though events
	// wait for it; followed by ":", its user, "/" and its name.
	ProblemConsumer = "consumer"
)

// Severities of problems.
const (
	Critical = "critical"
	Warned   = "warning"
	Noticed  = "notice" // what may be meant so: monitoring is not told
)

// ServiceOf makes a Service of what the process knows about itself.
func ServiceOf(version, phase string, started time.Time, problems []Problem) Service {
	return Service{Version: version, Phase: phase, Started: view.InstantOf(started), Problems: problems, Traced: []Traced{}}
}

// ProblemSince returns p with the instant at which it began; zero: unknown.
func ProblemSince(p Problem, since time.Time) Problem {
	p.Since = view.InstantOf(since)
	return p
}

// stuckAfter is how long an event may wait for a webhook whose requests fail.
const stuckAfter = 10 * time.Minute

// service answers with a Service.
func (r *Reader) service(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), statusTimeout)
	defer cancel()
	s, now := r.Health.Service(), time.Now()
	all := append([]Problem{}, s.Problems...)
	for _, h := range r.Webhooks.Status(ctx) {
		if p, stuck := stuckHook(h, now); stuck {
			all = append(all, p)
		}
	}
	s.Problems = []Problem{}
	for _, severity := range []string{Critical, Warned, Noticed} {
		for _, p := range all {
			if p.Severity == severity {
				s.Problems = append(s.Problems, p)
			}
		}
	}
	reply(w, http.StatusOK, s)
}

// UnreadConsumers tells of durable consumers of the stream that events wait for and
// nobody has read from for so long as a webhook is stuck after. started is when the
// service did: nothing is known of the time before.
func UnreadConsumers(list []store.ConsumerStatus, started, now time.Time) (problems []Problem) {
	for _, c := range list {
		last := c.LastActive
		if last.IsZero() {
			last = started
		}
		if !c.Durable || c.Pending == 0 || now.Sub(last) <= stuckAfter {
			continue
		}
		name := consumerOf(c).User + "/" + c.Name
		problems = append(problems, ProblemSince(Problem{Code: ProblemConsumer + ":" + name, Severity: Noticed,
			Text:   fmt.Sprintf("nobody reads consumer %s of the stream: %d events wait for it", name, c.Pending),
			Action: "look at its program: events that wait longer than events.max_age are gone; `agentkeeper consumers` lists, and removes one that is not needed"}, last))
	}
	return problems
}

// stuckHook tells a webhook that gets its events no more.
func stuckHook(h webhook.Status, now time.Time) (p Problem, stuck bool) {
	p = Problem{Code: ProblemWebhook + ":" + h.Name, Severity: Warned}
	switch age := h.Age(now); {
	case h.State == webhook.Stopped:
		p.Text = "webhook " + h.Name + " is stopped"
		p.Action = "make its receiver take events again, then `agentkeeper webhooks resume " + h.Name + " --reason TEXT`"
		p.Since = view.InstantOf(h.Since)
	case (h.State == webhook.Retrying || h.State == webhook.Paused) && age > stuckAfter:
		p.Text = fmt.Sprintf("webhook %s takes no events: %d wait, the oldest for %v", h.Name, h.Lag, age.Round(time.Second))
		p.Action = "look at its receiver; `agentkeeper webhooks` tells the last error"
		p.Since = view.InstantOf(h.Oldest)
	default:
		return Problem{}, false
	}
	if h.LastError != "" {
		p.Text += " (" + h.LastError + ")"
	}
	return p, true
}
