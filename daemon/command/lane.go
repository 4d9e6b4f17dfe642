package command

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"agentkeeper/session"
)

// How many may wait in one agent's lane when one more comes: a command, or a program's
// write through the proxy, whose client made no promise of when.
const (
	waitMost   = 16
	writesMost = 256
)

// place is how an attempt to enter a lane ended.
type place uint8

const (
	entered  place = iota
	full           // too many wait already
	late           // the time passed while it waited
	gone           // nobody wants it any more
	overtook       // what was under way ended in doubt
	closed         // the service ends
)

// result is the answer to who did not enter.
func (p place) result() Result {
	switch p {
	case full:
		r := notSent("other commands wait for this agent already: nothing was sent", busyRetry)
		r.HTTP = http.StatusTooManyRequests
		return r
	case late:
		return notSent("the time-out passed while the command waited for others of this agent: nothing was sent", busyRetry)
	case overtook:
		return notSent("the command before this one is in doubt: look at the agent, and send this one again if it is still right", busyRetry)
	case closed:
		return notSent("the service is ending or handing over: nothing was sent", absentRetry)
	case entered, gone:
	}
	return notSent("the command was given up while it waited: nothing was sent", busyRetry)
}

// notSent is the result of what never left.
func notSent(text string, retry time.Duration) Result {
	return Result{Outcome: NotSent, Error: text, HTTP: http.StatusServiceUnavailable, Retry: retry}
}

// lanes are those of the agents that somebody asks something of now. The zero lanes is
// ready.
type lanes struct {
	mu     sync.Mutex
	all    map[session.ID]*lane // each of them is used by somebody
	closed bool
}

// lane is one agent's.
type lane struct {
	waiting []chan place // oldest first; each takes one
}

// begin adds one to those that are under way, unless the service ends.
func (l *lanes) begin(running *sync.WaitGroup) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		running.Add(1)
	}
	return !l.closed
}

// enter blocks until the lane of id is the caller's, who leaves it then, or tells why
// it is not: most may wait before.
func (l *lanes) enter(ctx context.Context, id session.ID, most int, until time.Time) place {
	turn, now := l.queue(id, most)
	if turn == nil {
		return now
	}
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	select {
	case how := <-turn:
		return how
	case <-ctx.Done():
	}
	if l.giveUp(id, turn) {
		if time.Now().Before(until) {
			return gone
		}
		return late
	}
	return <-turn // just now
}

// queue enters a lane that is free, or returns what tells when it is.
func (l *lanes) queue(id session.ID, most int) (turn chan place, now place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.all[id]
	switch {
	case l.closed:
		return nil, closed
	case one == nil:
		if l.all == nil {
			l.all = map[session.ID]*lane{}
		}
		l.all[id] = &lane{}
		return nil, entered
	case len(one.waiting) >= most:
		return nil, full
	}
	turn = make(chan place, 1)
	one.waiting = append(one.waiting, turn)
	return turn, entered
}

// giveUp takes somebody out who waits, and reports false where the turn came just now.
func (l *lanes) giveUp(id session.ID, turn chan place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.all[id]
	if one == nil {
		return false
	}
	at := slices.Index(one.waiting, turn)
	if at < 0 {
		return false
	}
	one.waiting = slices.Delete(one.waiting, at, at+1)
	return true
}

// leave gives the lane to who waits longest. After doubt nobody gets it who waits.
func (l *lanes) leave(id session.ID, doubt bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.all[id]
	if doubt {
		one.dismiss(overtook)
	}
	if len(one.waiting) == 0 {
		delete(l.all, id)
		return
	}
	next := one.waiting[0]
	one.waiting = slices.Delete(one.waiting, 0, 1)
	next <- entered
}

// dismiss sends away all who wait.
func (l *lane) dismiss(why place) {
	for _, turn := range l.waiting {
		turn <- why
	}
	l.waiting = nil
}

// close sends away all who wait, and whoever comes.
func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for _, one := range l.all {
		one.dismiss(closed)
	}
}
