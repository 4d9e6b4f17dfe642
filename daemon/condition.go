package daemon

import (
	"errors"
	"strings"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/store"
)

// reloadState is how the last reload went.
type reloadState struct {
	err error // nil: well
	at  time.Time
}

// Service implements api.Health.
func (d *Daemon) Service() api.Service {
	var problems []api.Problem
	if err := d.store.Err(); err != nil {
		problems = append(problems, api.ProblemSince(api.Problem{Code: api.ProblemStore, Severity: api.Critical,
			Text:   "the store cannot be written: " + strings.TrimPrefix(err.Error(), store.ErrUnavailable.Error()+": "),
			Action: "make room on the disk of store.dir, or mend it; the service goes on by itself then. Until then nobody is signed in, live sessions are polled on, and events are lost"}, d.store.Since()))
	}
	problems = append(problems, damageProblems(d.store.Damage())...)
	if r := d.reload.Load(); r != nil && r.err != nil {
		problems = append(problems, api.ProblemSince(api.Problem{Code: api.ProblemReload, Severity: api.Warned,
			Text:   "the last reload failed; the configuration before it is in use",
			Action: "`agentkeeper check -c FILE` tells the mistakes; correct them and reload"}, r.at))
	}
	if d.cfg.Load().Events.Listen != "" {
		problems = append(problems, api.UnreadConsumers(d.readers.recent(), d.began, time.Now())...)
	}
	s := api.ServiceOf(d.o.Version, d.phase(), d.began, problems)
	s.Traced = api.TracedOf(d.tracer.Running())
	return s
}

func (d *Daemon) phase() string {
	switch phase := d.ending.Load(); {
	case phase != nil:
		return *phase
	case !d.started.Load():
		return api.PhaseStarting
	}
	return api.PhaseRunning
}

// damageProblems tells what damage on disk took, and what it did not.
func damageProblems(d store.Damage) (list []api.Problem) {
	if text := d.String(); text != "" {
		list = append(list, api.Problem{Code: api.ProblemDamage, Severity: api.Critical, Text: "damage of the store: " + text,
			Action: "look at the disk. Look through the agents: one that a person had paused may be signed in, one whose password was refused may be tried once more. The next start ends this message"})
	}
	if d.Restored+d.Copies > 0 {
		list = append(list, api.Problem{Code: api.ProblemMended, Severity: api.Warned,
			Text:   "damage of the store was found at the start and mended from the second copy; nothing of that is lost",
			Action: "look at the disk (kernel log, SMART, file system check). The next start ends this message"})
	}
	return list
}

// Healthy implements api.Health.
func (d *Daemon) Healthy() error {
	if !d.fleet.Moving() {
		return errors.New("the scheduler does not move")
	}
	return nil
}

// Ready implements api.Health. It does not wait for agents to be online. A
// service that ends is not ready: balancers and monitoring turn to the next.
func (d *Daemon) Ready() error {
	switch d.phase() {
	case api.PhaseStarting:
		return errors.New("starting")
	case api.PhaseHandingOver:
		return errors.New("handing over: the next process goes on with the agents, which stay signed in")
	case api.PhaseStopping:
		return errors.New("stopping: every agent is signed out")
	}
	if err := d.store.Err(); err != nil {
		return err
	}
	return nil
}
