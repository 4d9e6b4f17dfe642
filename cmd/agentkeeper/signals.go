package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"agentkeeper/daemon"
	"agentkeeper/daemon/fleet"
)

// sameSignal is how soon after an INT or TERM another one is taken for the same:
// timeout(1) sends its signal to the process and to its group, and a terminal's
// interrupt reaches a process both by itself and through its parent.
const sameSignal = 250 * time.Millisecond

// interruptible returns a context that ends when somebody interrupts the command.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// signalled turns signals into what they mean.
type signalled struct {
	reload func(ctx context.Context, by string) (fleet.Plan, error)
	log    *slog.Logger
	end    chan<- daemon.End // has room for one
	exit   func(code int)    // ends the process at once

	ending bool
	asked  time.Time // when an INT or TERM came first; zero: none did
}

// obey takes signals until ctx ends.
func (s *signalled) obey(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-signals:
			s.take(ctx, sig)
		}
	}
}

func (s *signalled) take(ctx context.Context, sig os.Signal) {
	switch sig {
	case syscall.SIGHUP:
		if !s.ending {
			_, _ = s.reload(ctx, "signal HUP") // says by itself what is wrong
		}
	case syscall.SIGUSR2:
		s.begin(daemon.HandOver)
	case syscall.SIGINT, syscall.SIGTERM:
		again := s.ending
		if s.asked.IsZero() {
			s.asked = time.Now()
		} else if time.Since(s.asked) <= sameSignal {
			return
		}
		if again {
			s.log.Error("second signal: exiting at once", "signal", sig.String())
			s.exit(exitFailed)
			return
		}
		s.begin(daemon.SignOut)
	}
}

func (s *signalled) begin(how daemon.End) {
	if !s.ending {
		s.ending = true
		s.end <- how
	}
}
