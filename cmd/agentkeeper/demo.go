package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"agentkeeper/daemon"
	"agentkeeper/session"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

type demoCmd struct {
	Listen  string `default:"127.0.0.1:9464" placeholder:"ADDRESS" help:"Address of the API, the status page and the metrics. If it is in use, a free port is taken instead (default: ${default})."`
	Agents  int    `default:"20" help:"Agents of each vendor, up to 500 (default: ${default})."`
	Verbose bool   `short:"v" help:"Print the service's log, too."`
	Calm    bool   `help:"Simulate no incidents."`
}

// Help is shown by demo --help.
func (demoCmd) Help() string {
	return `Simulates all five platforms in this process and keeps their agents online. Every
minute one platform becomes unreachable for a while, sessions are lost on
others, and a call is not answered, so that you can watch the recovery. Files are written only to a temporary
directory, which is removed at the end.`
}

// Run plays the demo until it is interrupted.
func (c demoCmd) Run() error {
	if c.Agents < 1 || c.Agents > 500 {
		return &exit{exitUsage, fmt.Errorf("--agents %d: use 1 to 500", c.Agents)}
	}
	dir, err := os.MkdirTemp("", "agentkeeper-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	stage, err := newDemoPlatforms(c.Agents)
	if err != nil {
		return err
	}
	defer stage.close()
	listen, err := freeAddress(c.Listen)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "agentkeeper.yaml")
	if err := os.WriteFile(path, []byte(stage.config(dir, listen)), 0o600); err != nil {
		return fmt.Errorf("write the demo's configuration: %w", err)
	}
	log, began := slog.New(slog.DiscardHandler), time.Now()
	if c.Verbose {
		log = daemon.NewLog(os.Stderr, "auto", slog.LevelInfo)
	}
	v, commit := buildVersion()
	// The incidents end with the first signal, or they would trip the sign-outs up.
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGUSR2)
	var shown sync.WaitGroup
	err = serve(daemon.Options{ConfigPath: path, Version: v, Commit: commit, Log: log}, func(d *daemon.Daemon) {
		shown.Go(func() { c.show(ctx, d, stage, began) })
	})
	cancel()
	shown.Wait()
	if violations := stage.violations(); err == nil && len(violations) > 0 {
		return fmt.Errorf("the simulators saw what must not happen:\n%s", strings.Join(violations, "\n"))
	}
	return err
}

// freeAddress returns address, or one with another port where it is in use.
func freeAddress(address string) (string, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address)
		l, err = net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	if err != nil {
		return "", fmt.Errorf("find an address for the API: %w", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

// show tells a newcomer what there is to see, and plays incidents.
func (c demoCmd) show(ctx context.Context, d *daemon.Daemon, s *demoPlatforms, began time.Time) {
	url := "http://" + d.Addr()
	fmt.Printf(`agentkeeper demo: %d agents on built-in simulators of each of %d platforms

  status page   %s/
  agents        %s/api/v1/agents
  events        %s/api/v1/events
  metrics       %s/metrics
  commands      export AGENTKEEPER_CONTROL=%s

`, c.Agents, len(s.platforms), url, url, url, url, s.control)
	p := &commentary{out: os.Stdout, d: d, want: len(s.platforms) * c.Agents}
	if !p.waitOnline(ctx, "all %d agents online", began) {
		return
	}
	fmt.Print("Ctrl-C signs everybody out and ends.\n\n")
	defer s.huawei.EndOutage() // nobody could sign out in one
	for round := 0; !c.Calm && p.pause(ctx, 10*time.Second); round++ {
		p.say("the platform hq goes away for 8 s (connections refused)")
		_ = s.huawei.Outage(sim.ModeRefuse, 8*time.Second)
		p.pause(ctx, 9*time.Second)
		p.waitOnline(ctx, "%d agents online, nobody signed in again: the sessions were kept", time.Now())
		if !p.pause(ctx, 15*time.Second) {
			return
		}
		p.say("a supervisor signs hq/291 out, pbx/101 loses its websocket, the token of cabinet/bot1@demo dies")
		at := time.Now()
		_ = s.huawei.Kick("291")
		_ = s.ecss.Kick("101", "close")
		_ = s.runtel.Expire("bot1@demo")
		p.pause(ctx, 500*time.Millisecond)
		p.waitOnline(ctx, "%d agents online again", at)
		p.pause(ctx, 10*time.Second)
		p.missCall(ctx, s.huawei, s.platforms[0].logins[round%c.Agents])
		p.pause(ctx, 10*time.Second)
	}
}

// missCall lets a call ring that nobody answers, and tells what comes of it.
func (p *commentary) missCall(ctx context.Context, platform *huawei.Sim, login string) {
	if _, err := platform.Ring(login); err != nil {
		return // signed out for the moment, or held back since an earlier round
	}
	p.say("a call rings at hq/%s, and nobody answers it", login)
	if !p.waitState(ctx, platform, login, huawei.StateBusy, 2*demoRing) {
		return
	}
	p.say("the platform has made hq/%s busy: online, but without calls", login)
	began := time.Now()
	if p.waitState(ctx, platform, login, huawei.StateIdle, demoRestore) {
		p.say("hq/%s is ready for calls again (%.1f s)", login, time.Since(began).Seconds())
	}
}

// waitState waits for d until the platform has the agent in a state.
func (p *commentary) waitState(ctx context.Context, platform *huawei.Sim, login string, state int, d time.Duration) bool {
	for end := time.Now().Add(d); platform.Agent(login).State != state; {
		if time.Now().After(end) || !p.pause(ctx, 20*time.Millisecond) {
			return false
		}
	}
	return true
}

// commentary prints what happens.
type commentary struct {
	out  io.Writer
	d    *daemon.Daemon
	want int
}

func (p *commentary) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, time.Now().Format(time.TimeOnly)+"  "+format+"\n", args...)
}

func (p *commentary) pause(ctx context.Context, d time.Duration) bool {
	return session.Sleep(ctx, d) == nil
}

// waitOnline waits until every agent is online and tells how long it took.
func (p *commentary) waitOnline(ctx context.Context, format string, began time.Time) bool {
	for {
		online := 0
		for _, a := range p.d.Fleet().Agents() {
			if a.View.State == session.Online {
				online++
			}
		}
		if online == p.want {
			p.say(format+" (%.1f s)", online, time.Since(began).Seconds())
			return true
		}
		if !p.pause(ctx, 20*time.Millisecond) {
			return false
		}
	}
}
