package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"agentkeeper/daemon/events"
	"agentkeeper/daemon/sse"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
)

type eventsCmd struct {
	controlFlag
	Follow bool           `short:"f" help:"Go on and print new events as they come, over restarts of the service, too."`
	Agent  []string       `placeholder:"AGENT" sep:"none" help:"Only this agent's events; a full name, or a pattern in quotes, for example 'hq/29*'. May be repeated."`
	Type   []string       `placeholder:"TYPE" help:"Only events of these types, for example session.lost or 'huawei.*'."`
	After  *uint64        `placeholder:"POSITION" help:"Only events after this position; 0 is before the oldest event that is kept."`
	Since  *time.Duration `placeholder:"DURATION" help:"Only events of the last DURATION, for example 10m."`
	Output string         `short:"o" enum:"table,json" default:"table" help:"table, or json for one CloudEvent with its position in each line (default: ${default})."`
}

// Help is shown by events --help.
func (eventsCmd) Help() string {
	return `Prints the events that are kept, and ends. With --follow it prints new events as
they come, beginning now, or where --after or --since says. Every event has a
position, and --after POSITION begins with the one after it. An event may come
twice, with the same id. If events were dropped before they could be printed, a
line on standard error says so.

    agentkeeper events --agent hq/291 --since 1h
    agentkeeper events --agent 'hq/29*' --agent pbx/101 --follow
    agentkeeper events --follow --type 'session.*'
    agentkeeper events --follow --after 0 -o json >> events.jsonl

Events of an agent that is no longer configured are printed as long as they are
kept. With --follow such an agent is unknown.

Exit codes: 0 good, 1 failed, or an --agent of which there is neither an agent nor
an event, 2 wrong command line, 69 the service cannot be reached, 75 the store is
not available, 77 not permitted.`
}

// Run prints events until their end, or until it is interrupted.
func (c eventsCmd) Run() error {
	switch {
	case c.After != nil && c.Since != nil:
		return usage("--after and --since together: leave one of them out")
	case c.Since != nil && *c.Since <= 0:
		return usage("--since %v has nothing in it: write for example 10m", *c.Since)
	}
	ctx, stop := interruptible()
	defer stop()
	cl := newClient(c.Control, 0)
	who, err := c.known(ctx, cl)
	if err != nil {
		return err
	}
	f := &follower{cmd: c, client: cl, who: who, out: bufio.NewWriter(os.Stdout), screen: terminalOf(os.Stdout), now: time.Now()}
	f.begin()
	err = f.run(ctx)
	switch {
	case ctx.Err() != nil: // whoever interrupts has seen enough
		err = nil
	case err == nil:
		err = who.unmatched()
	}
	return together(f.out.Flush(), err)
}

// chosen is whose events are wanted.
type chosen struct {
	names []string // and patterns; none: everybody's
	found []bool   // that somebody has the name, by index
	all   []view.Agent
}

// takes reports whether an agent is wanted, and remembers who was found.
func (c *chosen) takes(agent string) bool {
	wanted := len(c.names) == 0
	for i, pattern := range c.names {
		if session.Like(pattern, agent) {
			wanted, c.found[i] = true, true
		}
	}
	return wanted
}

// unmatched tells of every name that is nobody's.
func (c *chosen) unmatched() error { return selection{Agents: c.names}.unmatched(c.found, c.all) }

// alone returns the one agent that is wanted, for the service to choose its
// events; "" where several may be.
func (c *chosen) alone() string {
	if len(c.names) != 1 || strings.ContainsAny(c.names[0], "*?") {
		return ""
	}
	if _, err := session.ParseID(c.names[0]); err != nil {
		return ""
	}
	return c.names[0]
}

// known asks who there is. With --follow a mistyped name is an error at once: its
// events would never come. Kept events of an agent that is gone can still be printed.
func (c eventsCmd) known(ctx context.Context, cl *client) (*chosen, error) {
	who := &chosen{names: c.Agent, found: make([]bool, len(c.Agent))}
	if len(c.Agent) == 0 {
		return who, nil
	}
	var err error
	if who.all, err = cl.agents(ctx); err != nil {
		return nil, err
	}
	for _, a := range who.all {
		who.takes(a.ID)
	}
	if c.Follow {
		return who, who.unmatched()
	}
	return who, nil
}

// follower prints the stream, over reconnections.
type follower struct {
	cmd    eventsCmd
	client *client
	who    *chosen
	out    *bufio.Writer
	screen terminal
	now    time.Time
	last   string // Last-Event-ID; "": new events only
	lost   bool   // the service was lost, which was told
}

// begin finds the first position.
func (f *follower) begin() {
	switch {
	case f.cmd.After != nil:
		f.last = strconv.FormatUint(*f.cmd.After, 10)
	case f.cmd.Since != nil || !f.cmd.Follow:
		f.last = "0"
	}
}

// The pauses between two tries to reach a service that went away.
const (
	firstRetry = 200 * time.Millisecond
	laterRetry = 5 * time.Second
)

