package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"agentkeeper/test/rig"
)

// door is a listener of the service.
type door struct{ name, network, address string }

func (w *world) allDoors() []door {
	return []door{
		{"listen", "tcp", w.doors.listen}, {"control", "unix", filepath.Join(w.dir, "control.sock")},
		{"proxy", "tcp", w.doors.proxy}, {"NATS", "tcp", w.doors.nats},
	}
}

// strangers are connections that are held open.
type strangers []net.Conn

// dial opens n connections to a door, from an address of their own, and writes
// text on each. It gives up on a door that takes no more.
func (s *strangers) dial(d door, n int, text string) (opened int) {
	dialer := net.Dialer{Timeout: time.Second}
	if d.network == "tcp" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	for range n {
		c, err := dialer.Dial(d.network, d.address)
		if err != nil {
			return opened
		}
		if text != "" {
			_ = c.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = c.Write([]byte(text))
		}
		*s = append(*s, c)
		opened++
	}
	return opened
}

func (s *strangers) leave() {
	for _, c := range *s {
		_ = c.Close()
	}
}

// silent fills every listener's places with clients of which half say nothing
// and half begin a header, and meanwhile asks as everybody else does.
func silent(ctx context.Context, t *trial) error {
	var crowd strangers
	defer crowd.leave()
	for _, d := range t.allDoors() {
		crowd.dial(d, 300, "")
		crowd.dial(d, 300, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ")
	}
	t.askAround(ctx, 7*time.Second)
	return ctx.Err()
}

// askAround asks the public half and the control socket for a while: each must
// answer at least once.
func (t *trial) askAround(ctx context.Context, d time.Duration) {
	deadline := time.Now().Add(d)
	open, local := false, false
	for time.Now().Before(deadline) && ctx.Err() == nil && !(open && local) {
		if !open {
			client := *t.k.Client
			client.Timeout = time.Second
			asker := *t.k
			asker.Client = &client
			_, _, err := asker.Get("/-/healthy")
			open = err == nil
		}
		if !local { // from a process of its own, as an administrator does
			p, err := rig.Start(rig.Command(filepath.Join(t.programs, "agentkeeper"), "status", "--control", t.k.Socket))
			if err != nil {
				t.need(err)
				return
			}
			code, err := p.Code(2 * time.Second)
			local = err == nil && code == 0
			p.Kill()
		}
	}
	if !open {
		t.broke("silent clients: `listen` answered nobody else for %v", d)
	}
	if !local {
		t.broke("silent clients: the control socket answered nobody else for %v", d)
	}
}

// crowd opens as many connections as it can, to all listeners; agents that are
// signed out meanwhile must find open files for their return.
func crowd(ctx context.Context, t *trial) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	want := 10_000
	if !t.long {
		want = 3_000
	}
	if free := int(min(l.Cur, 1<<20)) - 500; free < want {
		want = free
	}
	var all strangers
	defer all.leave()
	opened := 0
	for _, d := range t.allDoors() {
		opened += all.dial(d, want/len(t.allDoors()), "")
	}
	t.note("%d connections of %d were opened; the service may have %d files", opened, want, serviceFiles)
	if _, err := t.kick(5); err != nil {
		return err
	}
	for i := range 3 {
		if err := t.pbx.Order(fmt.Sprintf("agents/%d/kick", 101+i), `{"signal":"close"}`); err != nil {
			return err
		}
	}
	// Every agent must dial anew, and the crowd waits for the files that they leave.
	if err := t.hq.Order("outage", `{"mode":"refuse","for":"300ms"}`); err != nil {
		return err
	}
	rest(ctx, 400*time.Millisecond)
	t.need(rig.Await(ctx, window/2, "the return of eight agents beside the crowd", t.everybodyIn))
	return nil
}

// everybodyIn asks the platforms alone.
func (w *world) everybodyIn() error {
	hq, err := w.gateway()
	if err != nil {
		return err
	}
	pbx, err := w.exchange()
	if err != nil {
		return err
	}
	n := 0
	for _, a := range hq.Agents {
		if a.SignedIn {
			n++
		}
	}
	for _, a := range pbx.Agents {
		n += a.Sockets
	}
	if n < atHQ+atPBX {
		return fmt.Errorf("%d of %d agents are signed in", n, atHQ+atPBX)
	}
	return nil
}
