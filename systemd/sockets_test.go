package systemd

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestSockets starts itself again as systemd starts a service: with sockets
// from descriptor 3 on. The process prints what it found.
func TestSockets(t *testing.T) {
	if os.Getenv("SYSTEMD_TEST_CHILD") != "" {
		child()
		return
	}
	public, other := tcp(t), tcp(t)
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" -test.run '^TestSockets$'`, os.Args[0])
	cmd.Env = append(os.Environ(), "SYSTEMD_TEST_CHILD=1", "LISTEN_FDS=2", "LISTEN_FDNAMES=listen:other")
	for _, l := range []*net.TCPListener{public, other} {
		f, err := l.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		cmd.ExtraFiles = append(cmd.ExtraFiles, f)
	}
	conn, err := net.Dial("tcp", public.Addr().String()) // waits in the socket
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := fmt.Sprintf("listen [%s], left [other], again 0\n", public.Addr()); !strings.Contains(string(out), want) {
		t.Errorf("printed %q, want %q", out, want)
	}
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "hello" {
		t.Errorf("the connection heard %q, %v", answer, err)
	}
}

func tcp(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func child() {
	s, err := TakeSockets()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	list := s.Take("listen")
	var addresses []string
	for _, l := range list {
		addresses = append(addresses, l.Addr().String())
	}
	again, _ := TakeSockets()
	conn, err := list[0].Accept()
	if err != nil {
		panic(err)
	}
	_, _ = conn.Write([]byte("hello"))
	_ = conn.Close()
	fmt.Printf("listen %v, left %v, again %d\n", addresses, slices.Sorted(slices.Values(s.Names())), len(again))
}

func TestNoSockets(t *testing.T) {
	t.Setenv("LISTEN_PID", "1") // somebody else's
	t.Setenv("LISTEN_FDS", "1")
	s, err := TakeSockets()
	if err != nil || len(s) != 0 || s.Take("listen") != nil {
		t.Errorf("%v, %v", s, err)
	}
}
