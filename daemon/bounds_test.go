package daemon

import (
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"agentkeeper/daemon/bound"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/store"
	"agentkeeper/metrics"
	"agentkeeper/test/manual"
)

// A user is promised no more consumers than all users together may have.
func TestConsumersOfOneUser(t *testing.T) {
	for _, row := range store.Bounds() {
		if strings.Contains(row.What, "of all users together") {
			if want := bound.Count(config.MaxConsumers); row.Limit != want {
				t.Errorf("all users have %s, one may be given %s", row.Limit, want)
			}
			return
		}
	}
	t.Error("the store does not say how many consumers all users together may have")
}

// The table in the documentation is the one that the constants make, and every
// row's test is there.
func TestTableOfBounds(t *testing.T) {
	var rows []bound.Bound
	for _, p := range bounds() {
		tests := testsIn(t, p.dir)
		for _, r := range p.rows {
			if r.Where == "" || r.What == "" || r.Limit == "" || r.Beyond == "" {
				t.Errorf("%s: a row is not whole: %+v", p.dir, r)
			}
			if !tests[r.Test] {
				t.Errorf("%s: %s of %s has no test %q", p.dir, r.What, r.Where, r.Test)
			}
		}
		rows = append(rows, p.rows...)
	}
	manual.Generated(t, "docs/bounds.md", "bounds", "go test ./daemon -run TestTableOfBounds -update", bound.Table(rows))
}

var testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

func testsIn(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range testFunc.FindAllSubmatch(text, -1) {
			all[string(found[1])] = true
		}
	}
	return all
}

// far is a connection from one address beyond the loopback.
type far struct {
	net.Conn
	open bool
}

func (*far) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 40000} }
func (f *far) Close() error       { f.open = false; return nil }

// One peer has the part of the places that the table says, and not one more.
func TestShares(t *testing.T) {
	d := &Daemon{log: slog.New(slog.DiscardHandler), parts: parts{
		files: openfiles.New(0, openfiles.Public, openfiles.Callback), metrics: metrics.New(&Daemon{}, metrics.Options{}),
	}}
	for name, tt := range map[openfiles.Listener]struct{ part, want int }{
		openfiles.Public: {publicPart, 128}, openfiles.Callback: {callbackPart, 256},
	} {
		at, in := d.door(name, tt.part, 0), 0
		for range tt.want + 1 {
			c := &far{open: true}
			at.places.See(c, http.StateNew)
			at.places.See(c, http.StateActive)
			if c.open {
				in++
			}
		}
		if in != tt.want {
			t.Errorf("%s: one address has %d connections, want %d", name, in, tt.want)
		}
	}
	if controlPart != 2 || proxyPart != 2 || controlReserved >= openfiles.Most/4 {
		t.Error("the parts of a socket's users, or what is reserved, are not what the listener's own tests take")
	}
}