func (f *follower) run(ctx context.Context) error {
	for pause := firstRetry; ; pause = min(2*pause, laterRetry) {
		began := time.Now()
		err := f.once(ctx)
		if ctx.Err() != nil || !f.cmd.Follow || !f.worthRetry(err) {
			return err
		}
		if time.Since(began) > laterRetry {
			pause = firstRetry
		}
		f.tellLost(err)
		_ = session.Sleep(ctx, pause) // its end is seen above
	}
}

// worthRetry: the service was there once, and is not now.
func (f *follower) worthRetry(err error) bool {
	var own *exit
	var broken *sse.BrokenOff
	if err == nil || errors.As(err, &broken) {
		return true
	}
	return f.lost && errors.As(err, &own) && (own.code == exitUnavailable || own.code == exitTryLater)
}

func (f *follower) tellLost(err error) {
	if f.lost {
		return
	}
	f.lost = true
	if err == nil {
		err = errors.New("the stream ended")
	}
	fmt.Fprintf(os.Stderr, "agentkeeper: %v; waiting for the service to come back\n", err)
}

// once prints one connection's events.
func (f *follower) once(ctx context.Context) error {
	q := url.Values{"follow": {strconv.FormatBool(f.cmd.Follow)}}
	if agent := f.who.alone(); agent != "" {
		q.Set("agent", agent)
	}
	if len(f.cmd.Type) > 0 {
		q.Set("type", strings.Join(f.cmd.Type, ","))
	}
	header := http.Header{}
	if f.last != "" {
		header.Set("Last-Event-ID", f.last)
	}
	res, err := f.client.open(ctx, http.MethodGet, "/api/v1/events?"+q.Encode(), nil, header)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if f.lost {
		fmt.Fprintln(os.Stderr, "agentkeeper: the service is back")
		f.lost = false
	}
	err = sse.Read(res.Body, f.take)
	var broken *sse.BrokenOff
	if errors.As(err, &broken) && !f.cmd.Follow {
		return &exit{exitUnavailable, err}
	}
	return err
}

func (f *follower) take(e sse.Event) error {
	if e.ID != "" {
		f.last = e.ID
	}
	switch e.Name {
	case "", "message":
		return f.print(e)
	case "gap":
		f.gap(e)
	default: // of a later version
	}
	return nil
}

// gap tells that events are missing here.
func (f *follower) gap(e sse.Event) {
	var g struct {
		StoreLost bool `json:"store_lost"`
		From, To  uint64
	}
	_ = f.out.Flush() // in the order of the stream
	switch err := json.Unmarshal(e.Data, &g); {
	case err == nil && g.StoreLost:
		fmt.Fprintln(os.Stderr, "gap: the service's store was lost, and events with it; positions begin anew")
	case err == nil && g.To > 0:
		fmt.Fprintf(os.Stderr, "gap: the events of positions %d to %d are kept no longer\n", g.From, g.To)
	default:
		fmt.Fprintln(os.Stderr, "gap: events are missing here:", string(e.Data))
	}
}

func (f *follower) print(e sse.Event) error {
	var c events.CloudEvent
	if err := json.Unmarshal(e.Data, &c); err != nil {
		return fmt.Errorf("the event at %s: %w", e.ID, err)
	}
	if !f.who.takes(agentOfSource(c.Source)) {
		return nil
	}
	if f.cmd.Since != nil && c.Time.Before(f.now.Add(-*f.cmd.Since)) {
		return nil
	}
	if f.cmd.Output == "json" {
		fmt.Fprintln(f.out, withPosition(string(e.Data), e.ID))
	} else {
		fmt.Fprintln(f.out, f.row(e.ID, c))
	}
	if f.cmd.Follow {
		return f.out.Flush()
	}
	return nil
}

// withPosition adds the position to a CloudEvent as an extension.
func withPosition(data, id string) string {
	body, ok := strings.CutSuffix(strings.TrimSpace(data), "}")
	if _, err := strconv.ParseUint(id, 10, 64); err != nil || !ok {
		return data
	}
	return body + `,"position":` + id + "}"
}

// row is one event as a line that fits the terminal.
func (f *follower) row(id string, c events.CloudEvent) string {
	agent := agentOfSource(c.Source)
	head := fmt.Sprintf("%7s  %s  %-16s  ", id, c.Time.Local().Format("2006-01-02 15:04:05.000"), agent)
	typ, data := fmt.Sprintf("%-24s", c.Type), string(c.Data)
	if data == "{}" {
		typ, data = c.Type, ""
	}
	if f.screen.width > 0 {
		typ = cut(typ, f.screen.width-len([]rune(head)))
		data = cut(data, f.screen.width-len([]rune(head+typ))-2)
	}
	line := head + f.screen.paint(eventColour(c.Type), typ)
	if data != "" {
		line += "  " + f.screen.paint(faint, data)
	}
	return line
}

// agentOfSource returns the agent that an event's source names.
func agentOfSource(source string) string {
	return strings.Replace(strings.TrimPrefix(source, "/platforms/"), "/agents/", "/", 1)
}

func eventColour(typ string) string {
	switch typ {
	case events.OwnType(events.SignedIn), events.OwnType(events.Adopted):
		return good
	case events.OwnType(events.Lost):
		return warning
	case events.OwnType(events.Parked), events.GapType:
		return bad
	}
	return ""
}
