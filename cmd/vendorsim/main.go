// Command vendorsim runs one simulated vendor platform, for people who build
// or try agentkeeper without a contact centre at hand: same calls, same
// errors, and faults on demand over HTTP under /_sim/. It prints what a client
// did that the vendor's contract forbids, and ends with exit code 1 if there
// was anything.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"agentkeeper/test/sim/ecss"
)

// The exit codes.
const (
	exitGood   = 0
	exitFailed = 1 // a violation, or the simulator could not run
	exitUsage  = 2
)

const description = `Simulates a contact-centre platform.

Start one, give agentkeeper the configuration that it prints, then make things go wrong:

  vendorsim huawei --agents 291-310 --write-config try.yaml
  agentkeeper run -c try.yaml
  curl -d '{"for":"30s","mode":"refuse"}' http://127.0.0.1:8043/_sim/outage
  curl -X POST http://127.0.0.1:8043/_sim/agents/291/kick
  curl http://127.0.0.1:8043/_sim/state

Interrupt it (Ctrl-C) to see the counts. The exit code is 1 if a client broke the vendor's rules, for example by two operations of one agent at once.`

type cli struct {
	Huawei       huaweiCommand       `cmd:"" help:"Huawei AICC / CC-Gateway agents: long polls, rotating Guids, the two-minute window."`
	HuaweiConfig huaweiConfigCommand `cmd:"" name:"huawei-config" help:"Huawei CC-Gateway configuration login (C5): a Guid that dies of a gap of two minutes."`
	ECSS         ecssCommand         `cmd:"" name:"ecss" help:"Eltex ECSS-10 contact centre: websocket, calls, auto-logout."`
	Runtel       runtelCommand       `cmd:"" help:"Runtel PBX, API v2: bearer tokens whose end is told without a zone, and the Defender."`
	Edna         ednaCommand         `cmd:"" help:"edna Chat Center, integrator: bearer tokens whose life nobody tells, in the vendor's two dialects."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// helped ends the parsing after a help text.
type helped struct{ code int }

// run is main with its surroundings as arguments. It blocks until ctx ends.
func run(ctx context.Context, args []string, out, errOut io.Writer) (code int) {
	defer func() {
		if h, ok := recover().(helped); ok {
			code = h.code
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("vendorsim"), kong.Description(description),
		kong.Vars{"default_domain": ecss.DefaultDomain},
		kong.Writers(out, errOut), kong.Exit(func(code int) { panic(helped{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}))
	if err != nil {
		fmt.Fprintln(errOut, "vendorsim:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(errOut, "vendorsim: %v\nTry vendorsim --help, or vendorsim huawei --help.\n", err)
		return exitUsage
	}
	return exitCode(command.Run(&console{ctx: ctx, out: out, err: errOut}), errOut)
}

func exitCode(err error, errOut io.Writer) int {
	if err == nil {
		return exitGood
	}
	fmt.Fprintln(errOut, "vendorsim:", err)
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
