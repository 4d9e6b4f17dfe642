package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/view"
)

type statusCmd struct {
	controlFlag
	Output   string        `short:"o" enum:"table,json" default:"table" help:"table or json (default: ${default})."`
	Check    bool          `help:"Print one line and exit as a monitoring plugin: 0 good, 1 warning, 2 critical, 3 unknown."`
	Watch    bool          `short:"w" help:"Repeat at every --interval, until interrupted."`
	Interval time.Duration `default:"2s" placeholder:"DURATION" help:"Pause between repeats with --watch (default: ${default})."`
	Platform string        `placeholder:"NAME" help:"Only this platform's agents."`
	Group    string        `placeholder:"NAME" help:"Only this group's agents."`
	Label    string        `placeholder:"TEXT" help:"Only agents whose label contains this text; upper and lower case are the same."`
	Work     string        `placeholder:"STATE" help:"Only agents that are online and in this working state: ready, offered, talking, wrap_up, busy, rest or unknown; or not_ready for those that get no calls."`
	Ready    bool          `help:"With --check: a warning, too, while agents that are wished ready get no calls, or their wish is held back."`
	State    string        `placeholder:"STATE" help:"Only agents in this state: offline, signing_in, online, signing_out, waiting or parked; or unmet for those that are not as wished."`
}

// Help is shown by status --help.
func (statusCmd) Help() string {
	return `Prints a line for each agent, and a summary. On a terminal the table fits the
width: columns that do not fit are left out, and if there is room the vendor's
code is explained in words.

    agentkeeper status --state parked
    agentkeeper status --state unmet        # those that are not as they are wished
    agentkeeper status --work not_ready     # online, and no calls come
    agentkeeper status --label ivanov       # shown where the configuration has labels
    agentkeeper status --watch --platform hq
    agentkeeper status -o json --state unmet | jq -r '.agents[].id'
    agentkeeper status --check              # for Icinga, Nagios, Zabbix
    agentkeeper status --check --ready      # and whether calls come

Exit codes: 0 good, 1 no such platform or group, 2 wrong command line, 69 the
service cannot be reached, 77 not permitted.

Exit codes of --check: 0 all agents are as wished; 1 some are not yet, or the last
reload failed, a webhook is stuck, or the store was repaired after damage, or (with
--ready) no calls come to some for a minute, though they are wished ready; 2 some
are stopped (parked or in quarantine), or the store cannot be written or has lost
something; 3 unknown (the service cannot be reached, hands over or stops; no such
platform or group).`
}

// Run asks the running service.
func (c statusCmd) Run() error {
	if err := c.mistake(); err != nil {
		return err
	}
	cl := c.client()
	if !c.Watch {
		return c.show(context.Background(), cl)
	}
	ctx, stop := interruptible()
	defer stop()
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for {
		if err := c.show(ctx, cl); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// mistake says which flags do not go together.
func (c statusCmd) mistake() error {
	switch {
	case c.Watch && (c.Check || c.Interval < 100*time.Millisecond):
		return usage("--watch goes without --check, and with an --interval of 100ms or more")
	case c.Check && (c.State != "" || c.Label != "" || c.Work != "" || c.Output == "json"):
		return usage("--check prints one line about all states: leave --state, --work, --label and -o json out")
	case c.Ready && !c.Check:
		return usage("--ready goes with --check; --work not_ready lists the agents that get no calls")
	}
	return nil
}

func (c statusCmd) list(cl *client) agentList {
	return agentList{cl, query(map[string]string{"platform": c.Platform, "group": c.Group, "state": c.State, "work": c.Work, "label": c.Label})}
}

// trouble tells what whole platforms suffer from: live sessions do not show it
// before their window is over.
func (c statusCmd) trouble(ctx context.Context, cl *client) (lines []string, err error) {
	list, err := cl.platforms(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		switch {
		case c.Platform != "" && c.Platform != p.Name:
		case p.Quarantined:
			lines = append(lines, fmt.Sprintf("platform %s takes no log-ins: %s. %s", p.Name, p.Held, p.Restart))
		case p.Out && p.OutSince != nil:
			lines = append(lines, fmt.Sprintf("platform %s %s since %s", p.Name, p.Trouble(), localTime(p.OutSince.Time())))
		case p.Held != "":
			lines = append(lines, fmt.Sprintf("platform %s holds sign-ins back: %s", p.Name, p.Held))
		}
	}
	return lines, nil
}

// known fails for a platform or group that nobody has: a monitoring with a mistyped
// or outdated name must not be told that all is well. It is asked when there is no agent.
func (c statusCmd) known(ctx context.Context, cl *client) error {
	if c.Platform == "" && c.Group == "" {
		return nil
	}
	all, err := cl.agents(ctx)
	if err != nil {
		return err
	}
	return knownNames(all, c.Group, c.Platform)
}

// show prints the agents once.
func (c statusCmd) show(ctx context.Context, cl *client) error {
	switch {
	case c.Check:
		return c.check(ctx, cl)
	case c.Output == "json":
		return c.list(cl).json(ctx, os.Stdout, func() error { return c.known(ctx, cl) })
	}
	t := terminalOf(os.Stdout)
	list, err := newTable(ctx, c.list(cl), t)
	if err == nil && list.totals.agents == 0 {
		err = c.known(ctx, cl)
	}
	if err != nil {
		return err
	}
	service, err := cl.service(ctx)
	if err != nil {
		return err
	}
	trouble, err := c.trouble(ctx, cl)
	if err != nil {
		return err
	}
	if c.Watch && t.on {
		fmt.Print("\x1b[H\x1b[2J")
	}
	if err := list.write(ctx, t, os.Stdout); err != nil {
		return err
	}
	var b strings.Builder
	for _, p := range service.Problems {
		colour := bad
		if p.Severity == api.Noticed {
			colour = warning
		}
		b.WriteString(t.paint(colour, p.Text+": "+p.Action) + "\n")
	}
	for _, one := range service.Traced {
		b.WriteString(t.paint(warning, tracedText(one, time.Now())) + "\n")
	}
	for _, line := range trouble {
		b.WriteString(t.paint(bad, line) + "\n")
	}
	_, err = io.WriteString(os.Stdout, b.String())
	return err
}

// check prints the one line for a monitoring.
func (c statusCmd) check(ctx context.Context, cl *client) error {
	found := tally{ready: c.Ready, now: time.Now()}
	err := c.list(cl).agents(ctx, func(page []view.Agent, last bool) error {
		found.add(page)
		if last && found.seen == 0 {
			return c.known(ctx, cl)
		}
		return nil
	})
	var service api.Service
	if err == nil {
		service, err = cl.service(ctx)
	}
	if err != nil {
		fmt.Println("UNKNOWN -", err)
		return &exit{3, nil}
	}
	return check(os.Stdout, service, found)
}

func some(head string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	tail := ""
	if len(names) > 5 {
		names, tail = names[:5], " …"
	}
	return head + strings.Join(names, " ") + tail
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func ago(now, then time.Time) string { return short(now.Sub(then)) + " ago" }

// short prints a duration with at most two units.
func short(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
}
