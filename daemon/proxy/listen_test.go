package proxy

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestListenRefusesWhatOthersReach(t *testing.T) {
	for _, at := range []string{"", ":9465", "0.0.0.0:9465", "10.0.0.5:9465", "example.org:9465", "127.0.0.1", "127.0.0.1:http", "unix:", "proxy.sock", "unix:@abstract", "/" + strings.Repeat("x", 107)} {
		if l, err := Listen(at); err == nil {
			_ = l.Close()
			t.Errorf("%q was opened", at)
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
