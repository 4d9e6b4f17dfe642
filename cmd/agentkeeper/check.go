package main

import (
	"fmt"
	"os"

	"github.com/prometheus/exporter-toolkit/web"

	"agentkeeper/daemon/config"
)

type checkCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file (default: /etc/agentkeeper/agentkeeper.yaml)."`
	Sample bool   `help:"Print a commented reference configuration instead."`
	Schema bool   `help:"Print the configuration's JSON Schema instead."`
}

// Help is shown by check --help.
func (checkCmd) Help() string {
	return `Prints one mistake a line, FILE:LINE:COL: what is wrong and what to do, and
exits with 78 if there is any. Advice (plain http, secrets readable by others)
is printed as warnings and does not fail the check.`
}

// Run checks.
func (c checkCmd) Run() error {
	if c.Sample {
		fmt.Print(config.Sample())
		return nil
	}
	if c.Schema {
		fmt.Print(config.Schema())
		return nil
	}
	path := c.Config
	if path == "" {
		path = config.DefaultPath
	}
	cfg, warnings, err := config.Load(path, config.WithWebConfigCheck(web.Validate))
	for _, w := range warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%s: good; %d platforms, %d agents\n", path, len(cfg.Platforms), len(cfg.Agents))
	return nil
}
