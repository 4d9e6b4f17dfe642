package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

type credentialCmd struct {
	controlFlag
	Agent  string        `arg:"" help:"Full name of the agent, for example cabinet/bot@example.ru."`
	Output string        `short:"o" enum:"json,token,header" default:"json" help:"json, token for the token alone, or header for header lines as curl -H @- takes them (default: ${default})."`
	After  uint64        `placeholder:"N" help:"Wait for a credential that is newer than this generation."`
	Wait   time.Duration `placeholder:"30s" help:"How long to wait with --after."`
}

// Help is shown by credential --help.
func (credentialCmd) Help() string {
	return `Prints the credential with which another program can send requests within the
agent's session. It is a secret.

    agentkeeper credential cabinet/bot@example.ru -o token
    agentkeeper credential chat/integrator -o header | curl -H @- https://name.edna.example/api/v1/threads/1
    agentkeeper credential chat/integrator --after 7 --wait 30s

Exit codes: 0 good, 1 unknown agent, 2 wrong command line, 69 the service cannot
be reached, 75 there is no session now, or none newer came in time, 77 not
permitted.`
}

// Run prints the credential.
func (c credentialCmd) Run() error {
	id, err := session.ParseID(c.Agent)
	if err != nil {
		return &exit{exitUsage, err}
	}
	q := url.Values{}
	if c.After > 0 {
		q.Set("after", fmt.Sprint(c.After))
	}
	if c.Wait > 0 {
		q.Set("wait", c.Wait.String())
	}
	body, err := ask(c.Control, agentPath(id.Platform, id.Login)+"/credential?"+q.Encode())
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return &exit{exitTryLater, fmt.Errorf("no credential newer than generation %d came", c.After)}
	}
	return c.print(body)
}

func (c credentialCmd) print(body []byte) error {
	if c.Output == "json" {
		_, err := os.Stdout.Write(body)
		return err
	}
	var credential fleet.Credential
	if err := json.Unmarshal(body, &credential); err != nil {
		return fmt.Errorf("the service's answer: %w", err)
	}
	if c.Output == "token" {
		if credential.Token == "" {
			return fmt.Errorf("the vendor of %s has no token; use -o header", c.Agent)
		}
		_, err := fmt.Println(credential.Token)
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(credential.Headers)) {
		if _, err := fmt.Printf("%s: %s\n", name, credential.Headers[name]); err != nil {
			return err
		}
	}
	return nil
}
