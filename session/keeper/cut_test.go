package keeper

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// The context of the actions is like one of context.WithCancel to all who use it,
// whenever they begin to listen.
func TestActionsAreAContext(t *testing.T) {
	ends := map[string]func(a *actions, above context.CancelFunc){
		"cut":           func(a *actions, _ context.CancelFunc) { a.cancel(); a.cancel() },
		"ended above":   func(_ *actions, above context.CancelFunc) { above() },
		"both at once":  func(a *actions, above context.CancelFunc) { above(); a.cancel() },
		"cut, then end": func(a *actions, above context.CancelFunc) { a.cancel(); above() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				above, cancel := context.WithCancel(t.Context())
				defer cancel()
				a := &actions{Context: above}
				if a.Err() != nil {
					t.Fatal(a.Err())
				}
				below, stop := context.WithTimeout(a, time.Hour)
				defer stop()
				ran, never := make(chan struct{}), false
				context.AfterFunc(a, func() { close(ran) })
				undo := context.AfterFunc(a, func() { never = true })
				if !undo() || undo() {
					t.Error("undone once, and once only")
				}
				end(a, cancel)
				<-ran
				<-a.Done()
				<-below.Done()
				synctest.Wait()
				for _, ctx := range []context.Context{a, below} {
					if !errors.Is(ctx.Err(), context.Canceled) {
						t.Errorf("%v", ctx.Err())
					}
				}
				late := make(chan struct{})
				context.AfterFunc(a, func() { close(late) })
				<-late
				if never {
					t.Error("what was undone ran")
				}
			})
		})
	}
	quiet := &actions{Context: t.Context()}
	quiet.cancel()
	if <-quiet.Done(); !errors.Is(quiet.Err(), context.Canceled) {
		t.Error(quiet.Err())
	}
}
