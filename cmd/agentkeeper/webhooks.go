package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/webhook"
)

// What a webhook can be told.
const (
	resumeWord = "resume"
	skipWord   = "skip"
)

type webhooksCmd struct {
	controlFlag
	Word   string `arg:"" optional:"" name:"resume" help:"resume makes a webhook try at once, whatever it waits for: after a 410, in a pause or a back-off. skip gives up the oldest event that its receiver does not take."`
	Name   string `arg:"" optional:"" name:"webhook" help:"Name of the webhook."`
	Agent  string `placeholder:"AGENT" help:"With skip: the agent whose event is given up, for example hq/291 (default: the oldest event that fails)."`
	Reason string `placeholder:"TEXT" help:"The reason, for the audit log."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json in the form of the API (default: ${default})."`
}

// Help is shown by webhooks --help.
func (webhooksCmd) Help() string {
	return `Shows the state of each webhook, how many events wait and since when, how many
were dropped before delivery or given up (DEAD), and why the last request failed.

A webhook whose receiver answered 410 is stopped until its configuration changes
or somebody resumes it. It then gets the events that waited, as far as they are
still kept.

    agentkeeper webhooks
    agentkeeper webhooks -o json | jq '.webhooks[] | select(.state != "delivering")'
    agentkeeper webhooks resume crm --reason "receiver mended"
    agentkeeper webhooks skip crm --agent hq/291 --reason "receiver cannot read it"

While the receiver refuses an event, the later events of the same agent wait. skip
gives that event up and goes on with the next. Events that were given up are
counted (DEAD), listed by -o json under given_up, and stay in the stream as long
as it keeps them.

Exit codes: 0 good, 1 unknown webhook or nothing to skip, 2 wrong command line, 69
the service cannot be reached, 77 not permitted.`
}

// Run shows the webhooks, of which one may be resumed before.
func (c webhooksCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, cl := context.Background(), c.client()
	if c.Word == "" {
		return c.show(ctx, cl, "")
	}
	order := map[string]string{"reason": c.Reason}
	if c.Agent != "" {
		order["agent"] = c.Agent
	}
	body, err := cl.call(ctx, http.MethodPost, "/api/v1/webhooks/"+url.PathEscape(c.Name)+"/"+c.Word, order)
	if err != nil {
		return err
	}
	if c.Word == skipWord && c.Output != "json" {
		if err := printSkipped(body); err != nil {
			return err
		}
	}
	return c.show(ctx, cl, c.Name)
}

// printSkipped says which event was given up.
func printSkipped(body []byte) error {
	var answer struct {
		Skipped api.DeadLetter `json:"skipped"`
	}
	if err := decode(body, &answer); err != nil {
		return err
	}
	d := answer.Skipped
	fmt.Printf("skipped event %s (%s), position %d, tried %d times\n", d.ID, d.Type, d.Position, d.Attempts)
	return nil
}

func (c webhooksCmd) check() error {
	switch {
	case c.Word == "" && (c.Reason != "" || c.Agent != ""):
		return usage("--reason and --agent are for: agentkeeper webhooks resume|skip NAME --reason TEXT")
	case c.Word == "":
		return nil
	case c.Word != resumeWord && c.Word != skipWord:
		return usage("unknown word %q: use agentkeeper webhooks, or agentkeeper webhooks resume|skip NAME --reason TEXT", c.Word)
	case c.Agent != "" && c.Word != skipWord:
		return usage("--agent is for: agentkeeper webhooks skip NAME --agent AGENT --reason TEXT")
	case c.Name == "":
		return usage("which webhook is to %s? agentkeeper webhooks shows their names", c.Word)
	}
	return checkReason(c.Reason)
}

// show prints all webhooks, or the one of that name.
func (c webhooksCmd) show(ctx context.Context, cl *client, name string) error {
	list, err := cl.webhooks(ctx)
	if err != nil {
		return err
	}
	if name != "" {
		list = called(list, name)
	}
	return printList(c.Output, "webhooks", list, hookColumns, "no webhooks: the configuration's events.webhooks names none")
}

// called returns the webhook of that name, if it is still there.
func called(list []api.Webhook, name string) []api.Webhook {
	for _, w := range list {
		if w.Name == name {
			return []api.Webhook{w}
		}
	}
	return []api.Webhook{}
}

var hookColumns = []column[api.Webhook]{
	{"WEBHOOK", func(w api.Webhook, _ time.Time) string { return w.Name }, 9},
	{"STATE", func(w api.Webhook, _ time.Time) string { return w.State }, 8},
	{"WAITING", func(w api.Webhook, _ time.Time) string { return strconv.FormatUint(w.LagEvents, 10) }, 7},
	{"OLDEST", oldestOf, 6},
	{"DELIVERED", func(w api.Webhook, _ time.Time) string { return strconv.FormatUint(w.Delivered, 10) }, 3},
	{"DEAD", deadOf, 5},
	{"NEXT TRY", hookNextTry, 4},
	{"DETAIL", func(w api.Webhook, now time.Time) string { return dash(troubleOf(w, now)) }, 2},
}

func oldestOf(w api.Webhook, _ time.Time) string {
	if w.LagSeconds <= 0 {
		return "-"
	}
	return short(time.Duration(w.LagSeconds*float64(time.Second))) + " ago"
}

// deadOf counts what the retention has dropped and what was given up: what waits
// for a stopped webhook is not lost yet.
func deadOf(w api.Webhook, _ time.Time) string {
	return strconv.FormatUint(w.DeadLetters[webhook.DeadRetention]+w.DeadLetters[webhook.DeadRefused]+w.DeadLetters[webhook.DeadSkipped], 10)
}

func hookNextTry(w api.Webhook, now time.Time) string {
	if w.NextAttempt == nil {
		return "-"
	}
	return "in " + short(w.NextAttempt.Time().Sub(now))
}

// troubleOf is why a webhook does not deliver; the last error of one that does
// is history.
func troubleOf(w api.Webhook, now time.Time) string {
	switch {
	case w.StoppedSince != nil:
		return "answered 410 (gone) " + ago(now, w.StoppedSince.Time()) + "; mend it and resume it"
	case w.State == string(webhook.Stopped):
		return "another process has it"
	case w.Failing != nil:
		return w.Failing.Error
	case w.State != string(webhook.Delivering):
		return w.LastError
	}
	return ""
}

// webhooks returns all webhooks, in the order of the configuration.
func (c *client) webhooks(ctx context.Context) ([]api.Webhook, error) {
	list, err := get[struct {
		Webhooks []api.Webhook `json:"webhooks"`
	}](ctx, c, "/api/v1/webhooks")
	return list.Webhooks, err
}
