package waiting_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/waiting"
)

// rooms runs a test over both rooms.
func rooms(t *testing.T, test func(t *testing.T, r waiting.Room, end func())) {
	for name, open := range map[string]func(context.Context) (waiting.Room, error){
		"goroutines": func(context.Context) (waiting.Room, error) { return waiting.Goroutines(), nil },
		"sockets":    waiting.Sockets,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, err := open(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			test(t, r, cancel)
		})
	}
}

// script is a task that a test steps through: each step is handed out, and what
// the test answers is what the task waits for.
type script struct {
	waiting.Seat
	steps   chan struct{}
	waits   chan session.Wait
	done    chan struct{}
	mu      sync.Mutex
	ctx     context.Context // of Block
	cancel  context.CancelFunc
	stepped atomic.Int32
	at      atomic.Bool // in a step
	twice   atomic.Bool // two steps at a time
}

func enter(r waiting.Room) *script {
	s := &script{steps: make(chan struct{}), waits: make(chan session.Wait), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	r.Enter(&s.Seat, s)
	return s
}

var end = session.Wait{Until: time.Unix(1, 0)}

func (s *script) Step() (session.Wait, bool) {
	if s.at.Swap(true) {
		s.twice.Store(true)
	}
	defer s.at.Store(false)
	s.stepped.Add(1)
	s.steps <- struct{}{}
	w := <-s.waits
	if w == end {
		close(s.done)
	}
	return w, w != end
}

func (s *script) Block(w session.Wait) {
	s.mu.Lock()
	ctx := s.ctx
	s.mu.Unlock()
	w.Block(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
	}
}

// interrupt is what an order does: it ends Block, and wakes.
func (s *script) interrupt() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.Wake()
}

const patience = 20 * time.Second

// step waits for the next step of the task.
func (s *script) step(t *testing.T) {
	t.Helper()
	select {
	case <-s.steps:
	case <-time.After(patience):
		t.Fatal("it does not step")
	}
}

// quiet fails the test if the task steps within d.
func (s *script) quiet(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-s.steps:
		t.Fatal("it steps though it waits")
	case <-time.After(d):
	}
}

func (s *script) end(t *testing.T) {
	t.Helper()
	s.waits <- end
	<-s.done
	if s.twice.Load() {
		t.Error("two steps at a time")
	}
}

// far is a wait that does not end by itself in a test.
func far() time.Time { return time.Now().Add(time.Hour) }

func TestTimeEndsAWait(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		s := enter(r)
		s.step(t)
		for _, d := range []time.Duration{0, time.Millisecond, 35 * time.Millisecond} {
			began := time.Now()
			s.waits <- session.Wait{Until: began.Add(d)}
			s.step(t)
			if took := time.Since(began); took < d {
				t.Errorf("it waited %v for %v", took, d)
			}
		}
		s.end(t)
	})
}

func TestWakeEndsAWait(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		s := enter(r)
		s.step(t)
		for _, w := range []session.Wait{{}, {Until: far()}} {
			s.waits <- w
			s.quiet(t, 30*time.Millisecond)
			s.interrupt()
			s.step(t)
		}
		s.interrupt() // while it works: it steps once more
		s.waits <- session.Wait{Until: far()}
		s.step(t)
		s.end(t)
	})
}

func TestSignalEndsAWait(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		var signal session.Signal
		s := enter(r)
		s.step(t)
		for _, until := range []time.Time{{}, far()} {
			w := session.Wait{Signal: &signal, Until: until}
			s.waits <- w
			s.quiet(t, 30*time.Millisecond)
			signal.Set()
			s.step(t)
			s.waits <- w // it is set still
			s.step(t)
			signal.Clear()
			s.waits <- w
			s.quiet(t, 30*time.Millisecond)
			s.interrupt()
			s.step(t)
			signal.Set() // while it works
			s.waits <- w
			s.step(t)
			signal.Clear()
		}
		began := time.Now()
		s.waits <- session.Wait{Signal: &signal, Until: began.Add(30 * time.Millisecond)}
		s.step(t)
		if took := time.Since(began); took < 30*time.Millisecond {
			t.Errorf("it waited %v for 30 ms", took)
		}
		s.end(t)
		signal.Set() // who waited for it is gone
	})
}

// A signal that is set by others all the time is never missed.
func TestSignalIsNotMissed(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		var signal session.Signal
		var said, heard atomic.Int64
		s := enter(r)
		s.step(t)
		for n := range int64(2000) {
			go func() {
				said.Store(n + 1)
				signal.Set()
			}()
			for heard.Load() <= n {
				signal.Clear()
				if heard.Store(said.Load()); heard.Load() > n {
					break
				}
				s.waits <- session.Wait{Signal: &signal, Until: far()}
				s.step(t)
			}
		}
		s.end(t)
	})
}

// conn is a socket as a source: ours is read by the test, theirs is written.
type conn struct {
	net.Conn
	raw    syscall.RawConn
	theirs net.Conn
}

func (c *conn) Socket() syscall.RawConn { return c.raw }

// Block waits without reading.
func (c *conn) Block(ctx context.Context, until time.Time) {
	_ = c.SetReadDeadline(until)
	defer context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })()
	_ = c.raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return n >= 0 && err == nil
	})
}

func (c *conn) read(t *testing.T, n int) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

func (c *conn) say(t *testing.T, text string) {
	t.Helper()
	if _, err := c.theirs.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func dial(t *testing.T) *conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ours.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return &conn{ours, raw, theirs}
}

