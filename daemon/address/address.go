// Package address judges the addresses that the service listens on, as the
// configuration has them. It is pure: it resolves no name and opens nothing. The
// configuration refuses by it what a listener would refuse, and the local proxy
// asks again before it listens.
package address

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// SocketPathLimit is the longest path of a unix socket, in bytes: the kernel's
// 108 with the final zero.
const SocketPathLimit = 107

// Valid reports whether text is host:port, where host may be empty.
func Valid(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil && !strings.ContainsFunc(host, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || c == '/' || c == '@'
	})
}

// Loopback reports whether only this host reaches a listener on host: a loopback
// address, or "localhost".
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

const example = "127.0.0.1:9465 or unix:/run/agentkeeper/proxy.sock"

// Private returns what net.Listen takes for an address that only this host
// reaches: host:port on the loopback, or the absolute path of a unix socket, with
// or without "unix:" before it. The error says why it is none and what to write;
// it reads on behind a name of the address.
func Private(text string) (network, where string, err error) {
	if path, isUnix := strings.CutPrefix(text, "unix:"); isUnix || strings.HasPrefix(text, "/") {
		switch {
		case !filepath.IsAbs(path):
			return "", "", errors.New("is no absolute path; write for example unix:/run/agentkeeper/proxy.sock")
		case len(path) > SocketPathLimit:
			return "", "", fmt.Errorf("is a path of %d bytes; a socket's may have %d", len(path), SocketPathLimit)
		}
		return "unix", path, nil
	}
	host, _, _ := net.SplitHostPort(text)
	switch {
	case !Valid(text):
		return "", "", errors.New("is no address; write " + example)
	case !Loopback(host):
		return "", "", errors.New("is an address that other hosts may reach; the proxy lets whoever reaches it act as any agent, so write " + example)
	}
	return "tcp", text, nil
}
