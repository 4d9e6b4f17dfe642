package proxy

import (
	"fmt"
	"net"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/socket"
)

// Listen opens the proxy's listener on an address that only this host reaches, as
// [address.Private] has it. A unix socket is for its
// owner and group. A socket that a dead process left behind is replaced; one
// that answers is not.
func Listen(at string) (net.Listener, error) {
	network, where, err := address.Private(at)
	if err != nil {
		return nil, fmt.Errorf("the proxy's address %q %w", at, err)
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
		return nil, fmt.Errorf("the proxy's address %q leads to %s, which other hosts may reach; write 127.0.0.1:9465 or unix:/run/agentkeeper/proxy.sock", at, l.Addr())
	}
	return l, nil
}
