package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/shift"
	"agentkeeper/session"
)

type scheduleCmd struct {
	Config  string `short:"c" placeholder:"FILE" env:"AGENTKEEPER_CONFIG" help:"Configuration file (default: /etc/agentkeeper/agentkeeper.yaml)."`
	Agent   string `placeholder:"AGENT" xor:"whom" help:"Only this agent, for example hq/291."`
	Group   string `placeholder:"NAME" xor:"whom" help:"Only this group, and its agents that have a schedule of their own."`
	Days    int    `default:"7" help:"How far to look ahead, up to 366 (default: ${default})."`
	Output  string `short:"o" enum:"table,json" default:"table" help:"table or json (default: ${default})."`
	Control string `env:"AGENTKEEPER_CONTROL" placeholder:"PATH" help:"Control socket of the service (default: the key control of the configuration)."`
}

// Help is shown by schedule --help.
func (scheduleCmd) Help() string {
	return `Reads the configuration file, so you can see the effect of a change before a
reload. Times are in the schedule's time zone, with the local time of this
terminal beside them if that differs. The list includes holidays without a
sign-in, days that count as another weekday, and changes between winter and summer
time. If the service can be reached, people's overrides are shown as well.

    agentkeeper schedule --group bots --days 14
    agentkeeper schedule -c new.yaml --agent hq/291

Exit codes: 0 good, 1 no such agent or group, 2 wrong command line, 78 the
configuration has mistakes.`
}

// Run prints the plan.
func (c scheduleCmd) Run() error {
	if c.Days < 1 || c.Days > 366 {
		return &exit{exitUsage, fmt.Errorf("--days %d: use 1 to 366", c.Days)}
	}
	path := c.Config
	if path == "" {
		path = config.DefaultPath
	}
	cfg, _, err := config.Load(path, config.WithoutSecrets())
	if err != nil {
		return err
	}
	rows, err := c.rows(cfg)
	if err != nil {
		return err
	}
	out := newOutlook(rows, time.Now(), c.Days)
	socket := c.Control
	if socket == "" {
		socket = cfg.Control
	}
	out.askOverrides(socket, rows)
	if c.Output == "json" {
		return printIndented(out)
	}
	return out.table(os.Stdout)
}

// row is a schedule and whom it is for.
type row struct {
	group, agent string // agent: where it has a schedule of its own, or was asked for
	agents       []session.ID
	schedule     *config.Schedule
}

// rows lists each group, and behind it its agents that have a schedule of their
// own.
func (c scheduleCmd) rows(cfg *config.Config) (rows []row, err error) {
	if c.Agent != "" {
		return agentRow(cfg, c.Agent)
	}
	for _, g := range cfg.Groups {
		if c.Group != "" && c.Group != g.Name {
			continue
		}
		whole, own := row{group: g.Name, schedule: g.Schedule}, []row(nil)
		for _, a := range cfg.Agents {
			switch {
			case a.Group != g.Name:
			case a.Schedule == g.Schedule:
				whole.agents = append(whole.agents, a.ID)
			default:
				own = append(own, row{group: g.Name, agent: a.ID.String(), agents: []session.ID{a.ID}, schedule: a.Schedule})
			}
		}
		rows = append(append(rows, whole), own...)
	}
	if c.Group != "" && len(rows) == 0 {
		names := make([]string, 0, len(cfg.Groups))
		for _, g := range cfg.Groups {
			names = append(names, g.Name)
		}
		return nil, fmt.Errorf("no group is named %q; there are: %s", c.Group, strings.Join(names, ", "))
	}
	return rows, nil
}

func agentRow(cfg *config.Config, name string) ([]row, error) {
	names := make([]string, 0, len(cfg.Agents))
	for _, a := range cfg.Agents {
		if a.ID.String() == name {
			return []row{{group: a.Group, agent: name, agents: []session.ID{a.ID}, schedule: a.Schedule}}, nil
		}
		names = append(names, a.ID.String())
	}
	return nil, fmt.Errorf("no such agent: %s%s", name, api.DidYouMean(name, names))
}

