package listener

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Hosts tells whose name a request's Host header may bear. The zero Hosts are
// the strict ones, for a listener that acts for whoever reaches it.
//
// Over a unix socket, to which no browser connects, any name is good. Otherwise
// good are the loopback addresses and localhost, and what Names lists.
type Hosts struct {
	// Names are further names and addresses, without a port. A name that begins
	// with a dot stands for every name below it.
	Names []string
	// Open is for a listener that only shows things. Then good are also any IP
	// address and no Host at all, which no rebound name comes with, and the
	// machine's own name; and, as long as Names lists none, any name on a
	// connection that came in beyond the loopback: programs know a machine by
	// names that it does not.
	Open bool
}

// Good reports whether a request asks for this host.
func (h Hosts) Good(req *http.Request) bool {
	local, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if ok && local.Network() == "unix" {
		return true
	}
	name := hostname(req.Host)
	ip, err := netip.ParseAddr(name)
	switch {
	case err == nil && (ip.IsLoopback() || h.Open), strings.EqualFold(name, "localhost"):
		return true
	case slices.ContainsFunc(h.Names, func(known string) bool { return matches(known, name) }):
		return true
	case !h.Open:
		return false
	}
	return name == "" || own(name) || (len(h.Names) == 0 && ok && !onLoopback(local))
}

// Context returns a context in which requests came in at that address, for
// tests of handlers without a server.
func Context(ctx context.Context, local net.Addr) context.Context {
	return context.WithValue(ctx, http.LocalAddrContextKey, local)
}

// hostname is a Host header without its port, brackets and final dot.
func hostname(hostport string) string {
	name := hostport
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	return strings.TrimSuffix(name, ".")
}

// matches compares a listed name with a request's.
func matches(known, name string) bool {
	known = strings.TrimSuffix(known, ".")
	if strings.HasPrefix(known, ".") {
		return len(name) > len(known) && strings.EqualFold(name[len(name)-len(known):], known)
	}
	return known != "" && strings.EqualFold(known, name)
}

// own reports whether name is the machine's, with or without its domain.
func own(name string) bool {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return false
	}
	short, _, _ := strings.Cut(host, ".")
	return strings.EqualFold(name, host) || strings.EqualFold(name, short)
}

// onLoopback reports whether a connection came in at a loopback address.
func onLoopback(local net.Addr) bool {
	at, ok := local.(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}
