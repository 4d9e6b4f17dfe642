package rig

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// Platform is a vendorsim that runs.
type Platform struct {
	*Process
	Vendor string
	URL    string // as the simulator prints it: http or https
	client *http.Client
}

// State is what a simulator tells of itself, with its vendor's state of an
// agent.
type State[A any] struct {
	Total      sim.Count            `json:"total"`
	Counts     map[string]sim.Count `json:"counts"`
	Violations []string             `json:"violations"`
	Agents     map[string]A         `json:"agents"`
}

// Insecure is a transport that takes any certificate: what the simulators show
// is the service's to check.
func Insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
}

var announced = regexp.MustCompile(`simulator on (https?)://(\S+) with`)

// Simulate starts cmd, which is vendorsim with its arguments, and waits until it
// serves. The platform is asked and ordered over a transport. The process runs
// also where Simulate fails: the caller ends it.
func Simulate(ctx context.Context, cmd *exec.Cmd, vendor string, over *http.Transport, d time.Duration) (*Platform, error) {
	p, err := Start(cmd)
	if err != nil {
		return nil, err
	}
	pl := &Platform{Process: p, Vendor: vendor, client: &http.Client{Timeout: time.Minute, Transport: over}}
	if err := Await(ctx, d, "the simulator's start", func() error { return p.Says("Interrupt for the counts.") }); err != nil {
		return pl, err
	}
	found := announced.FindStringSubmatch(p.Out.String())
	if found == nil {
		return pl, fmt.Errorf("no address in %q", p.Out.String())
	}
	pl.URL = found[1] + "://" + found[2]
	return pl, nil
}

// Says returns an error until the standard output contains text.
func (p *Process) Says(text string) error {
	switch out := p.Out.String(); {
	case strings.Contains(out, text):
		return nil
	case p.Ended():
		return fmt.Errorf("%s: %w with exit code %d without saying %q: %s%s", p.Name, ErrEnded, p.Cmd.ProcessState.ExitCode(), text, out, Tail(p.Err.String()))
	}
	return fmt.Errorf("%s has not said %q", p.Name, text)
}

// Address is the simulator's as the configuration names it.
func (pl *Platform) Address() string {
	if pl.Vendor == "ecss" {
		return "ws" + strings.TrimPrefix(pl.URL, "http")
	}
	return pl.URL
}

// Order tells the simulator to do something: POST /_sim/path.
func (pl *Platform) Order(path, body string) error { return pl.Send(http.MethodPost, path, body) }

// Send asks /_sim/path with any method. Another answer than 200 is an error.
func (pl *Platform) Send(method, path, body string) error {
	_, err := pl.ask(method, path, body)
	return err
}

// Look reads the simulator's whole state into a State.
func (pl *Platform) Look(into any) error { return pl.Read(http.MethodGet, "state", into) }

// Read decodes the answer of /_sim/path.
func (pl *Platform) Read(method, path string, into any) error {
	answer, err := pl.ask(method, path, "")
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

func (pl *Platform) ask(method, path, body string) ([]byte, error) {
	req, err := http.NewRequest(method, pl.URL+"/_sim/"+path, strings.NewReader(body)) //nolint:noctx // the client has a time-out
	if err != nil {
		return nil, err
	}
	res, err := pl.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the simulator: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer)
	}
	if err != nil {
		return nil, fmt.Errorf("the simulator: %w", err)
	}
	return answer, nil
}
