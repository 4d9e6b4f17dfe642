//go:build !noepoll

package waiting

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"agentkeeper/session"
)

// sockets is the room on one epoll descriptor.
//
// A socket is registered once, for edges, by its owner and while it surely is
// open; the kernel forgets it when it is closed. An event carries the number of a
// seat and of its registration, so that one of a connection that is gone by now
// is told from one of its successor.
type sockets struct {
	epoll  *os.File // waited for by the runtime's own poller, so that no thread stands in it
	raw    syscall.RawConn
	cancel func() bool // of the wait for the context's end

	mu    sync.Mutex // never held over a step
	seats []*Seat    // by number; nil: free
	free  []int32    // numbers
	wheel wheel
	timer *time.Timer
	armed time.Time // when the timer is due; zero: it is not set
	crew  crew
	shut  bool
}

// place is what a room on sockets knows of a seat. Its fields are guarded by the
// room's mu, but those of the registration belong to whoever steps the task.
type place struct {
	number       int32
	state        state
	again        bool // woken while it was not parked
	edge         bool // an event came that no wait has seen
	watches      bool // parked: for its socket, too
	due          int64
	next         *Seat  // in a list of the wheel, or of what is ready
	before       **Seat // what points here, in a list of the wheel; nil: in none
	registration uint32
	registered   syscall.RawConn // nil: none
}

// begin notes that the task steps: what happened before is no news then.
func (p *place) begin() {
	p.state = working
	p.again, p.edge = false, false
}

// state is where a task is.
type state uint8

const (
	working state = iota // it steps, or blocks on a goroutine of its own
	ready                // it waits for a goroutine to step on
	parked
)

// Sockets returns the room that watches the tasks' sockets. All tasks are woken
// when ctx ends.
func Sockets(ctx context.Context) (Room, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, fmt.Errorf("make an epoll descriptor: %w", err)
	}
	r := &sockets{epoll: os.NewFile(uintptr(fd), "epoll")}
	if r.raw, err = r.epoll.SyscallConn(); err != nil {
		_ = r.epoll.Close()
		return nil, fmt.Errorf("watch an epoll descriptor: %w", err)
	}
	r.wheel.begin = time.Now()
	r.timer = time.AfterFunc(time.Hour, r.tock)
	r.timer.Stop()
	r.crew.init(r)
	r.cancel = context.AfterFunc(ctx, r.wakeAll)
	go r.watch()
	return r, nil
}

// Enter implements Room.
func (r *sockets) Enter(s *Seat, t Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.room, s.task = r, t
	if n := len(r.free); n > 0 {
		s.number = r.free[n-1]
		r.free = r.free[:n-1]
		r.seats[s.number] = s
	} else {
		s.number = int32(len(r.seats))
		r.seats = append(r.seats, s)
	}
	r.crew.call(s)
	r.watchCrew()
}

// Close implements Room.
func (r *sockets) Close() {
	r.cancel()
	r.mu.Lock()
	r.shut = true
	r.mu.Unlock()
	r.wakeAll()
	_ = r.epoll.Close() // nothing can be done about a descriptor that fails to close
}

// wake implements Seat.Wake.
func (r *sockets) wake(s *Seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rouse(s)
	r.watchCrew()
}

// blocks implements Seat.Blocks.
func (r *sockets) blocks(s *Seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.crew.blocks(s)
	r.watchCrew()
}

func (r *sockets) wakeAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.seats {
		if s != nil {
			r.rouse(s)
		}
	}
	r.watchCrew()
}

// rouse makes a parked task step, and one that works not park. The caller holds mu.
func (r *sockets) rouse(s *Seat) {
	if s.state != parked {
		s.again = true
		return
	}
	r.wheel.remove(s)
	r.crew.call(s)
}

// run steps a task until it waits.
func (r *sockets) run(s *Seat) {
	for {
		wait, goesOn := s.task.Step()
		if !goesOn {
			r.leave(s)
			return
		}
		if r.park(s, wait) {
			return
		}
	}
}

