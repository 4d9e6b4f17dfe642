package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"agentkeeper/daemon"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
	"agentkeeper/session"
)

type runCmd struct {
	Config    string `short:"c" placeholder:"FILE" env:"AGENTKEEPER_CONFIG" help:"Configuration file (default: /etc/agentkeeper/agentkeeper.yaml)."`
	Listen    string `placeholder:"HOST:PORT" help:"Address to use in place of the key listen."`
	LogLevel  string `enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" help:"Level to use in place of the key log.level: debug, info, warn or error."`
	LogFormat string `enum:",auto,text,json" default:"" placeholder:"FORMAT" help:"Format to use in place of the key log.format: auto, text or json."`
}

// Help is shown by run --help.
func (runCmd) Help() string {
	return `Signals: HUP reloads the configuration. TERM and INT sign every agent out and
exit, within stop_timeout; a second signal, more than 250 ms later, exits at once.
USR2 hands over: the process exits and leaves the agents signed in, and the next
process goes on with their sessions without a log-in. Open polls end by themselves
first, which takes up to the hold of the platform (Huawei: 10 s) and at most
stop_timeout.

For debugging, flags override the file, at reloads, too:

    agentkeeper run -c try.yaml --listen 127.0.0.1:9999 --log-level debug --log-format text

Exit codes: 0 good, 1 failed, or some agents could not be signed out in time, 75
another process uses the store, 78 the configuration has mistakes.`
}

// Run is the service.
func (c runCmd) Run() error {
	path := c.Config
	if path == "" {
		path = config.DefaultPath
	}
	over := config.Override{Listen: c.Listen, LogLevel: c.LogLevel, LogFormat: c.LogFormat}
	if err := config.CheckListen(c.Listen); c.Listen != "" && err != nil {
		return usage("--listen %v", err)
	}
	v, commit := buildVersion()
	return serve(daemon.Options{ConfigPath: path, Override: over, Version: v, Commit: commit, Harden: true}, nil)
}

// serve runs a daemon under this process's signals. up is called once it
// runs; it may be nil.
func serve(o daemon.Options, up func(d *daemon.Daemon)) error {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR2)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d, err := daemon.Open(ctx, o)
	if err != nil {
		return err
	}
	end := make(chan daemon.End, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s := signalled{reload: d.Reload, log: d.Log(), end: end, exit: os.Exit}
		s.obey(ctx, signals)
	}()
	if up != nil {
		go up(d) // prints; ends with the process at the latest
	}
	left, err := d.Run(ctx, end)
	cancel()
	<-done
	if err != nil {
		return err
	}
	return leftOver(left)
}

// leftOver is the exit code for agents that could not be signed out. Those in
// a call are left on purpose.
func leftOver(left []fleet.Agent) error {
	n := 0
	for _, a := range left {
		if a.View.Reason != session.ReasonBusy {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &exit{exitFailed, fmt.Errorf("%d agents could not be signed out in time; the log names them", n)}
}
