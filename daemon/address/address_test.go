package address

import (
	"strings"
	"testing"
)

func TestPrivate(t *testing.T) {
	for text, fine := range map[string]bool{
		"127.0.0.1:9465": true, "127.8.9.1:0": true, "[::1]:9465": true, "localhost:9465": true,
		"/run/agentkeeper/proxy.sock": true, "unix:/run/agentkeeper/proxy.sock": true,
		"": false, ":9465": false, "0.0.0.0:9465": false, "[::]:9465": false, "10.0.0.5:9465": false, "example.org:9465": false,
		"localhost.example.org:9465": false, "127.0.0.1": false, "127.0.0.1:": false, "127.0.0.1:http": false, "127.0.0.1:99999": false,
		"127.0.0.1:-1": false, "unix:": false, "unix:proxy.sock": false, "proxy.sock": false, "unix:@abstract": false,
		"/" + strings.Repeat("x", 107): false,
	} {
		network, where, err := Private(text)
		if (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
		if fine && (network == "unix") != strings.HasPrefix(where, "/") {
			t.Errorf("%q: %s %s", text, network, where)
		}
	}
}

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{
		"127.0.0.1:9464": true, ":9464": true, "[::1]:0": true, "keeper.example.com:65535": true,
		"": false, "9464": false, "127.0.0.1": false, "h:x": false, "h:65536": false, "h:-1": false, "a b:1": false, "u@h:1": false, "h/x:1": false,
	} {
		if got := Valid(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "": false, "0.0.0.0": false, "::": false, "10.0.0.5": false, "localhost.example.org": false,
	} {
		if got := Loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
