package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"agentkeeper/daemon/view"
)

// endWord is what can be done to a quarantine.
const endWord = "end"

type quarantineCmd struct {
	controlFlag
	Word   string `arg:"" optional:"" name:"end" help:"end ends the quiet time: the next log-in is tried, and its success ends the quarantine."`
	Name   string `arg:"" optional:"" name:"platform" help:"The platform; others at the same host and port are included."`
	Reason string `placeholder:"TEXT" help:"The reason, for the audit log."`
	Output string `short:"o" enum:"table,json" default:"table" help:"table, or json in the form of the API (default: ${default})."`
}

// Help is shown by quarantine --help.
func (quarantineCmd) Help() string {
	return `Shows for each platform whether log-ins are sent to it: how many more may be
refused before a quarantine (LEFT), until when a quarantine lasts, and which
platforms share it because they have the same host and port.

In a quarantine no log-in is sent, not even to renew a token, until the quiet time
is over. Then one log-in is tried before the others. Before you end the quiet
time, correct the passwords of the refused agents, and if the platform has blocked
this host's address, have it unblocked. If the log-in that is tried is refused,
the quarantine begins anew.

    agentkeeper quarantine
    agentkeeper quarantine -o json | jq '.platforms[] | select(.quarantined)'
    agentkeeper quarantine end hq --reason "passwords corrected"

Exit codes: 0 good, 1 unknown platform or one that is not quarantined, 2 wrong
command line, 69 the service cannot be reached, 75 the store cannot be written
now, 77 not permitted.`
}

// Run shows the platforms, of which one's quarantine may be ended before.
func (c quarantineCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, cl := context.Background(), c.client()
	if c.Word == endWord {
		path := "/api/v1/platforms/" + url.PathEscape(c.Name) + "/quarantine/end"
		if _, err := cl.call(ctx, http.MethodPost, path, map[string]string{"reason": c.Reason}); err != nil {
			return err
		}
	}
	return c.show(ctx, cl)
}

func (c quarantineCmd) check() error {
	switch {
	case c.Word == "" && c.Reason != "":
		return usage("--reason is for: agentkeeper quarantine end PLATFORM --reason TEXT")
	case c.Word == "":
		return nil
	case c.Word != endWord:
		return usage("unknown word %q: use agentkeeper quarantine, or agentkeeper quarantine end PLATFORM --reason TEXT", c.Word)
	case c.Name == "":
		return usage("whose quarantine is to end? agentkeeper quarantine shows the platforms")
	}
	return checkReason(c.Reason)
}

func (c quarantineCmd) show(ctx context.Context, cl *client) error {
	list, err := cl.platforms(ctx)
	if err != nil {
		return err
	}
	return printList(c.Output, "platforms", list, quarantineColumns, "no platforms: the configuration names none")
}

var quarantineColumns = []column[view.Platform]{
	{"PLATFORM", func(p view.Platform, _ time.Time) string { return p.Name }, 9},
	{"LOG-INS", logInsOf, 8},
	{"LEFT", func(p view.Platform, _ time.Time) string { return strconv.Itoa(p.RefusalsLeft) }, 6},
	{"NEXT TRY", canaryOf, 7},
	{"ADDRESS", func(p view.Platform, _ time.Time) string { return dash(p.Address) }, 4},
	{"SHARED WITH", func(p view.Platform, _ time.Time) string { return dash(strings.Join(p.SharedWith, " ")) }, 5},
	{"REFUSED", func(p view.Platform, _ time.Time) string { return dash(some("", p.Refused)) }, 3},
	{"DETAIL", func(p view.Platform, _ time.Time) string { return dash(p.Why) }, 2},
}

// logInsOf says whether log-ins go: "quarantine" while none does, "one" while
// one tries first.
func logInsOf(p view.Platform, now time.Time) string {
	switch {
	case !p.Quarantined:
		return "go"
	case p.QuarantinedUntil != nil && p.QuarantinedUntil.Time().After(now):
		return "quarantine"
	}
	return "one tries"
}

func canaryOf(p view.Platform, now time.Time) string {
	switch {
	case !p.Quarantined || p.NextTry == nil:
		return "-"
	case p.NextTry.Time().After(now):
		return "in " + short(p.NextTry.Time().Sub(now))
	}
	return "when due"
}

// platforms returns the platforms, by name.
func (c *client) platforms(ctx context.Context) ([]view.Platform, error) {
	list, err := get[struct {
		Platforms []view.Platform `json:"platforms"`
	}](ctx, c, "/api/v1/platforms")
	return list.Platforms, err
}
