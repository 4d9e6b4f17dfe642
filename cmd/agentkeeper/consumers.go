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
	Word   string `arg:"" optional:"" name:"remove" help:"remove deletes a consumer and its position in the stream. Its program has to create it again."`
	User   string `arg:"" optional:"" name:"user" help:"The user that the consumer belongs to."`
	Name   string `arg:"" optional:"" name:"consumer" help:"The consumer to delete."`
	Reason string `placeholder:"TEXT" help:"The reason, for the audit log."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json in the form of the API (default: ${default})."`
}

// Help is shown by consumers --help.
func (consumersCmd) Help() string {
	return `Shows the consumers that programs have created on the stream with a NATS client:
how many events wait, how many are delivered but not acknowledged, when each was
last active, and after how long without a reader it is deleted (KEPT). The user -
marks a consumer that an earlier version created and that nobody has used since.

A user may have max_consumers of them. Removing one deletes its position: its
program gets an error, and a new consumer begins where the program asks to.

    agentkeeper consumers
    agentkeeper consumers -o json | jq '.consumers[] | select(.pending > 10000)'
    agentkeeper consumers remove crm old-report --reason "switched off in May"

Exit codes: 0 good, 1 unknown consumer, 2 wrong command line, 69 the service
cannot be reached, 77 not permitted.`
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
