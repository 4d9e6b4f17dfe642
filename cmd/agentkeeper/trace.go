package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/sse"
	"agentkeeper/daemon/view"
	"agentkeeper/vendors/trace"
)

type traceCmd struct {
	controlFlag
	selection
	For     *time.Duration `placeholder:"DURATION" help:"How long to trace, up to 1h (default: 10m)."`
	LogOnly bool           `help:"Begin the trace and return. Its lines go to the service's log alone."`
	Off     bool           `help:"End the trace of these agents."`
	Reason  string         `placeholder:"TEXT" help:"The reason, for the audit log."`
	Output  string         `short:"o" enum:"text,json" default:"text" help:"text, or json with one line for each entry (default: ${default})."`
}

// Help is shown by trace --help.
func (traceCmd) Help() string {
	return `Writes the exchange between agents and their platform into the service's log and
prints it: every connection, request and answer; for ECSS every websocket frame;
for pushed events the platform's requests. It ends when the time is over, or with
Ctrl-C, which ends the trace as well. Without agents the command lists who is
traced.

Passwords, tokens, Guids, cookies and whatever looks like one are shown as ***.
Everything else is shown as it is, telephone numbers and what callers write
included. At most 50 agents are traced at once, and at most 8 KiB of a body are
shown.

    agentkeeper trace hq/2001
    agentkeeper trace hq/2001 --for 1m -o json > exchange.jsonl
    agentkeeper trace 'hq/20*' --for 1h --log-only --reason "case 4711"
    journalctl -u agentkeeper AGENTKEEPER_AGENT=hq/2001 -g '^trace'
    agentkeeper trace hq/2001 --off
    agentkeeper trace

In the text, > marks what was sent, < what was received, and * a note; a number
such as #7 joins a request and its answer.

Exit codes: 0 good (the time is over, Ctrl-C), 1 unknown agent or too many, 2
wrong command line, 69 the service cannot be reached, or it went away, 75 the
service is ending, 77 not permitted.`
}

// Run traces.
func (c traceCmd) Run() error {
	if err := c.check(); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	cl := newClient(c.Control, 0)
	if c.listing() {
		return c.list(ctx, cl)
	}
	all, err := cl.agents(ctx)
	if err != nil {
		return err
	}
	chosen, err := c.choose(all)
	if err != nil {
		return err
	}
	err = c.carry(ctx, cl, chosen)
	if ctx.Err() != nil { // whoever interrupts has seen enough
		return nil
	}
	return err
}

func (c traceCmd) listing() bool {
	return len(c.Agents) == 0 && !c.All && c.Group == "" && c.Platform == "" && !c.Off
}

func (c traceCmd) check() error {
	switch {
	case c.Off && (c.For != nil || c.LogOnly):
		return usage("--off ends a trace: leave --for and --log-only out")
	case c.For != nil && (*c.For <= 0 || *c.For > trace.Longest):
		return usage("--for %v: a trace lasts up to %v, write for example 10m", *c.For, trace.Longest)
	case c.listing() && (c.For != nil || c.LogOnly || c.Reason != ""):
		return usage("which agents? Name them, or use --group, --platform or --all")
	case c.listing():
		return nil
	}
	if c.Reason != "" {
		if err := checkReason(c.Reason); err != nil {
			return err
		}
	}
	return c.selection.check()
}

// list prints who is traced.
func (c traceCmd) list(ctx context.Context, cl *client) error {
	service, err := cl.service(ctx)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		return printJSON(map[string][]api.Traced{"traced": service.Traced})
	}
	for _, t := range service.Traced {
		fmt.Println(tracedText(t, time.Now()))
	}
	if len(service.Traced) == 0 {
		fmt.Println("nobody is traced")
	}
	return nil
}

// tracedText tells of one trace that runs.
func tracedText(t api.Traced, now time.Time) string {
	text := t.Agent + " is traced"
	if t.Until != nil {
		text += " for another " + short(t.Until.Time().Sub(now))
	}
	return text + ", by the word of " + t.By
}

func (c traceCmd) carry(ctx context.Context, cl *client, chosen []view.Agent) error {
	order := api.TraceOrder{Reason: c.Reason, Follow: !c.LogOnly && !c.Off}
	for _, a := range chosen {
		order.Agents = append(order.Agents, a.ID)
	}
	if c.For != nil {
		order.For = c.For.String()
	}
	path := "/api/v1/trace"
	if c.Off {
		path += "/end"
	}
	if order.Follow {
		return c.follow(ctx, cl, path, order)
	}
	body, err := cl.call(ctx, http.MethodPost, path, order)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		_, err := os.Stdout.Write(body)
		return err
	}
	return c.list(ctx, cl)
}

// follow prints the lines until the trace is over.
func (c traceCmd) follow(ctx context.Context, cl *client, path string, order api.TraceOrder) error {
	res, err := cl.open(ctx, http.MethodPost, path, order, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if terminalOf(os.Stderr).on {
		fmt.Fprintf(os.Stderr, "agentkeeper: tracing%s; Ctrl-C ends it\n", some(" ", order.Agents))
	}
	over := false
	err = sse.Read(res.Body, func(e sse.Event) error {
		if e.Name == "end" {
			over = true
			tellTraceEnd(e.Data)
			return nil
		}
		if c.Output == "json" {
			_, err := fmt.Println(string(e.Data))
			return err
		}
		var l trace.Line
		if err := decode(e.Data, &l); err != nil {
			return err
		}
		_, err := io.WriteString(os.Stdout, traceText(l, terminalOf(os.Stdout)))
		return err
	})
	var broken *sse.BrokenOff
	switch {
	case err == nil && !over, errors.As(err, &broken):
		return &exit{exitUnavailable, errors.New("the service went away, and the trace with it")}
	}
	return err
}

func tellTraceEnd(data []byte) {
	var end struct {
		Reason string `json:"reason"`
	}
	if json.Unmarshal(data, &end) == nil && end.Reason != "" {
		fmt.Fprintln(os.Stderr, "agentkeeper: the trace is over:", end.Reason)
	}
}

// traceText is a line as people read it: the step, then headers and body below.
func traceText(l trace.Line, t terminal) string {
	mark, colour := "*", faint
	switch l.Step {
	case trace.StepRequest, trace.StepSent:
		mark, colour = ">", ""
	case trace.StepAnswer, trace.StepReceived, trace.StepCallback:
		mark, colour = "<", good
	case trace.StepFailed, trace.StepClosed:
		colour = bad
	}
	var words []string
	for _, word := range []string{l.Step, l.Method, l.Path, l.Kind, number("", l.Status), number("#", int(l.Exchange)), after(l), size(l), l.Detail} {
		if word != "" {
			words = append(words, word)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\n", l.Time.Local().Format("15:04:05.000"), l.Agent, t.paint(colour, mark+" "+strings.Join(words, " ")))
	for _, h := range l.Header {
		fmt.Fprintf(&b, "    %s %s\n", mark, h)
	}
	if l.Body != "" {
		fmt.Fprintf(&b, "    %s %s\n", mark, l.Body)
	}
	return b.String()
}

func number(head string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(head, n)
}

func after(l trace.Line) string {
	if l.Took == "" {
		return ""
	}
	return "after " + l.Took
}

func size(l trace.Line) string {
	if l.Bytes == 0 {
		return ""
	}
	return fmt.Sprintf("(%d bytes)", l.Bytes)
}