func TestDataEndsAWait(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		s, c := enter(r), dial(t)
		s.step(t)
		for range 3 {
			s.waits <- session.Wait{Source: c, Until: far()}
			s.quiet(t, 20*time.Millisecond)
			c.say(t, "x")
			s.step(t)
			c.read(t, 1)
		}
		c.say(t, "y") // before the task waits
		s.waits <- session.Wait{Source: c}
		s.step(t)
		c.read(t, 1)

		s.waits <- session.Wait{Source: c, Until: time.Now().Add(25 * time.Millisecond)} // nothing comes
		s.step(t)
		s.waits <- session.Wait{Source: c}
		s.quiet(t, 20*time.Millisecond)
		_ = c.theirs.Close()
		s.step(t)
		s.end(t)
	})
}

// What comes while a task waits for time only is seen when it waits for it.
func TestDataDuringAPause(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		s, c := enter(r), dial(t)
		s.step(t)
		s.waits <- session.Wait{Source: c}
		c.say(t, "x")
		s.step(t)
		c.read(t, 1)
		s.waits <- session.Wait{Until: time.Now().Add(60 * time.Millisecond)}
		c.say(t, "y")
		s.quiet(t, 20*time.Millisecond)
		s.step(t)
		c.read(t, 1)
		s.waits <- session.Wait{Source: c}
		s.quiet(t, 20*time.Millisecond)
		c.say(t, "z")
		s.step(t)
		s.end(t)
	})
}

// A connection that was closed, and whose descriptor another one has, is no
// matter: each task hears of its own.
func TestDescriptorsAreReused(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		a, b := enter(r), enter(r)
		a.step(t)
		b.step(t)
		var ofA *conn
		for range 20 {
			if ofA != nil {
				_ = ofA.Close()
			}
			ofA = dial(t)
			a.waits <- session.Wait{Source: ofA, Until: far()}
			a.interrupt() // off it again
			a.step(t)
			_ = ofA.Close()
			ofB := dial(t) // on the same number
			ofA = dial(t)
			a.waits <- session.Wait{Source: ofA, Until: far()}
			b.waits <- session.Wait{Source: ofB, Until: far()}
			ofB.say(t, "x")
			b.step(t)
			ofB.read(t, 1)
			a.quiet(t, 2*time.Millisecond)
			ofA.say(t, "x")
			a.step(t)
			ofA.read(t, 1)
			_ = ofB.Close()
		}
		a.end(t)
		b.end(t)
	})
}

// Tasks whose step blocks do not keep the others from stepping.
func TestBlockedTasksHoldNobodyUp(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		var blocked []*script
		for range 3000 {
			blocked = append(blocked, enter(r))
		}
		s := enter(r)
		for range 10 {
			s.step(t)
			s.waits <- session.Wait{Until: time.Now().Add(time.Millisecond)}
		}
		for _, b := range blocked {
			b.step(t)
		}
		s.step(t)
		s.end(t)
		for _, b := range blocked {
			b.end(t)
		}
	})
}

// Tasks that say that they block step all, however many, and each goes on.
func TestTasksSayThatTheyBlock(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		var blocked []*script
		for range 600 {
			blocked = append(blocked, enter(r))
		}
		for round := range 3 {
			for _, b := range blocked {
				b.step(t)
				b.Blocks()
				if round == 1 {
					b.Blocks() // said twice
				}
			}
			for _, b := range blocked {
				b.waits <- session.Wait{Until: time.Now()}
			}
		}
		for _, b := range blocked {
			b.step(t)
			b.end(t)
		}
	})
}

// echo is a task that answers every byte that comes, until the end of the
// connection, and rests in between.
type echo struct {
	waiting.Seat
	*conn
	seen int
	over chan error
}

func (e *echo) Step() (session.Wait, bool) {
	_ = e.SetReadDeadline(time.Now().Add(time.Millisecond))
	n, err := e.Read(make([]byte, 1))
	var timeout net.Error
	switch ok := errors.As(err, &timeout); {
	case n > 0:
		e.seen++
		if _, err := e.Write([]byte("!")); err != nil {
			e.over <- err
			return session.Wait{}, false
		}
		if e.seen%3 == 0 {
			return session.Wait{Until: time.Now().Add(time.Millisecond)}, true
		}
	case !ok || !timeout.Timeout():
		e.over <- nil
		return session.Wait{}, false
	}
	return session.Wait{Source: e.conn, Until: time.Now().Add(time.Second)}, true
}

func (e *echo) Block(w session.Wait) { w.Block(context.Background()) }

// Many tasks at once: no byte is missed, whenever it comes.
func TestManyTasks(t *testing.T) {
	rooms(t, func(t *testing.T, r waiting.Room, _ func()) {
		const tasks, rounds = 100, 30
		errs := make(chan error, 2*tasks)
		for range tasks {
			e := &echo{conn: dial(t), over: errs}
			r.Enter(&e.Seat, e)
			go func() {
				_ = e.theirs.SetDeadline(time.Now().Add(patience))
				for n := range rounds {
					if _, err := e.theirs.Write([]byte("?")); err != nil {
						errs <- err
						return
					}
					if _, err := e.theirs.Read(make([]byte, 1)); err != nil {
						errs <- fmt.Errorf("round %d: %w", n, err)
						return
					}
				}
				errs <- e.theirs.Close()
			}()
		}
		for range 2 * tasks {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
	})
}
