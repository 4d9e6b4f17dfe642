package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"agentkeeper/daemon/api"
)

type controlFlag struct {
	Control string `env:"AGENTKEEPER_CONTROL" default:"/run/agentkeeper/control.sock" placeholder:"PATH" help:"Control socket of the service (default: ${default})."`
}

type statusCmd struct {
	controlFlag
	Output   string `short:"o" enum:"table,json" default:"table" help:"table or json."`
	Check    bool   `help:"Print one line and exit like a monitoring plugin: 0 good, 1 warning, 2 critical, 3 unknown."`
	Platform string `placeholder:"NAME" help:"Only this platform's agents."`
	Group    string `placeholder:"NAME" help:"Only this group's agents."`
	State    string `placeholder:"STATE" help:"Only agents in this state."`
}

// Run asks the running service.
func (c statusCmd) Run() error {
	q := url.Values{}
	for name, value := range map[string]string{"platform": c.Platform, "group": c.Group, "state": c.State} {
		if value != "" {
			q.Set(name, value)
		}
	}
	body, err := ask(c.Control, "/api/v1/agents?"+q.Encode())
	if err != nil {
		if c.Check {
			fmt.Println("UNKNOWN -", err)
			return &exit{3, nil}
		}
		return err
	}
	if c.Output == "json" {
		_, err := os.Stdout.Write(body)
		return err
	}
	var list struct {
		Agents []api.Agent `json:"agents"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("the service's answer: %w", err)
	}
	if c.Check {
		return checkAgents(os.Stdout, list.Agents)
	}
	return table(os.Stdout, list.Agents, time.Now())
}

// ask gets a path of the service's API over its control socket.
func ask(socket, path string) ([]byte, error) {
	// Longer than anything waits.
	client := http.Client{Timeout: 11 * time.Minute, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://agentkeeper"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("ask the service: %w", err)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, unreachable(socket, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	switch {
	case err != nil:
		return nil, &exit{exitUnavailable, fmt.Errorf("the service's answer broke off: %w", err)}
	case res.StatusCode == http.StatusForbidden:
		return nil, &exit{exitNotAllowed, errors.New(errorText(body))}
	case res.StatusCode == http.StatusServiceUnavailable:
		return nil, &exit{exitTryLater, errors.New(errorText(body))}
	case res.StatusCode >= 400:
		return nil, errors.New(errorText(body))
	}
	return body, nil
}

func errorText(body []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error != "" {
		return e.Error
	}
	return strings.TrimSpace(string(body[:min(len(body), 200)]))
}

// unreachable says why the control socket does not answer and how to mend it.
func unreachable(socket string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &exit{exitUnavailable, fmt.Errorf("no service at %s: start it, or name its control socket with --control or AGENTKEEPER_CONTROL", socket)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &exit{exitUnavailable, fmt.Errorf("nothing answers on %s: the service that made this socket has ended", socket)}
	case errors.Is(err, fs.ErrPermission):
		return &exit{exitNotAllowed, fmt.Errorf("you may not open %s: ask as root, as the service's user or as a member of its group", socket)}
	}
	return &exit{exitUnavailable, fmt.Errorf("the service at %s does not answer: %w", socket, err)}
}

// checkAgents is a monitoring plugin: critical when an agent is parked or its
// platform is quarantined, warning when one is not as it is wished.
func checkAgents(w io.Writer, agents []api.Agent) error {
	wished, online, parked, waiting := 0, 0, []string{}, []string{}
	for _, a := range agents {
		if a.Wish != "online" {
			continue
		}
		wished++
		switch {
		case a.State == "online":
			online++
		case a.State == "parked" || a.Reason == "quarantine":
			parked = append(parked, a.ID)
		default:
			waiting = append(waiting, a.ID)
		}
	}
	word, code := "OK", 0
	switch {
	case len(parked) > 0:
		word, code = "CRITICAL", 2
	case len(waiting) > 0:
		word, code = "WARNING", 1
	}
	_, _ = fmt.Fprintf(w, "%s - %d of %d agents online%s%s | online=%d wished=%d parked=%d waiting=%d\n",
		word, online, wished, some(", stopped: ", parked), some(", not yet: ", waiting), online, wished, len(parked), len(waiting))
	if code == 0 {
		return nil
	}
	return &exit{code, nil}
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

func table(w io.Writer, agents []api.Agent, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "AGENT\tWISH\tSTATE\tREASON\tCODE\tSINCE\tCONTACT\tNEXT TRY")
	for _, a := range agents {
		contact, next := "-", "-"
		if a.LastContact != nil && a.Session != nil {
			contact = ago(now, a.LastContact.Time())
		}
		if a.NextAttempt != nil {
			next = "in " + short(a.NextAttempt.Time().Sub(now))
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.ID, a.Wish, a.State, dash(a.Reason), dash(a.Code),
			ago(now, a.Since.Time()), contact, next)
	}
	return t.Flush()
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
