package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/webhook"
)

// resumeWord is what a webhook can be told.
const resumeWord = "resume"

type webhooksCmd struct {
	controlFlag
	Word   string `arg:"" optional:"" name:"resume" help:"End what a webhook waits for: a stop after 410, a pause, a back-off. It tries at once."`
	Name   string `arg:"" optional:"" name:"webhook" help:"Which webhook is to resume."`
	Reason string `placeholder:"TEXT" help:"Why it is to resume; it stands in the audit log."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json as the API has it (default: ${default})."`
}

// Help is shown by webhooks --help.
func (webhooksCmd) Help() string {
	return `Shows what each webhook does, how many events wait and since when, how many were
dropped before it could deliver them (DEAD), and why the last request failed.

A webhook that was answered with 410 is stopped until its configuration changes
or it is resumed; it then gets what waited, as far as that is kept.

    agentkeeper webhooks
    agentkeeper webhooks -o json | jq '.webhooks[] | select(.state != "delivering")'
    agentkeeper webhooks resume crm --reason "receiver mended"

Exit codes: 0 good, 1 unknown webhook, 2 usage, 69 no service, 77 not permitted.`
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
	_, err := cl.call(ctx, http.MethodPost, "/api/v1/webhooks/"+url.PathEscape(c.Name)+"/resume", map[string]string{"reason": c.Reason})
	if err != nil {
		return err
	}
	return c.show(ctx, cl, c.Name)
}

func (c webhooksCmd) check() error {
	switch {
	case c.Word == "" && c.Reason != "":
		return usage("--reason is for: agentkeeper webhooks resume NAME --reason TEXT")
	case c.Word == "":
		return nil
	case c.Word != resumeWord:
		return usage("unknown word %q: use agentkeeper webhooks, or agentkeeper webhooks resume NAME --reason TEXT", c.Word)
	case c.Name == "":
		return usage("which webhook is to resume? agentkeeper webhooks shows their names")
	case strings.TrimSpace(c.Reason) == "":
		return usage("--reason is missing: say why, it stands in the audit log")
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
	if c.Output == "json" {
		return printJSON(map[string][]api.Webhook{"webhooks": list})
	}
	if len(list) == 0 {
		fmt.Println("no webhooks: the configuration's events.webhooks names none")
		return nil
	}
	var b strings.Builder
	writeGrid(&b, terminalOf(os.Stdout), hookColumns, list, time.Now())
	fmt.Print(b.String())
	return nil
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

// deadOf counts what the retention has dropped: what waits for a stopped webhook
// is not lost yet.
func deadOf(w api.Webhook, _ time.Time) string {
	return strconv.FormatUint(w.DeadLetters[webhook.DeadRetention], 10)
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
	body, err := c.call(ctx, http.MethodGet, "/api/v1/webhooks", nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Webhooks []api.Webhook `json:"webhooks"`
	}
	return list.Webhooks, decode(body, &list)
}
