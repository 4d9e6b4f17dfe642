package listener

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// conn is a connection from an address, of which only the end is real.
type conn struct {
	net.Conn
	from   net.Addr
	closed bool
}

func (c *conn) RemoteAddr() net.Addr { return c.from }
func (c *conn) Close() error         { c.closed = true; return nil }

func from(address string) *conn {
	ip := net.ParseIP(address)
	return &conn{from: &net.TCPAddr{IP: ip, Port: 40000}}
}

// tally counts refusals by reason.
type tally struct {
	mu  sync.Mutex
	all map[string]int
}

func (t *tally) Refused(listener, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = map[string]int{}
	}
	t.all[listener+" "+reason]++
}

func newPlaces(total, part, reserved int) (*Places, *tally) {
	counted := &tally{}
	return NewPlaces(Limits{Total: func() int { return total }, Part: part, Reserved: reserved},
		NewRefusals("listen", counted, slog.New(slog.DiscardHandler))), counted
}

// enter makes n connections from an address, served ones where a request came.
func enter(p *Places, n int, address string, served bool) (all []*conn) {
	for range n {
		c := from(address)
		p.See(c, http.StateNew)
		if served && !c.closed {
			p.See(c, http.StateActive)
		}
		all = append(all, c)
	}
	return all
}

func open(all []*conn) (n int) {
	for _, c := range all {
		if !c.closed {
			n++
		}
	}
	return n
}

// Clients that say nothing never keep one out that speaks: the one that waits
// longest makes room.
func TestSilentClientsMakeRoom(t *testing.T) {
	p, counted := newPlaces(8, 4, 0)
	silent := enter(p, 8, "127.0.0.1", false)
	if open(silent) != 8 {
		t.Fatalf("%d of 8 are open: the bound itself is too many", open(silent))
	}
	one := enter(p, 1, "127.0.0.1", true)
	if open(one) != 1 || !silent[0].closed || open(silent) != 7 {
		t.Errorf("the newcomer is open: %v; the first is closed: %v; %d others", open(one) == 1, silent[0].closed, open(silent))
	}
	p.See(silent[1], http.StateActive)
	p.See(silent[1], http.StateIdle) // has waited less long than all others now
	enter(p, 6, "127.0.0.1", true)
	if open(silent) != 1 || silent[1].closed {
		t.Errorf("%d silent ones are left, the one that spoke last is closed: %v", open(silent), silent[1].closed)
	}
	if counted.all["listen idle"] != 7 || len(counted.all) != 1 {
		t.Errorf("counted %v", counted.all)
	}
}

// Clients that are being served keep their places.
func TestServedClientsStay(t *testing.T) {
	p, counted := newPlaces(8, 4, 0)
	served := enter(p, 8, "::1", true)
	if late := enter(p, 1, "::1", false); open(late) != 0 || open(served) != 8 {
		t.Errorf("%d late, %d served", open(late), open(served))
	}
	p.See(served[3], http.StateClosed)
	p.See(served[3], http.StateClosed) // whatever the server says twice
	if again := enter(p, 2, "::1", false); open(again) != 1 {
		t.Errorf("%d got the one free place", open(again))
	}
	if counted.all["listen full"] != 1 || counted.all["listen idle"] != 1 {
		t.Errorf("counted %v", counted.all)
	}
}

