package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

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
	exitDoubt       = 76
	exitNotAllowed  = 77
	exitConfig      = 78
)

// cli is the command line, in the order in which --help lists the commands.
type cli struct {
	serviceCmds
	agentCmds
	flowCmds
	shellCmds
}

// serviceCmds run the service, or say what a configuration means.
type serviceCmds struct {
	Run      runCmd      `cmd:"" help:"Run the service, which signs the agents of a configuration in and keeps them online."`
	Demo     demoCmd     `cmd:"" help:"Run the service against built-in simulators, with nothing to set up."`
	Check    checkCmd    `cmd:"" help:"Check a configuration and every file that it names."`
	Schedule scheduleCmd `cmd:"" help:"Show the coming sign-ins and sign-outs of a configuration, by its schedules."`
	Plan     planCmd     `cmd:"" help:"Show which agents a reload would start, stop or change."`
	Reload   reloadCmd   `cmd:"" help:"Load the configuration again, and wait until its changes are carried out."`
}

// agentCmds are about agents of the running service.
type agentCmds struct {
	Status  statusCmd  `cmd:"" help:"Show the agents of the running service."`
	Explain explainCmd `cmd:"" help:"Explain one agent: its state, the cause, what comes next, and what you can do."`
	SignIn  signInCmd  `cmd:"" help:"Sign agents in, until the schedule's next change."`
	SignOut signOutCmd `cmd:"" help:"Sign agents out, until the schedule's next change."`
	Pause   pauseCmd   `cmd:"" help:"Sign agents out until resume, whatever the schedule says."`
	Resume  resumeCmd  `cmd:"" help:"Let the schedule decide again: end a pause, an override or a parking."`
	Command commandCmd `cmd:"" help:"Send a command to the platform on an agent's session."`
	Work    workCmd    `cmd:"" help:"Say which working state agents are to have: whether calls come to them."`
}

// flowCmds are about what goes out of the service, and what holds it up.
type flowCmds struct {
	Events     eventsCmd     `cmd:"" help:"Print the events that are kept, or follow new ones."`
	Webhooks   webhooksCmd   `cmd:"" help:"Show the webhooks, or make one try again at once or skip an event."`
	Consumers  consumersCmd  `cmd:"" help:"Show the consumers of NATS clients on the stream of events, or remove one."`
	Report     reportCmd     `cmd:"" help:"Write a bundle for a bug report, without secrets."`
	Quarantine quarantineCmd `cmd:"" help:"Show which platforms are in quarantine and why, or end a quarantine."`
	Trace      traceCmd      `cmd:"" help:"Print the requests and answers of agents and their platform, without secrets, and write them into the log."`
	Credential credentialCmd `cmd:"" help:"Print the credential with which another program can use an agent's session."`
}

// shellCmds are about the program itself.
type shellCmds struct {
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Complete   completeCmd   `cmd:"" hidden:"" help:"Print what may stand at the end of a command line."`
	Man        manCmd        `cmd:"" help:"Print a manual page."`
	Version    versionCmd    `cmd:"" help:"Print version, commit and Go version."`
}

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	var c cli
	code := -1
	parser, err := newParser(&c, kong.Exit(func(n int) { code = n }))
	if err != nil {
		fmt.Fprintln(os.Stderr, "agentkeeper:", err)
		return exitFailed
	}
	args = normalizeArgs(args)
	if len(args) == 0 {
		_, _ = parser.Parse([]string{"--help"})
		return exitUsage
	}
	ctx, err := parser.Parse(args)
	if code >= 0 { // help was asked for
		return code
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "agentkeeper: %v\nTry: agentkeeper %s--help\n", err, commandOf(err))
		return exitUsage
	}
	return report(ctx.Run())
}

// newParser returns the parser of the command line, which fills c.
func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append(options, kong.Name("agentkeeper"),
		kong.Description("Signs headless contact-centre agents in (Huawei CC-Gateway, Eltex ECSS-10, Runtel, edna), at once starts the polling, holds the websocket or keeps the token fresh, and keeps them online around the clock."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))...)
}

// normalizeArgs reads what other programs have taught people to type.
func normalizeArgs(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// commandOf returns the command that a mistake was made with, and a blank.
func commandOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		return wrong.Context.Selected().Name + " "
	}
	return ""
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

// usage is a mistake on the command line that the parser cannot see.
func usage(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// errorList are several errors, each to be printed.
type errorList []error

func (t errorList) Error() string { return errors.Join(t...).Error() }

// together returns what is left of several errors: nil for none, one alone as
// it is.
func together(errs ...error) error {
	var all errorList
	for _, err := range errs {
		var more errorList
		switch {
		case errors.As(err, &more):
			all = append(all, more...)
		case err != nil:
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

// report prints an error as its reader needs it and returns the exit code. Of
// several, the gravest counts: who is told to try later must not overlook what
// failed.
func report(err error) int {
	all := errorList{err}
	_ = errors.As(err, &all)
	code := 0
	for i, err := range all {
		text, c := describe(err)
		if code == 0 || c != exitTryLater {
			code = c
		}
		switch {
		case i == maxListed && len(all) > maxListed+1:
			fmt.Fprintf(os.Stderr, "agentkeeper: and %d more\n", len(all)-i)
		case i < maxListed || len(all) == maxListed+1:
			fmt.Fprint(os.Stderr, text)
		}
	}
	return code
}

// describe returns the lines and the exit code of one error.
func describe(err error) (text string, code int) {
	var problems config.Problems
	var remote mistakes
	var own *exit
	switch {
	case err == nil:
		return "", 0
	case errors.As(err, &problems):
		return problems.Error() + "\n", exitConfig
	case errors.As(err, &remote):
		return remote.Error() + "\n", exitConfig
	case errors.As(err, &own) && own.err == nil:
		return "", own.code
	case errors.As(err, &own):
		return fmt.Sprintln("agentkeeper:", err), own.code
	}
	code = exitFailed
	switch {
	case errors.Is(err, store.ErrLocked):
		code = exitTryLater
	case errors.Is(err, fs.ErrPermission):
		code = exitNotAllowed
	}
	return fmt.Sprintln("agentkeeper:", err), code
}
