package session

import (
	"context"
	"syscall"
	"time"
)

// Wait is what somebody waits for: whatever comes first. The zero Wait is none.
// No Wait has both a Source and a Signal.
type Wait struct {
	Source Source    // something is there to be read; nil: nothing is read
	Signal *Signal   // it was set; nil: there is none
	Until  time.Time // the wait is over then, whatever comes; zero: never by itself
}

// None reports whether w is none.
func (w Wait) None() bool { return w.Source == nil && w.Signal == nil && w.Until.IsZero() }

// Block blocks until w is over or ctx has ended.
func (w Wait) Block(ctx context.Context) {
	if w.Source != nil {
		w.Source.Block(ctx, w.Until)
		return
	}
	var due <-chan time.Time
	if !w.Until.IsZero() {
		timer := time.NewTimer(time.Until(w.Until))
		defer timer.Stop()
		due = timer.C
	}
	var woken wakened
	if w.Signal != nil {
		woken = make(wakened, 1)
		w.Signal.Notify(woken)
	}
	select {
	case <-due:
	case <-woken:
	case <-ctx.Done():
	}
}

// wakened is a Waker for somebody who blocks.
type wakened chan struct{}

// Wake implements Waker.
func (w wakened) Wake() {
	select {
	case w <- struct{}{}:
	default:
	}
}

// Rest returns what lets time pass until t: none where t has passed, and the error
// of ctx where that has ended.
func Rest(ctx context.Context, t time.Time) (Wait, error) {
	if err := ctx.Err(); err != nil {
		return Wait{}, err
	}
	if time.Now().Before(t) {
		return Wait{Until: t}, nil
	}
	return Wait{}, nil
}

// Sleep lets d pass, or returns ctx's error when ctx has ended.
func Sleep(ctx context.Context, d time.Duration) error {
	if d > 0 {
		Wait{Until: time.Now().Add(d)}.Block(ctx)
	}
	return ctx.Err()
}

// Source is where something to be read is waited for. It belongs to whoever
// returned it: it is waited for in one way at a time, and not beyond the next
// call of its owner.
type Source interface {
	// Socket returns the socket to wait for, nil where there is none: Block is
	// the only way to wait then. Somebody else may read it while it is waited for:
	// that something is there is a hint.
	Socket() syscall.RawConn
	// Block blocks until something is there, until passes (zero: never) or ctx
	// has ended.
	Block(ctx context.Context, until time.Time)
}
