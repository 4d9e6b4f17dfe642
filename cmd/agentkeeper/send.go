package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
)

// methods are what --method completes.
var methods = []string{http.MethodDelete, http.MethodGet, http.MethodPost, http.MethodPut}

type commandCmd struct {
	controlFlag
	Agent   string         `arg:"" help:"Full name of the agent, for example hq/291."`
	Do      string         `placeholder:"VERB" help:"What the agent is to do, in words that are the same for every vendor: ready, busy, rest, wrap_up, answer, reject or release."`
	Code    string         `placeholder:"N" help:"The vendor's reason (of busy), cause (of rest) or mode (of reject), with --do."`
	For     *time.Duration `placeholder:"DURATION" help:"How long a rest is wished, with --do rest."`
	Action  string         `placeholder:"NAME" help:"An action of ECSS, for example call/accept."`
	Payload string         `placeholder:"JSON" help:"The action's object; @FILE reads it from a file, - from the standard input."`
	Method  string         `placeholder:"METHOD" help:"The method of a request of Huawei, Runtel or edna."`
	Path    string         `placeholder:"PATH" help:"Its path, relative to the platform's base, for example onlineagent/291/saybusy?reason=200."`
	Body    string         `placeholder:"JSON" help:"Its body; @FILE reads it from a file, - from the standard input."`
	Reason  string         `required:"true" placeholder:"TEXT" help:"The reason, for the audit log."`
	Timeout *time.Duration `placeholder:"DURATION" help:"How long it may take in all, up to 60s (default: what the configuration says)."`
	ID      string         `name:"id" placeholder:"KEY" help:"A key of your own: within 10 minutes the same command with the same key is not sent again, and its recorded outcome is printed."`
}

// Help is shown by command --help.
func (commandCmd) Help() string {
	return `Sends one command to the platform on the agent's session, and prints the answer as
JSON: the outcome, the platform's status and code, and what it answered. Which
commands are sent is configured: commands.enabled and commands.allow of the
platform, the group or the agent.

    agentkeeper command hq/291 --do busy --code 200 --reason "model reload"
    agentkeeper command hq/291 --do rest --for 15m --reason "nightly update"
    agentkeeper command hq/291 --method POST --path 'onlineagent/291/saybusy?reason=200' --reason "model reload"
    agentkeeper command cc/op1 --action call/accept --payload '{"callId":"77"}' --reason "bot 7 takes the call" --id b7-000123

A command is sent at most once. If its outcome is doubt, it was sent and no answer
came: it may have been carried out. Look at the platform before you send it again.
A command with the outcome not_sent may be repeated.

Exit codes: 0 done, 1 the platform rejected it, unknown agent, the vendor has no
such command, or the key was used for another one, 2 wrong command line, 69 the
service cannot be reached, 75 not sent, try again later, 76 in doubt, 77 not
allowed.`
}

// Run sends the command.
func (c commandCmd) Run() error {
	id, err := session.ParseID(c.Agent)
	if err != nil {
		return &exit{exitUsage, err}
	}
	body, err := c.form(os.Stdin)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	return c.client().command(ctx, os.Stdout, id, body)
}

