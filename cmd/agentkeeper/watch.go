package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"agentkeeper/daemon/view"
	"agentkeeper/session"
)

// watch waits until agents are as they were told to be.
type watch struct {
	client *client
	label  string
	began  time.Time
	open   []string // names of those that are not done, in order
	before map[string]view.Agent
	now    map[string]view.Agent
	// stopping agents are done when they are configured no longer; for others
	// that is a failure.
	stopping map[string]bool
}

// result is what became of one agent.
type result uint8

const (
	pending result = iota
	done
	failed
)

// outcome is what became of all.
type outcome struct {
	agents                []view.Agent // as they are now, all of them
	done, failed, pending []view.Agent
	took                  time.Duration
}

// newWatch returns a watch on agents; before is how they were, so that an old
// parking is told from a new one.
func newWatch(c *client, label string, before, agents []view.Agent) *watch {
	w := &watch{client: c, label: label, began: time.Now(), before: map[string]view.Agent{}, now: map[string]view.Agent{}}
	for _, a := range before {
		w.before[a.ID] = a
	}
	for _, a := range agents {
		w.open = append(w.open, a.ID)
		w.now[a.ID] = a
	}
	return w
}

// The pauses between two looks: short at first, and never more than a part of
// what a look costs.
const (
	firstLook = 100 * time.Millisecond
	laterLook = 500 * time.Millisecond
)

// run returns when every agent is done or has failed, after limit (0: none),
// or when ctx ends, which is an error.
func (w *watch) run(ctx context.Context, limit time.Duration) (outcome, error) {
	all, results := w.open, map[string]result{}
	bar := newProgress(w.label, len(all))
	defer bar.clear()
	for pause := firstLook; ; {
		began := time.Now()
		if err := w.look(ctx); err != nil {
			return outcome{}, w.stopped(ctx, err)
		}
		w.settle(results)
		bar.show(count(results, done), count(results, failed))
		if len(w.open) == 0 || (limit > 0 && time.Since(w.began) >= limit) {
			return w.outcome(all, results), nil
		}
		pause = max(min(2*pause, laterLook), 4*time.Since(began))
		if limit > 0 {
			pause = min(pause, time.Until(w.began.Add(limit)))
		}
		if err := session.Sleep(ctx, pause); err != nil {
			return outcome{}, w.stopped(ctx, err)
		}
	}
}

// stopped says that only the waiting has ended.
func (*watch) stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted: the order stays in force, only the waiting has ended")
	}
	return err
}

// look asks how the agents are: for one alone, or for all.
func (w *watch) look(ctx context.Context) error {
	if len(w.now) == 1 && len(w.open) == 1 && w.now[w.open[0]].Platform != "" {
		return w.lookAtOne(ctx, w.now[w.open[0]])
	}
	list, err := w.client.agents(ctx)
	if err != nil {
		return err
	}
	found := make(map[string]view.Agent, len(list))
	for _, a := range list {
		found[a.ID] = a
	}
	for id := range w.now {
		if a, ok := found[id]; ok {
			w.now[id] = a
		} else {
			delete(w.now, id)
		}
	}
	return nil
}

func (w *watch) lookAtOne(ctx context.Context, a view.Agent) error {
	now, err := w.client.agent(ctx, session.ID{Platform: a.Platform, Login: a.Login})
	var own *exit
	switch {
	case err == nil:
		w.now[a.ID] = now
		return nil
	case errors.As(err, &own):
		return err
	}
	delete(w.now, a.ID) // 404
	return nil
}

// settle sorts out who is done.
func (w *watch) settle(results map[string]result) {
	var open []string
	for _, id := range w.open {
		if results[id] = w.judge(id); results[id] == pending {
			open = append(open, id)
		}
	}
	w.open = open
}

func (w *watch) judge(id string) result {
	a, ok := w.now[id]
	switch {
	case !ok && w.stopping[id]:
		return done
	case !ok:
		return failed
	case a.Pending != "":
		return pending
	case a.Wish == a.State:
		return done
	case a.State == "parked" && !a.Since.Time().Equal(w.before[id].Since.Time()):
		return failed
	}
	return pending
}

func count(results map[string]result, r result) (n int) {
	for _, got := range results {
		if got == r {
			n++
		}
	}
	return n
}

func (w *watch) outcome(all []string, results map[string]result) outcome {
	o := outcome{took: time.Since(w.began)}
	for _, id := range all {
		a, ok := w.now[id]
		if !ok {
			a = view.Agent{Identity: view.Identity{ID: id}, Condition: view.Condition{State: "no longer configured"}}
		} else {
			o.agents = append(o.agents, a)
		}
		switch results[id] {
		case done:
			o.done = append(o.done, a)
		case failed:
			o.failed = append(o.failed, a)
		case pending:
			o.pending = append(o.pending, a)
		}
	}
	return o
}

// fulfilled prints what became of an order; the error has its exit code.
func (c orderCmd) fulfilled(o outcome) error {
	if c.Output == "json" {
		if err := printAgents(o.agents); err != nil {
			return err
		}
		return o.exitError()
	}
	switch n := len(o.done); {
	case n == 1:
		fmt.Printf("%s is %s, after %s\n", o.done[0].ID, o.done[0].State, short(o.took))
	case n > 1:
		fmt.Printf("%d agents are %s, after %s\n", n, statesOf(o.done), short(o.took))
	}
	return o.exitError()
}

// statesOf names the states of agents.
func statesOf(agents []view.Agent) string {
	state := agents[0].State
	for _, a := range agents {
		if a.State != state {
			return "as they are wished"
		}
	}
	return state
}

// maxListed is how many agents are printed one by one.
const maxListed = 10

// exitError tells on the standard error who failed and who is not done, and
// returns what that means: 1 or 75.
func (o outcome) exitError() error {
	tellAgents(o.failed, "failed")
	tellAgents(o.pending, "not yet")
	switch {
	case len(o.failed) > 0:
		return &exit{exitFailed, fmt.Errorf("%d of %d agents failed", len(o.failed), len(o.done)+len(o.failed)+len(o.pending))}
	case len(o.pending) > 0:
		return &exit{exitTryLater, fmt.Errorf("%d of %d agents were not ready in time; the order stays in force",
			len(o.pending), len(o.done)+len(o.pending))}
	}
	return nil
}

func tellAgents(agents []view.Agent, what string) {
	for i, a := range agents {
		if i == maxListed && len(agents) > maxListed+1 {
			fmt.Fprintf(os.Stderr, "%s: and %d more\n", what, len(agents)-i)
			return
		}
		fmt.Fprintf(os.Stderr, "%s: %s is %s", what, a.ID, stateOf(a))
		for _, text := range []string{a.Code, a.Detail, a.Action} {
			if text != "" {
				fmt.Fprint(os.Stderr, ": "+text)
			}
		}
		fmt.Fprintln(os.Stderr)
	}
}
