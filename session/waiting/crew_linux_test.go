//go:build !noepoll

package waiting

import (
	"context"
	"sync"
	"testing"
	"time"

	"agentkeeper/session"
)

// sayer is a task whose only step says that it blocks, and does until the end.
type sayer struct {
	Seat
	stepped sync.WaitGroup
	end     chan struct{}
}

func (s *sayer) Step() (session.Wait, bool) {
	s.Blocks()
	s.stepped.Done()
	<-s.end
	return session.Wait{}, false
}

func (s *sayer) Block(session.Wait) {}

// A task that says that it blocks gives its place up at once: here no tick ever
// comes that would take it away.
func TestBlocksNeedsNoTick(t *testing.T) {
	room, err := Sockets(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer room.Close()
	r, ok := room.(*sockets)
	if !ok {
		t.Fatalf("a room of %T", room)
	}
	r.mu.Lock()
	r.armed = time.Unix(0, 1) // no later time is sooner
	r.mu.Unlock()
	end := make(chan struct{})
	all := make([]*sayer, saidMost)
	for i := range all {
		all[i] = &sayer{end: end}
		all[i].stepped.Add(1)
		room.Enter(&all[i].Seat, all[i])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stepped := make(chan struct{})
	go func() {
		defer close(stepped)
		for _, s := range all {
			s.stepped.Wait()
		}
	}()
	select {
	case <-stepped:
	case <-ctx.Done():
		t.Error("tasks wait for those that said that they block")
	}
	r.mu.Lock()
	if r.crew.said != saidMost || len(r.crew.atWork) != 0 {
		t.Errorf("%d said that they block, %d are at work; want %d and none", r.crew.said, len(r.crew.atWork), saidMost)
	}
	r.mu.Unlock()
	close(end)
}
