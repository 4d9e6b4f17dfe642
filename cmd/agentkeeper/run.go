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
	Listen    string `placeholder:"HOST:PORT" help:"Over the file's listen."`
	LogLevel  string `enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" help:"Over the file's log.level: debug, info, warn or error."`
	LogFormat string `enum:",auto,text,json" default:"" placeholder:"FORMAT" help:"Over the file's log.format: auto, text or json."`
}

// Help is shown by run --help.
func (runCmd) Help() string {
	return `Signals: HUP reloads the configuration; TERM and INT sign every agent out and
exit within stop_timeout, a second one more than 250 ms later exits at once; USR2
exits and leaves the agents signed in, for the next process to adopt without a
login. Polls in progress end by themselves first, which takes up to the platform's
hold (of Huawei 10 s) and is bounded by stop_timeout.

What the command line says stands over the file, at reloads too, for a minute's
debugging:

    agentkeeper run -c try.yaml --listen 127.0.0.1:9999 --log-level debug --log-format text

Exit codes: 0 good, 1 failed or agents had to be left signed in, 75 another
process has the store, 78 the configuration has mistakes.`
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