// outlook is the answer in the form of its JSON.
type outlook struct {
	From      time.Time  `json:"from"`
	To        time.Time  `json:"to"`
	Schedules []forecast `json:"schedules"`
	// Overrides are what people wish beside the schedules; null where the
	// service could not be asked, and Service says why.
	Overrides []overruled `json:"overrides"`
	Service   string      `json:"service_error,omitempty"`
}

// forecast is one schedule's.
type forecast struct {
	Group    string   `json:"group"`
	Agent    string   `json:"agent,omitempty"`
	Agents   int      `json:"agents"`
	SignIn   []string `json:"sign_in,omitempty"` // none: always online
	SignOut  []string `json:"sign_out,omitempty"`
	TimeZone string   `json:"time_zone,omitempty"`
	Wish     string   `json:"wish"` // now
	Changes  []coming `json:"changes"`
	zone     *time.Location
}

// coming is one change, a holiday, a workday or a change of the clock.
type coming struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // one of the kinds below
	Name string    `json:"name,omitempty"`
	Note string    `json:"note,omitempty"`
}

// The kinds of what comes.
const (
	kindSignIn  = "sign_in"
	kindSignOut = "sign_out"
	kindHoliday = "holiday"
	kindWorkday = "workday"
	kindClock   = "clock"
)

// overruled is an agent that a person's word holds against its schedule.
type overruled struct {
	Agent  string     `json:"agent"`
	Verb   string     `json:"verb"`
	Until  *time.Time `json:"until"`
	By     string     `json:"by"`
	Reason string     `json:"reason"`
}

func newOutlook(rows []row, now time.Time, days int) outlook {
	now = now.Truncate(time.Second)
	out := outlook{From: now, To: now.AddDate(0, 0, days), Schedules: make([]forecast, 0, len(rows))}
	for _, r := range rows {
		out.Schedules = append(out.Schedules, r.forecast(out.From, out.To))
	}
	return out
}

func (r row) forecast(from, to time.Time) forecast {
	s := r.schedule
	f := forecast{Group: r.group, Agent: r.agent, Agents: len(r.agents), Wish: session.Stay.String(), Changes: []coming{}}
	if s == nil {
		return f
	}
	plan := s.Shift()
	wish, _ := plan.At(from)
	f.SignIn, f.SignOut = s.SignIn, s.SignOut
	f.TimeZone, f.zone = s.TimeZone.String(), s.TimeZone
	f.Wish = wish.String()
	for _, m := range plan.Preview(from, to) {
		c := coming{At: m.At, Note: m.Note}
		switch day := m.At.Format(time.DateOnly); {
		case m.Kind == shift.Holiday:
			c.Kind, c.Name = kindHoliday, s.DayNames[day]
		case m.Kind == shift.WorkingDay:
			c.Kind, c.Name = kindWorkday, s.DayNames[day]
		case m.Kind == shift.Clock:
			c.Kind = kindClock
		case m.Wish == session.Stay:
			c.Kind = kindSignIn
		default:
			c.Kind = kindSignOut
		}
		f.Changes = append(f.Changes, c)
	}
	return f
}

// askOverrides asks the service what people wish of the agents in the rows.
func (o *outlook) askOverrides(socket string, rows []row) {
	list, err := newClient(socket, longestWait).agents(context.Background())
	if err != nil {
		o.Service = err.Error()
		return
	}
	shown := map[string]bool{}
	for _, r := range rows {
		for _, id := range r.agents {
			shown[id.String()] = true
		}
	}
	o.Overrides = []overruled{}
	for _, a := range list {
		if a.Override == nil || !shown[a.ID] {
			continue
		}
		held := overruled{Agent: a.ID, Verb: a.Override.Verb, By: a.Override.By, Reason: a.Override.Reason}
		if a.Override.Until != nil {
			until := a.Override.Until.Time()
			held.Until = &until
		}
		o.Overrides = append(o.Overrides, held)
	}
	slices.SortFunc(o.Overrides, func(a, b overruled) int { return strings.Compare(a.Agent, b.Agent) })
}

