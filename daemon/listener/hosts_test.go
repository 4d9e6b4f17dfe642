package listener_test

import (
	"net"
	"net/http/httptest"
	"os"
	"testing"

	"agentkeeper/daemon/listener"
)

func TestHosts(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	loopback, lan := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9464}, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 7), Port: 9464}
	socket := &net.UnixAddr{Name: "/run/s", Net: "unix"}
	strict, shows := listener.Hosts{}, listener.Hosts{Open: true}
	named := listener.Hosts{Open: true, Names: []string{"keeper.example.com", ".corp.example", "10.9.9.9"}}
	strictly := listener.Hosts{Names: []string{"keeper.example.com"}}
	for _, tt := range []struct {
		name  string
		hosts listener.Hosts
		local net.Addr
		host  string
		good  bool
	}{
		{"the address", strict, loopback, "127.0.0.1:9465", true},
		{"another loopback address", strict, loopback, "127.1.2.3", true},
		{"the address in IPv6", strict, loopback, "[::1]:9465", true},
		{"localhost", strict, loopback, "LocalHost:9465", true},
		{"localhost with its dot", strict, loopback, "localhost.", true},
		{"a rebound name", strict, loopback, "evil.example:9465", false},
		{"a name that begins like an address", strict, loopback, "127.0.0.1.evil.example", false},
		{"no host", strict, loopback, "", false},
		{"an address of the network", strict, loopback, "10.0.0.7:9465", false},
		{"any address", strict, loopback, "0.0.0.0:9465", false},
		{"the machine's name", strict, loopback, machine, false},
		{"a listed name", strictly, loopback, "keeper.example.com:443", true},
		{"over a socket", strict, socket, "evil.example", true},
		{"in from the network", strict, lan, "evil.example", false},

		{"shows: a rebound name", shows, loopback, "evil.example:9464", false},
		{"shows: a name below localhost", shows, loopback, "evil.localhost.example", false},
		{"shows: the address", shows, loopback, "127.0.0.1:9464", true},
		{"shows: no host", shows, loopback, "", true},
		{"shows: a forwarded port's address", shows, loopback, "10.0.0.7:9464", true},
		{"shows: the machine's name", shows, loopback, machine + ":9464", true},
		{"shows: a name of the network's", shows, lan, "monitoring.example:9464", true},
		{"shows: unknown where it came in", shows, nil, "monitoring.example:9464", false},
		{"shows: over a socket", shows, socket, "agentkeeper", true},

		{"named: the name", named, loopback, "Keeper.Example.COM.:443", true},
		{"named: below a name", named, loopback, "a.b.corp.example", true},
		{"named: what it is below of", named, loopback, "corp.example", false},
		{"named: ends alike", named, loopback, "evilcorp.example", false},
		{"named: another, from the network", named, lan, "monitoring.example:9464", false},
		{"named: an address, from the network", named, lan, "10.0.0.7:9464", true},
	} {
		req := httptest.NewRequest("GET", "/", nil)
		req.Host = tt.host
		if tt.local != nil {
			req = req.WithContext(listener.Context(req.Context(), tt.local))
		}
		if got := tt.hosts.Good(req); got != tt.good {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func FuzzHosts(f *testing.F) {
	f.Add("[::1%lo]:80")
	f.Add("127.0.0.1.")
	f.Fuzz(func(t *testing.T, host string) {
		req := httptest.NewRequest("GET", "/", nil)
		req.Host = host
		if (listener.Hosts{}).Good(req) && !(listener.Hosts{Open: true}).Good(req) {
			t.Errorf("%q is good for the strict and not for the open", host)
		}
	})
}