// leave ends a task.
func (r *sockets) leave(s *Seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seats[s.number] = nil
	r.free = append(r.free, s.number)
	s.registered = nil
}

// park puts a task down until its wait is over. It reports false where it is to
// step again at once.
func (r *sockets) park(s *Seat, wait session.Wait) bool {
	watches := wait.Source != nil
	if watches && !r.register(s, wait.Source.Socket()) {
		go r.block(s, wait)
		return true
	}
	if wait.Signal != nil {
		wait.Signal.Notify(s)
	}
	now, timed := time.Now(), !wait.Until.IsZero()
	left := wait.Until.Sub(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.shut:
		go r.block(s, wait)
		return true
	case s.again, watches && s.edge, timed && left <= 0:
		s.begin()
		return false
	}
	s.state, s.watches = parked, watches
	if timed {
		// What was read from a key is an instant of the wall clock, which may have
		// been set since the wheel began to turn: it is made one of the wheel's clock.
		r.arm(r.wheel.add(s, now.Add(left)))
	}
	return true
}

// block is for what no epoll can wait for.
func (r *sockets) block(s *Seat, wait session.Wait) {
	s.task.Block(wait)
	r.run(s)
}

// register has a socket watched for its seat, and reports whether it is.
func (r *sockets) register(s *Seat, socket syscall.RawConn) bool {
	switch {
	case socket == nil:
		return false
	case socket == s.registered:
		return true
	}
	r.mu.Lock()
	s.registration++
	s.edge = false
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | edges, Fd: s.number, Pad: int32(s.registration)}
	r.mu.Unlock()
	failed := r.raw.Control(func(epoll uintptr) {
		if err := socket.Control(func(fd uintptr) { s.registered = add(int(epoll), int(fd), &event, socket) }); err != nil {
			s.registered = nil
		}
	})
	return failed == nil && s.registered != nil
}

const edges = 1 << 31 // syscall.EPOLLET, as the number that it is

// add returns socket where it is watched from now on, nil where not.
func add(epoll, fd int, event *syscall.EpollEvent, socket syscall.RawConn) syscall.RawConn {
	err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, fd, event)
	if errors.Is(err, syscall.EEXIST) { // it had another seat
		err = syscall.EpollCtl(epoll, syscall.EPOLL_CTL_MOD, fd, event)
	}
	if err != nil {
		return nil
	}
	return socket
}

// batch is how many events are taken from the kernel at once.
const batch = 128

// watch takes events until the room is closed.
func (r *sockets) watch() {
	var events [batch]syscall.EpollEvent
	_ = r.raw.Read(func(fd uintptr) bool { // ends with the descriptor
		for {
			n, err := syscall.EpollWait(int(fd), events[:], 0)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if n > 0 {
				r.happened(events[:n])
			}
			if n < batch { // whatever comes from now on wakes the runtime's poller
				return false
			}
		}
	})
}

// happened wakes those who wait for what happened.
func (r *sockets) happened(events []syscall.EpollEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		s := r.seats[e.Fd]
		switch {
		case s == nil, uint32(e.Pad) != s.registration:
		case s.state == parked && s.watches:
			r.rouse(s)
		default:
			s.edge = true
		}
	}
	r.watchCrew()
}

// tock wakes whose time has come, and has an eye on the crew.
func (r *sockets) tock() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = time.Time{}
	now := time.Now()
	r.wheel.take(now, r.crew.call)
	r.crew.look(now)
	if at, ok := r.wheel.next(); ok {
		r.arm(at)
	}
	r.watchCrew()
}

// watchCrew sets the timer where a task waits for a goroutine. The caller holds mu.
func (r *sockets) watchCrew() {
	if at, ok := r.crew.next(); ok {
		r.arm(at)
	}
}

// arm sets the timer for at, unless it comes sooner. The caller holds mu.
func (r *sockets) arm(at time.Time) {
	if r.armed.IsZero() || at.Before(r.armed) {
		r.armed = at
		r.timer.Reset(time.Until(at))
	}
}