func (o outlook) table(w io.Writer) error {
	for _, f := range o.Schedules {
		if err := f.table(w, o.From); err != nil {
			return fmt.Errorf("print the schedule: %w", err)
		}
	}
	switch {
	case o.Service != "":
		fmt.Fprintf(w, "Standing overrides are not shown: %s.\n", o.Service)
	case len(o.Overrides) == 0:
		fmt.Fprintln(w, "Nobody overrules a schedule.")
	default:
		fmt.Fprintln(w, "Overruled by people:")
		for _, held := range o.Overrides {
			fmt.Fprintf(w, "  %s\n", held)
		}
	}
	return nil
}

// String is one line: hq/291  pause until resume, by uid 1000: training.
func (h overruled) String() string {
	until := "until the next word"
	switch {
	case h.Until != nil:
		until = "until " + h.Until.Local().Format("Mon 2006-01-02 15:04 -07:00")
	case h.Verb == "pause":
		until = "until resume"
	}
	return fmt.Sprintf("%s  %s %s, by %s: %s", h.Agent, h.Verb, until, h.By, h.Reason)
}

func (f forecast) table(w io.Writer, now time.Time) error {
	fmt.Fprintln(w, f.title(now))
	apart := slices.ContainsFunc(f.Changes, func(c coming) bool { return c.here() != "" })
	rows := make([][]string, len(f.Changes))
	for i, c := range f.Changes {
		rows[i] = c.row(apart)
	}
	if err := writeColumns(w, rows); err != nil {
		return err
	}
	if f.zone != nil && len(f.Changes) == 0 {
		fmt.Fprintln(w, "  nothing changes in this time")
	}
	fmt.Fprintln(w)
	return nil
}

// title is whom the forecast is for, the rule, and what is wished now.
func (f forecast) title(now time.Time) string {
	name := f.Group
	switch {
	case f.Agent != "":
		name = f.Agent + " (of " + f.Group + ")"
	case f.Agents == 1:
		name += " (1 agent)"
	default:
		name += " (" + plural(f.Agents, "agent") + ")"
	}
	if f.zone == nil {
		return name + ": always online"
	}
	return fmt.Sprintf("%s: in %s, out %s, %s (%s), now %s", name, quoted(f.SignIn), quoted(f.SignOut), f.TimeZone, aside(now, f.zone), f.Wish)
}

// quoted lists cron schedules.
func quoted(specs []string) string {
	all := make([]string, len(specs))
	for i, spec := range specs {
		all[i] = strconv.Quote(spec)
	}
	return strings.Join(all, " and ")
}

// aside says how far a zone is from here.
func aside(now time.Time, zone *time.Location) string {
	_, there := now.In(zone).Zone()
	_, here := now.Local().Zone()
	utc := "UTC" + now.In(zone).Format("-07:00")
	switch d := time.Duration(there-here) * time.Second; {
	case d > 0:
		return utc + ", " + hours(d) + " ahead of here"
	case d < 0:
		return utc + ", " + hours(-d) + " behind here"
	}
	return utc + ", as here"
}

func hours(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
}

// row is a row of the table: when, what the clock shows here if that differs
// for any line, what and why.
func (c coming) row(apart bool) []string {
	when, what := c.At.Format("Mon 2006-01-02 15:04 -07:00"), c.Kind
	switch c.Kind {
	case kindSignIn:
		what = "sign in"
	case kindSignOut:
		what = "sign out"
	case kindHoliday, kindWorkday:
		when = c.At.Format("Mon 2006-01-02")
	}
	if c.Name != "" {
		what += " (" + c.Name + ")"
	}
	if c.Note != "" {
		what += ": " + c.Note
	}
	if apart {
		return []string{"  " + when, c.here(), what}
	}
	return []string{"  " + when, what}
}

// here is what this terminal's clock shows at a change, "" where it is the same
// or the whole day is meant.
func (c coming) here() string {
	local := c.At.Local()
	if c.Kind == kindHoliday || c.Kind == kindWorkday || local.Format("-07:00") == c.At.Format("-07:00") {
		return ""
	}
	return "here " + local.Format("Mon 15:04")
}
