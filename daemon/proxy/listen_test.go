package proxy

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckListen(t *testing.T) {
	for address, fine := range map[string]bool{
		"127.0.0.1:9465": true, "127.8.9.1:0": true, "[::1]:9465": true, "localhost:9465": true,
		"/run/agentkeeper/proxy.sock": true, "unix:/run/agentkeeper/proxy.sock": true,
		"": false, ":9465": false, "0.0.0.0:9465": false, "[::]:9465": false, "10.0.0.5:9465": false, "example.org:9465": false,
		"localhost.example.org:9465": false, "127.0.0.1": false, "127.0.0.1:": false, "127.0.0.1:http": false, "127.0.0.1:99999": false,
		"127.0.0.1:-1": false, "unix:": false, "unix:proxy.sock": false, "proxy.sock": false, "unix:@abstract": false,
		"/" + strings.Repeat("x", 107): false,
	} {
		if err := CheckListen(address); (err == nil) != fine {
			t.Errorf("%q: %v", address, err)
		}
		if !fine {
			if l, err := Listen(address); err == nil {
				_ = l.Close()
				t.Errorf("%q was opened", address)
			}
		}
	}
}

func TestASocketIsForOwnerAndGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "proxy.sock")
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v, want 0660", info.Mode(), err)
	}
	if second, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another process") {
		_ = second.Close()
		t.Errorf("a socket that answers was replaced: %v", err)
	}
}

func TestAStaleSocketIsReplacedAndAFileIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is no socket") {
		t.Errorf("a file was replaced: %v", err)
	}
}
