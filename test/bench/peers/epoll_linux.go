package main

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// notYet is what a read says that finds nothing. crypto/tls keeps the state of a
// record that has come in part only if the error is temporary.
type notYet struct{}

func (notYet) Error() string   { return "nothing to read yet" }
func (notYet) Timeout() bool   { return true }
func (notYet) Temporary() bool { return true }

var errNotYet net.Error = notYet{}

// descriptor is a connection that waits while the agent signs in, and is a bare
// non-blocking descriptor from then on.
type descriptor struct {
	net.Conn // nil once detached

	fd int
}

// detach takes the descriptor out of the runtime's poller.
func (d *descriptor) detach() error {
	raw, err := d.Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { d.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return err
	}
	if failed != nil {
		return os.NewSyscallError("fcntl", failed)
	}
	err = d.Conn.Close() // the copy stays open, and stays non-blocking
	d.Conn = nil
	return err
}

// Read implements io.Reader.
func (d *descriptor) Read(p []byte) (int, error) {
	if d.Conn != nil {
		return d.Conn.Read(p)
	}
	for {
		switch n, err := unix.Read(d.fd, p); {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, errNotYet
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write implements io.Writer. It waits where the system takes no more.
func (d *descriptor) Write(p []byte) (written int, err error) {
	if d.Conn != nil {
		return d.Conn.Write(p)
	}
	for written < len(p) {
		n, err := unix.Write(d.fd, p[written:])
		written += max(n, 0)
		if err == unix.EAGAIN {
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLOUT}}, -1)
		}
		if err != nil && err != unix.EINTR {
			return written, os.NewSyscallError("write", err)
		}
	}
	return written, nil
}

// parked is an agent of the epoll loop.
type parked struct {
	conn    *tls.Conn
	request []byte
	part    []byte // of an answer that has not come whole; nil: none
	asked   time.Time
	resting bool // between an answer and the next poll
}

// pause is an agent that polls again at an instant.
type pause struct {
	i  int
	at time.Time
}

// loop waits for all agents on one goroutine.
type loop struct {
	o      options
	t      *tally
	epoll  int
	agents []atomic.Pointer[parked] // set before the descriptor is watched
	pauses []pause                  // in order: all are of one length
	swept  time.Time
	buf    [bufferSize]byte
}

func startEpoll(o options, t *tally) error {
	conf, err := trusting(o.CAFile, o.Address)
	if err != nil {
		return err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{o: o, t: t, epoll: epoll, agents: make([]atomic.Pointer[parked], o.Agents), swept: time.Now()}
	go func() { t.fail(l.run()) }()
	return all(o, func(i int) error { return l.enter(i, conf) })
}

// enter signs agent i in, sends its first poll and hands it to the loop.
func (l *loop) enter(i int, conf *tls.Config) error {
	raw, err := net.Dial("tcp", l.o.Address)
	if err != nil {
		return err
	}
	d := &descriptor{Conn: raw}
	a := &parked{conn: tls.Client(d, conf)}
	if a.request, err = signInOver(a.conn, l.o, i); err != nil {
		return err
	}
	if err := d.detach(); err != nil {
		return err
	}
	a.asked = time.Now()
	if _, err := a.conn.Write(a.request); err != nil {
		return err
	}
	l.agents[i].Store(a)
	err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, d.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
	return os.NewSyscallError("epoll_ctl", err)
}

// run ends with the first error.
func (l *loop) run() error {
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(l.epoll, events, l.wait())
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("epoll_wait", err)
		}
		now := time.Now()
		for _, e := range events[:max(n, 0)] {
			if err := l.readable(int(e.Fd), now); err != nil {
				return fmt.Errorf("agent %d: %w", firstLogin+int(e.Fd), err)
			}
		}
		if err := l.pollDue(now); err != nil {
			return err
		}
		if err := l.sweep(now); err != nil {
			return err
		}
	}
}

// sweepEvery is how often the time-outs are looked at.
const sweepEvery = 5 * time.Second

// wait is for how many milliseconds nothing is due.
func (l *loop) wait() int {
	d := sweepEvery
	if len(l.pauses) > 0 {
		d = min(d, time.Until(l.pauses[0].at))
	}
	return int((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
}

// readable takes what has come for agent i.
func (l *loop) readable(i int, now time.Time) error {
	a := l.agents[i].Load()
	answer, n, err := readAnswer(a.conn, l.buf[:], copy(l.buf[:], a.part))
	a.part = nil
	if errors.Is(err, errNotYet) {
		if n > 0 {
			a.part = bytes.Clone(l.buf[:n])
		}
		return nil
	}
	if err != nil {
		return err
	}
	if a.resting {
		return errors.New("an answer that nobody asked for")
	}
	if answer.GUID != nil {
		a.request = pollRequest(l.o.Address, firstLogin+i, answer.GUID)
	}
	rest, err := l.t.took(answer.Body)
	if err != nil {
		return err
	}
	if rest {
		a.resting = true
		l.pauses = append(l.pauses, pause{i, now.Add(l.o.Pause)})
		return nil
	}
	return a.poll(now)
}

func (a *parked) poll(now time.Time) error {
	a.asked, a.resting = now, false
	_, err := a.conn.Write(a.request)
	return err
}

// pollDue polls for those whose pause is over.
func (l *loop) pollDue(now time.Time) error {
	done := 0
	for done < len(l.pauses) && !l.pauses[done].at.After(now) {
		p := l.pauses[done]
		if err := l.agents[p.i].Load().poll(now); err != nil {
			return fmt.Errorf("agent %d: %w", firstLogin+p.i, err)
		}
		done++
	}
	l.pauses = l.pauses[done:] // append moves the rest to the front when it is full
	return nil
}

// sweep looks for answers that have not come in time.
func (l *loop) sweep(now time.Time) error {
	if now.Sub(l.swept) < sweepEvery {
		return nil
	}
	l.swept = now
	for i := range l.agents {
		if a := l.agents[i].Load(); a != nil && !a.resting && now.Sub(a.asked) > l.o.Timeout {
			return fmt.Errorf("agent %d: no answer within %v", firstLogin+i, l.o.Timeout)
		}
	}
	return nil
}