// commandForm is a command as the service reads it.
type commandForm struct {
	Action  string          `json:"action,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	Method  string          `json:"method,omitempty"`
	Path    string          `json:"path,omitempty"`
	Body    json.RawMessage `json:"body,omitempty"`
	Do      string          `json:"do,omitempty"`
	Code    string          `json:"code,omitempty"`
	For     string          `json:"for,omitempty"`
	Reason  string          `json:"reason"`
	ID      string          `json:"id,omitempty"`
	Timeout string          `json:"timeout,omitempty"`
}

// form writes the command, once it is one.
func (c commandCmd) form(in io.Reader) ([]byte, error) {
	if err := c.checkForm(); err != nil {
		return nil, err
	}
	form := commandForm{
		Action: c.Action, Method: c.Method, Path: c.Path, Do: c.Do, Code: c.Code, For: duration(c.For),
		Reason: c.Reason, ID: c.ID, Timeout: duration(c.Timeout),
	}
	var err error
	if form.Payload, err = given("--payload", c.Payload, in); err != nil {
		return nil, err
	}
	if form.Body, err = given("--body", c.Body, in); err != nil {
		return nil, err
	}
	body, err := json.Marshal(form)
	if err != nil {
		return nil, fmt.Errorf("write the command: %w", err)
	}
	if len(body) > command.BodyLimit {
		return nil, usage("the command has %d bytes, and %d at most are sent", len(body), command.BodyLimit)
	}
	if _, err := command.Decode(body); err != nil {
		return nil, usage("--%v", err)
	}
	return body, nil
}

// checkForm finds the mistakes that only the command line can have.
func (c commandCmd) checkForm() error {
	kinds := 0
	for _, given := range []bool{c.Action != "", c.Method != "" || c.Path != "", c.Do != ""} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds == 0:
		return usage("which command? Give --do, or --action, or --method and --path")
	case kinds > 1:
		return usage("--do, --action, and --method with --path are three ways to give one command: use one of them")
	case c.Payload == "-" && c.Body == "-":
		return usage("--payload goes with --action, and --body with --method")
	}
	return checkReason(c.Reason)
}

// given returns the JSON of a flag: the text itself, a file's, or what in holds.
func given(flag, text string, in io.Reader) (json.RawMessage, error) {
	value := []byte(text)
	var err error
	path, isFile := strings.CutPrefix(text, "@")
	switch {
	case text == "":
		return nil, nil
	case text == "-":
		value, err = io.ReadAll(io.LimitReader(in, command.BodyLimit+1))
	case isFile:
		value, err = readStart(path)
	}
	switch {
	case err != nil:
		return nil, usage("%s: %v", flag, err)
	case len(value) > command.BodyLimit:
		return nil, usage("%s has more than %d bytes, which is all that is sent", flag, command.BodyLimit)
	case !json.Valid(value):
		return nil, usage("%s is no JSON", flag)
	}
	return value, nil
}

// readStart reads a file as far as it can be sent, and a byte more.
func readStart(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, command.BodyLimit+1))
}

// command sends a command and prints what became of it.
func (c *client) command(ctx context.Context, out io.Writer, id session.ID, body []byte) error {
	req, err := request(ctx, http.MethodPost, agentPath(id.Platform, id.Login)+"/command", json.RawMessage(body), nil)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unanswered(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err != nil {
		return c.unanswered(err)
	}
	var result command.Result
	if json.Unmarshal(answer, &result) != nil || result.Outcome == "" {
		res.Body = io.NopCloser(bytes.NewReader(answer))
		return c.refused(res)
	}
	if _, err := out.Write(answer); err != nil {
		return err
	}
	return outcomeOf(res.StatusCode, result)
}

// unanswered says what is known of a command to which the service gave no answer:
// nothing, unless it never got the command.
func (c *client) unanswered(err error) error {
	var network *net.OpError
	if errors.As(err, &network) && network.Op == "dial" {
		return unreachable(c.socket, err)
	}
	if errors.Is(err, context.Canceled) {
		return &exit{exitDoubt, errors.New("you did not wait for the outcome: the command may have been carried out")}
	}
	return &exit{exitDoubt, errors.New("the service ended before it answered: the command may have been carried out; with --id the same command tells the outcome once the service is back")}
}

// outcomeOf is nil for a command that is done, and otherwise has its exit code.
func outcomeOf(status int, r command.Result) error {
	code := exitFailed
	switch status {
	case http.StatusOK:
		if r.Outcome == command.Done {
			return nil
		}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		code = exitUsage
	case http.StatusForbidden:
		code = exitNotAllowed
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		code = exitTryLater
	case http.StatusGatewayTimeout:
		code = exitDoubt
	}
	text := r.Error
	if text == "" && r.Outcome == command.Rejected {
		text = "the platform rejected the command"
		if r.Code != "" {
			text += ": code " + r.Code
		}
	}
	if text == "" {
		return &exit{code: code}
	}
	return &exit{code, errors.New(text)}
}
