package wire

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"agentkeeper/session"
)

// Dials bounds how many connections of one platform are made at once, and spreads
// them over the addresses of this machine that they may come from. A connection is
// being made until its TLS handshake is over: thousands at once would starve
// everything else in the process, and flood the platform. All that a platform's
// agents dial with shares one Dials. nil bounds nothing, and lets the system
// choose the address.
type Dials struct {
	mu      sync.Mutex
	sources []netip.Addr
	turn    int       // of the sources
	most    int       // places
	taken   int       // above most where there were more before
	first   list.List // of *slot: operations that wait for a place, oldest first
	later   list.List // likewise, everything else; they get what the first leave
}

// NewDials returns one of that many places, 1 or more. The connections come from
// the sources in turn; without any the system chooses.
func NewDials(concurrent int, sources []netip.Addr) *Dials {
	d := &Dials{}
	d.Update(concurrent, sources)
	return d
}

// Update takes other bounds and sources. Connections that there are, or that are
// being made, stay as they are.
func (d *Dials) Update(concurrent int, sources []netip.Addr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.most, d.sources = max(concurrent, 1), sources
	for d.taken < d.most && d.admit() {
		d.taken++
	}
}

// slot is a place that was asked for. It belongs to who asked.
type slot struct {
	dials *Dials
	asked time.Time
	given session.Signal // set with the place
	queue *list.List     // where it waits; nil once it was given. dials' mu guards it.
	entry *list.Element
}

// ask asks for a place. Operations go first: sign-ins and sign-outs are few at
// once, have a time limit of their own, and must not stand behind the polls of a
// whole fleet. What it returns is left once, whether or not the place has come.
func (d *Dials) ask(operation bool) *slot {
	s := &slot{dials: d, asked: time.Now()}
	if d == nil {
		return s
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken < d.most {
		d.taken++
		return s
	}
	if s.queue = &d.later; operation {
		s.queue = &d.first
	}
	s.entry = s.queue.PushBack(s)
	return s
}

// here reports whether the place has come.
func (s *slot) here() bool {
	if s.dials == nil {
		return true
	}
	s.dials.mu.Lock()
	defer s.dials.mu.Unlock()
	return s.queue == nil
}

// wait is what a slot waits for.
func (s *slot) wait() session.Wait { return session.Wait{Signal: &s.given} }

// leave gives the place to whoever waits, or frees it, or gives up waiting for it.
func (s *slot) leave() {
	d := s.dials
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case s.queue != nil:
		s.queue.Remove(s.entry)
	case d.taken > d.most, !d.admit():
		d.taken--
	}
}

// admit gives a place to whoever waits, and reports whether somebody did. The
// caller holds mu.
func (d *Dials) admit() bool {
	for _, queue := range []*list.List{&d.first, &d.later} {
		if head := queue.Front(); head != nil {
			s := queue.Remove(head).(*slot)
			s.queue = nil
			s.given.Set()
			return true
		}
	}
	return false
}

// Enter blocks until a place is free, or returns ctx's error. Operations go before
// everything else that waits. leave gives the place back; it is called once.
func (d *Dials) Enter(ctx context.Context, operation bool) (leave func(), err error) {
	s := d.ask(operation)
	for !s.here() {
		if err := ctx.Err(); err != nil {
			s.leave()
			return nil, err
		}
		s.wait().Block(ctx)
	}
	return s.leave, nil
}

// source returns the next source; ok is false where the system is to choose.
func (d *Dials) source() (from netip.Addr, ok bool) {
	if d == nil {
		return netip.Addr{}, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.sources) == 0 {
		return netip.Addr{}, false
	}
	d.turn = (d.turn + 1) % len(d.sources)
	return d.sources[d.turn], true
}

// dial makes a connection from the next source.
func (d *Dials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	// Requests prove the connection; the kernel's probes would only wake it.
	dialer := net.Dialer{Timeout: connectLimit, KeepAlive: -1}
	from, chosen := d.source()
	if !chosen {
		return dialer.DialContext(ctx, network, address)
	}
	dialer.LocalAddr = &net.TCPAddr{IP: from.AsSlice(), Zone: from.Zone()}
	dialer.Control = sharePorts
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, &sourceError{from, err}
	}
	return conn, nil
}

// bindNoPort is IP_BIND_ADDRESS_NO_PORT of Linux: the port is chosen when the
// destination is known, so that each destination has all ports of the source
// instead of all destinations together.
const bindNoPort = 24

func sharePorts(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindNoPort, 1) // without it there are fewer connections, and no other harm
	})
}

// sourceError tells which address a dial that failed was to come from.
type sourceError struct {
	from netip.Addr
	err  error
}

// Error names the address.
func (e *sourceError) Error() string { return "from " + e.from.String() + ": " + e.err.Error() }

// Unwrap returns the dial's error.
func (e *sourceError) Unwrap() error { return e.err }

// Source returns the source address that a failed dial was to come from; ok is
// false where the system chose it, and for errors behind the dial.
func Source(err error) (from netip.Addr, ok bool) {
	var e *sourceError
	if !errors.As(err, &e) {
		return netip.Addr{}, false
	}
	return e.from, true
}

// Dialer returns how connections to the place are made below TLS: DialContext
// where one is set, else a dialer with time limits and the sources of Dials.
func (p Place) Dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	if p.DialContext != nil {
		return p.DialContext
	}
	return p.Dials.dial
}

// within returns the earlier of t and ctx's deadline.
func within(ctx context.Context, t time.Time) time.Time {
	if d, ok := ctx.Deadline(); ok && d.Before(t) {
		return d
	}
	return t
}