// One address has its part of the places, and within it its own silent
// connections make room, not other people's.
func TestShareOfAnAddress(t *testing.T) {
	p, counted := newPlaces(16, 4, 0)
	other := enter(p, 1, "10.0.0.8", false)
	hog := enter(p, 4, "10.0.0.7", true)
	if open(hog) != 4 {
		t.Fatalf("%d of its 4 places", open(hog))
	}
	if more := enter(p, 100, "10.0.0.7", true); open(more) != 0 {
		t.Errorf("%d beyond its share", open(more))
	}
	if counted.all["listen share"] != 100 {
		t.Errorf("counted %v", counted.all)
	}
	p.See(hog[0], http.StateIdle)
	if more := enter(p, 1, "::ffff:10.0.0.7", true); open(more) != 1 || !hog[0].closed || open(other) != 1 {
		t.Errorf("its own idle one did not make room: %v %v %v", open(more), hog[0].closed, open(other))
	}
	network := append(enter(p, 2, "2001:db8::1", true), enter(p, 2, "2001:db8::2", true)...)
	if more := enter(p, 1, "2001:db8::3", true); open(network) != 4 || open(more) != 0 {
		t.Errorf("a /64 has %d and one more: %v", open(network), open(more) == 1)
	}
	if elsewhere := enter(p, 1, "2001:db8:0:1::1", true); open(elsewhere) != 1 {
		t.Error("another /64 is refused")
	}
	local := enter(p, 16-4-4-1-1+1, "127.0.0.1", true) // and the other's makes room
	if open(local) != len(local) || open(other) != 0 {
		t.Errorf("%d of %d programs on the loopback", open(local), len(local))
	}
}

// Fewer places after a reload: newcomers find no room before enough have gone.
func TestFewerPlaces(t *testing.T) {
	total := 8
	p := NewPlaces(Limits{Total: func() int { return total }}, nil)
	silent, served := enter(p, 4, "127.0.0.1", false), enter(p, 4, "127.0.0.1", true)
	total = 3
	if late := enter(p, 1, "127.0.0.1", false); open(late) != 0 || open(served) != 4 || open(silent) != 0 {
		t.Errorf("%d late, %d served, %d silent", open(late), open(served), open(silent))
	}
	p.See(served[0], http.StateClosed)
	p.See(served[1], http.StateHijacked)
	if late := enter(p, 1, "127.0.0.1", false); open(late) != 1 {
		t.Error("no place though there is one")
	}
}

// A few places are root's and the service's own, and neither has a share.
func TestReservedPlaces(t *testing.T) {
	limits := Limits{Total: func() int { return 8 }, Part: 2, Reserved: 16}
	privileged, member := peer{name: "uid 0", privileged: true}, peer{name: "uid 7"}
	if limits.total(privileged) != 8 || limits.total(member) != 6 || limits.share(privileged) <= 8 || limits.share(member) != 4 {
		t.Errorf("%d %d %d %d", limits.total(privileged), limits.total(member), limits.share(privileged), limits.share(member))
	}
	p := NewPlaces(limits, nil)
	let := func(who peer, n int) (in int) {
		for range n {
			c := from("127.0.0.1")
			if _, refused := p.admit(c, who); refused == "" {
				p.See(c, http.StateActive)
				in++
			}
		}
		return in
	}
	if a, b := let(member, 9), let(peer{name: "uid 8"}, 9); a != 4 || b != 2 {
		t.Errorf("%d and %d, want 4 and what is not reserved", a, b)
	}
	if root := let(privileged, 9); root != 2 {
		t.Errorf("root got %d of the 2 reserved places", root)
	}
}

// Who opened a unix socket is asked of the kernel.
func TestUserOfASocket(t *testing.T) {
	l, err := net.Listen("unix", t.TempDir()+"/s")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if got := peerOf(accepted); !got.privileged || !strings.HasPrefix(got.name, "uid ") {
		t.Errorf("%+v", got)
	}
}

// What is refused is logged once, and then summed up.
func TestRefusalsAreLoggedSeldom(t *testing.T) {
	var text strings.Builder
	r := NewRefusals("listen", &tally{}, slog.New(slog.NewTextHandler(&text, nil)))
	for i := range 1000 {
		r.Note(Share, slog.String("peer", fmt.Sprint(i)))
		r.Note(Full)
	}
	if lines := strings.Count(text.String(), "\n"); lines != 2 {
		t.Errorf("%d lines:\n%s", lines, text.String())
	}
}
