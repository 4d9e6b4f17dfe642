package proxy

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"agentkeeper/daemon/socket"
)

// CheckListen says why address is not one that only this host reaches. It must
// be host:port with a loopback address or "localhost", or the absolute path of
// a unix socket with or without "unix:" before it. It does no I/O.
func CheckListen(address string) error {
	_, _, err := parseListen(address)
	return err
}

// socketLength is the longest path of a unix socket: the kernel's 108 bytes
// with the final zero.
const socketLength = 107

const example = "write 127.0.0.1:9465 or unix:/run/agentkeeper/proxy.sock"

// parseListen returns what net.Listen takes.
func parseListen(address string) (network, where string, err error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	switch {
	case isUnix || strings.HasPrefix(address, "/"):
		return "unix", path, checkSocket(path)
	default:
		return "tcp", address, checkLoopback(address)
	}
}

func checkSocket(path string) error {
	switch {
	case !filepath.IsAbs(path):
		return fmt.Errorf("the proxy's socket %q is no absolute path; %s", path, example)
	case len(path) > socketLength:
		return fmt.Errorf("the proxy's socket %q is longer than a socket's path can be (%d bytes); use a shorter one", path, socketLength)
	}
	return nil
}

func checkLoopback(address string) error {
	host, port, err := net.SplitHostPort(address)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || n < 0 || n > 65535 {
		return fmt.Errorf("the proxy's address %q is not host:port; %s", address, example)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return fmt.Errorf("the proxy's address %q is one that other hosts may reach, and whoever reaches the proxy acts as any agent; %s", address, example)
	}
	return nil
}

// Listen opens the proxy's listener; see CheckListen. A unix socket is for its
// owner and group. A socket that a dead process left behind is replaced; one
// that answers is not.
func Listen(address string) (net.Listener, error) {
	network, where, err := parseListen(address)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		return socket.Listen(where, "proxy's socket", "proxy.listen")
	}
	l, err := net.Listen(network, where)
	if err != nil {
		return nil, fmt.Errorf("open the proxy's listener: %w", err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = l.Close()
		return nil, fmt.Errorf("the proxy's address %q leads to %s, which other hosts may reach; %s", address, l.Addr(), example)
	}
	return l, nil
}
