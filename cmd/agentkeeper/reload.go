package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/view"
)

type reloadCmd struct {
	controlFlag
	Wait   time.Duration `default:"2m" placeholder:"DURATION" help:"How long to wait for the agents that change; 0 does not wait (default: ${default})."`
	NoWait bool          `help:"Do not wait for the agents: return when the configuration is in use."`
	Output string        `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
}

// Help is shown by reload --help.
func (reloadCmd) Help() string {
	return `Makes the service load its configuration file again. If the file has a mistake,
each is printed as FILE:LINE:COL: what is wrong, and the old configuration stays
in use. Agents that no change concerns are not touched. Then the command waits
until the others are started, stopped or changed, for at most two minutes. It
shows the progress as a bar, or as a line every 5 s if standard error is not a
terminal.

    agentkeeper reload --wait 10m
    agentkeeper reload --no-wait
    agentkeeper plan && agentkeeper reload

Exit codes: 0 good, 1 an agent failed (is parked), 69 the service cannot be
reached, 75 not carried out in time, 77 not permitted, 78 the configuration has
mistakes and the old one stays.`
}

// Run reloads and waits.
func (c reloadCmd) Run() error {
	ctx, stop := interruptible()
	defer stop()
	cl := c.client()
	before, err := cl.agents(ctx)
	if err != nil {
		return err
	}
	body, err := cl.call(ctx, http.MethodPost, "/api/v1/reload", nil)
	if err != nil {
		return err
	}
	var plan api.Plan
	if err := decode(body, &plan); err != nil {
		return err
	}
	tellWarnings(plan)
	if c.Output == "json" {
		_, _ = os.Stdout.Write(body)
	} else {
		tellNotes(plan)
		fmt.Println(sum(plan, "started", "stopped", "changed", "left as they were"))
	}
	if c.NoWait || c.Wait <= 0 {
		return nil
	}
	return c.await(ctx, cl, before, plan)
}

// await waits for the agents that the reload concerns: those that stop are done
// when they are gone.
func (c reloadCmd) await(ctx context.Context, cl *client, before []view.Agent, plan api.Plan) error {
	coming, going := named(append(plan.Start, plan.Change...)), named(plan.Stop)
	began := time.Now()
	w := newWatch(cl, "reloading", before, append(coming, going...))
	w.stopping = map[string]bool{}
	for _, a := range going {
		w.stopping[a.ID] = true
	}
	result, err := w.run(ctx, c.Wait)
	if err != nil {
		return err
	}
	if err := result.exitError(); err != nil {
		return err
	}
	if n := len(coming) + len(going); n > 0 && c.Output != "json" {
		fmt.Printf("carried out, after %s\n", short(time.Since(began)))
	}
	return nil
}

func named(ids []string) []view.Agent {
	agents := make([]view.Agent, len(ids))
	for i, id := range ids {
		agents[i].ID = id
	}
	return agents
}

func tellWarnings(p api.Plan) {
	for _, w := range p.Warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
}

// tellNotes prints which webhooks and users of the stream change.
func tellNotes(p api.Plan) {
	for _, n := range p.Notes {
		fmt.Println(n)
	}
}

// sum counts a plan.
func sum(p api.Plan, start, stop, change, leave string) string {
	return fmt.Sprintf("%d %s, %d %s, %d %s, %d %s", len(p.Start), start, len(p.Stop), stop, len(p.Change), change, len(p.Leave), leave)
}

type planCmd struct {
	controlFlag
	Config string `short:"c" placeholder:"FILE" help:"Configuration file. You must be able to read it and the files that it names (default: the service's own)."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
}

// Help is shown by plan --help.
func (planCmd) Help() string {
	return `Prints what a reload with FILE would do to the agents of the running service, and
changes nothing. A changed agent signs out and in, or goes on with its session if
the vendor allows that. Webhooks and users of the stream that are new, changed or
removed are listed, too.

FILE is read with your rights and sent to the service, together with the lists of
agents, the lists of days and the certificates that it names. Secrets and private
keys are not read; a changed password alone would change no session anyway.
Without -c the service reads its own file, secrets included, as a reload would.

    agentkeeper plan                       # the service's file as it is now
    agentkeeper plan -c new.yaml -o json

Exit codes: 0 good, 69 the service cannot be reached, 77 not permitted, 78 the
file has mistakes, which are printed as check prints them.`
}

// request reads the file and what it names, as the one who asks and not as the
// service.
func (c planCmd) request() (api.PlanRequest, error) {
	if c.Config == "" {
		return api.PlanRequest{}, nil
	}
	path, err := filepath.Abs(c.Config) // the service has another directory
	if err != nil {
		return api.PlanRequest{}, fmt.Errorf("find %s: %w", c.Config, err)
	}
	texts := map[string]string{}
	if _, _, err := config.Load(path, config.WithoutSecrets(), config.WithRecord(texts)); err != nil {
		return api.PlanRequest{}, err
	}
	return api.PlanRequest{File: path, Files: texts}, nil
}

// Run asks the service.
func (c planCmd) Run() error {
	ask, err := c.request()
	if err != nil {
		return err
	}
	body, err := c.client().call(context.Background(), http.MethodPost, "/api/v1/plan", ask)
	if err != nil {
		return err
	}
	var plan api.Plan
	if err := decode(body, &plan); err != nil {
		return err
	}
	tellWarnings(plan)
	if c.Output == "json" {
		_, err := os.Stdout.Write(body)
		return err
	}
	for _, part := range []struct {
		verb string
		ids  []string
	}{{"start", plan.Start}, {"stop", plan.Stop}, {"change", plan.Change}} {
		for _, id := range part.ids {
			fmt.Printf("%-6s  %s\n", part.verb, id)
		}
	}
	tellNotes(plan)
	fmt.Println(sum(plan, "to start", "to stop", "to change", "to be left as they are"))
	return nil
}
