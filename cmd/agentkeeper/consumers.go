package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"agentkeeper/daemon/api"
)

// removeWord is what can be done to a consumer.
const removeWord = "remove"

type consumersCmd struct {
	controlFlag
	Word   string `arg:"" optional:"" name:"remove" help:"Delete a consumer and its position; its program has to create it anew."`
	User   string `arg:"" optional:"" name:"user" help:"Whose consumer it is."`
	Name   string `arg:"" optional:"" name:"consumer" help:"Which consumer is to go."`
	Reason string `placeholder:"TEXT" help:"Why it is to go; it stands in the audit log."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json as the API has it (default: ${default})."`
}

// Help is shown by consumers --help.
func (consumersCmd) Help() string {
	return `Shows the consumers of the stream that programs have created with a NATS client:
how many events wait, how many are delivered and not acknowledged, when it was
last active, and after how long without a reader it is deleted (KEPT). The user -
stands for one that an earlier version made and nobody has used since.

A user may have max_consumers of them. To remove one is to lose its position: its
program is told that it is gone, and one that it creates anew begins where it
asks to.

    agentkeeper consumers
    agentkeeper consumers -o json | jq '.consumers[] | select(.pending > 10000)'
    agentkeeper consumers remove crm old-report --reason "switched off in May"

Exit codes: 0 good, 1 unknown consumer, 2 usage, 69 no service, 77 not permitted.`
}

// Run shows the consumers, of which one may be removed before.
func (c consumersCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, cl := context.Background(), c.client()
	if c.Word == removeWord {
		path := "/api/v1/consumers/" + url.PathEscape(c.User) + "/" + url.PathEscape(c.Name) + "/remove"
		if _, err := cl.call(ctx, http.MethodPost, path, map[string]string{"reason": c.Reason}); err != nil {
			return err
		}
	}
	return c.show(ctx, cl)
}

func (c consumersCmd) check() error {
	switch {
	case c.Word == "" && c.Reason != "":
		return usage("--reason is for: agentkeeper consumers remove USER NAME --reason TEXT")
	case c.Word == "":
		return nil
	case c.Word != removeWord:
		return usage("unknown word %q: use agentkeeper consumers, or agentkeeper consumers remove USER NAME --reason TEXT", c.Word)
	case c.User == "" || c.Name == "":
		return usage("which consumer is to go? write its user and its name, as agentkeeper consumers shows them")
	}
	return checkReason(c.Reason)
}

func (c consumersCmd) show(ctx context.Context, cl *client) error {
	list, err := cl.consumers(ctx)
	if err != nil {
		return err
	}
	return printList(c.Output, "consumers", list, consumerColumns, "no consumers: no program has created one with a NATS client")
}

var consumerColumns = []column[api.Consumer]{
	{"USER", func(c api.Consumer, _ time.Time) string { return c.User }, 9},
	{"CONSUMER", func(c api.Consumer, _ time.Time) string { return c.Name }, 8},
	{"DURABLE", durableOf, 2},
	{"WAITING", func(c api.Consumer, _ time.Time) string { return strconv.FormatUint(c.Pending, 10) }, 7},
	{"UNACKED", func(c api.Consumer, _ time.Time) string { return strconv.Itoa(c.AckPending) }, 6},
	{"ACTIVE", activeOf, 5},
	{"CREATED", func(c api.Consumer, now time.Time) string { return ago(now, c.Created.Time()) }, 3},
	{"KEPT", keptOf, 4},
}

func durableOf(c api.Consumer, _ time.Time) string {
	if c.Durable {
		return "yes"
	}
	return "no"
}

func activeOf(c api.Consumer, now time.Time) string {
	if c.LastActive == nil {
		return "-"
	}
	return ago(now, c.LastActive.Time())
}

func keptOf(c api.Consumer, _ time.Time) string {
	if c.Inactive <= 0 {
		return "for ever"
	}
	return short(time.Duration(c.Inactive * float64(time.Second)))
}

// consumers returns the consumers of all users, by user and name.
func (c *client) consumers(ctx context.Context) ([]api.Consumer, error) {
	list, err := get[struct {
		Consumers []api.Consumer `json:"consumers"`
	}](ctx, c, "/api/v1/consumers")
	return list.Consumers, err
}
