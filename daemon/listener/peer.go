package listener

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
)

// peer is who is at the other end of a connection. It is a value.
type peer struct {
	name       string // of an address or a user; peers of one name share; "" has no share
	privileged bool   // root or the service's own user, on a unix socket
}

// peerOf asks the connection, and on a unix socket the kernel.
func peerOf(c net.Conn) peer {
	switch c := c.(type) {
	case *net.UnixConn:
		return userOf(c)
	case interface{ NetConn() net.Conn }: // TLS
		return peerOf(c.NetConn())
	}
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return addressOf(at.AddrPort().Addr().Unmap())
	}
	return peer{}
}

// network6 is how much of an IPv6 address tells machines apart: whoever has one
// address has all of its /64.
const network6 = 64

func addressOf(ip netip.Addr) peer {
	switch {
	case ip.IsLoopback(), !ip.IsValid():
		return peer{}
	case ip.Is6():
		network, err := ip.WithZone("").Prefix(network6)
		if err != nil {
			return peer{name: ip.String()}
		}
		return peer{name: network.String()}
	}
	return peer{name: ip.String()}
}

// userOf names who opened a unix socket; a peer that the kernel does not tell
// is one user.
func userOf(c *net.UnixConn) peer {
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{name: "uid unknown"}
	}
	var cred *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return peer{name: "uid unknown"}
	}
	privileged := cred.Uid == 0 || cred.Uid == uint32(os.Geteuid())
	return peer{name: "uid " + strconv.FormatUint(uint64(cred.Uid), 10), privileged: privileged}
}
