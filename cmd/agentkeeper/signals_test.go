package main

import (
	"context"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon"
	"agentkeeper/daemon/fleet"
)

// A stop is asked for once, however often its signal comes within a moment; a
// person who asks again means it.
func TestSignals(t *testing.T) {
	type sent struct {
		after  time.Duration
		signal os.Signal
	}
	type result struct {
		Reloads int
		Ends    []daemon.End
		Exits   []int
	}
	const soon, later = 250 * time.Millisecond, 251 * time.Millisecond
	for name, tt := range map[string]struct {
		sent []sent
		want result
	}{
		"INT twice at once":      {[]sent{{0, syscall.SIGINT}, {0, syscall.SIGINT}}, result{0, []daemon.End{daemon.SignOut}, nil}},
		"INT, then TERM soon":    {[]sent{{0, syscall.SIGINT}, {soon, syscall.SIGTERM}}, result{0, []daemon.End{daemon.SignOut}, nil}},
		"TERM again later":       {[]sent{{0, syscall.SIGTERM}, {later, syscall.SIGTERM}}, result{0, []daemon.End{daemon.SignOut}, []int{1}}},
		"twice and again":        {[]sent{{0, syscall.SIGINT}, {0, syscall.SIGINT}, {later, syscall.SIGINT}}, result{0, []daemon.End{daemon.SignOut}, []int{1}}},
		"TERM in a hand-over":    {[]sent{{0, syscall.SIGUSR2}, {time.Millisecond, syscall.SIGTERM}}, result{0, []daemon.End{daemon.HandOver}, []int{1}}},
		"USR2 in a stop":         {[]sent{{0, syscall.SIGTERM}, {later, syscall.SIGUSR2}}, result{0, []daemon.End{daemon.SignOut}, nil}},
		"HUP before and in stop": {[]sent{{0, syscall.SIGHUP}, {0, syscall.SIGTERM}, {later, syscall.SIGHUP}}, result{1, []daemon.End{daemon.SignOut}, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got result
				end, signals := make(chan daemon.End, 1), make(chan os.Signal)
				s := &signalled{
					reload: func(context.Context, string) (fleet.Plan, error) { got.Reloads++; return fleet.Plan{}, nil },
					log:    slog.New(slog.DiscardHandler), end: end, exit: func(code int) { got.Exits = append(got.Exits, code) },
				}
				ctx, cancel := context.WithCancel(t.Context())
				go s.obey(ctx, signals)
				for _, next := range tt.sent {
					time.Sleep(next.after)
					signals <- next.signal
					synctest.Wait()
				}
				cancel()
				synctest.Wait()
				close(end)
				for how := range end {
					got.Ends = append(got.Ends, how)
				}
				if !cmp.Equal(got, tt.want) {
					t.Error(cmp.Diff(tt.want, got))
				}
			})
		})
	}
}
