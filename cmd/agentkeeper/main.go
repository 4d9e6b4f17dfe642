// Command agentkeeper signs contact-centre agents in and keeps them online.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/alecthomas/kong"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
)

// Exit codes, after sysexits.h where it has them.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnavailable = 69
	exitTryLater    = 75
	exitNotAllowed  = 77
	exitConfig      = 78
)

type cli struct {
	Run        runCmd        `cmd:"" help:"Run the service: sign the agents of a configuration in and keep them online."`
	Demo       demoCmd       `cmd:"" help:"Run everything against built-in simulators, with nothing to set up."`
	Check      checkCmd      `cmd:"" help:"Check a configuration and everything that it names."`
	Schedule   scheduleCmd   `cmd:"" help:"Show the coming sign-ins and sign-outs of a configuration."`
	Status     statusCmd     `cmd:"" help:"Show the agents of the running service."`
	Credential credentialCmd `cmd:"" help:"Print what another program needs to act within an agent's session."`
	Version    versionCmd    `cmd:"" help:"Print version, commit and Go version."`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	code := -1
	parser, err := kong.New(&c, kong.Name("agentkeeper"),
		kong.Description("Signs headless contact-centre agents in (Huawei CC-Gateway, Eltex ECSS-10, Runtel, edna), at once starts the polling, holds the websocket or keeps the token fresh, and keeps them online around the clock."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Exit(func(n int) { code = n }))
	if err != nil {
		fmt.Fprintln(os.Stderr, "agentkeeper:", err)
		return exitFailed
	}
	ctx, err := parser.Parse(args)
	if code >= 0 { // help was asked for
		return code
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "agentkeeper: %v\nTry: agentkeeper --help\n", err)
		return exitUsage
	}
	return report(ctx.Run())
}

// exit is an error with an exit code of its own.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// report prints an error as its reader needs it and returns the exit code.
func report(err error) int {
	var problems config.Problems
	var own *exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &problems):
		fmt.Fprintln(os.Stderr, problems.Error())
		return exitConfig
	case errors.As(err, &own):
		if own.err != nil {
			fmt.Fprintln(os.Stderr, "agentkeeper:", own.err)
		}
		return own.code
	}
	fmt.Fprintln(os.Stderr, "agentkeeper:", err)
	switch {
	case errors.Is(err, store.ErrLocked):
		return exitTryLater
	case errors.Is(err, fs.ErrPermission):
		return exitNotAllowed
	}
	return exitFailed
}
