package config

import (
	"net"
	"net/netip"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
)

const (
	maxDials   = 1000 // connections that are being made at once, to one platform: more starve the service
	maxSources = 256  // of one platform
)

// dials decodes how connections are made, after the address that they go to.
func (l *loader) dials(m *strict.Mapping, p *place) {
	p.Dials.Concurrent = m.Count("concurrent_dials")
	list := m.List("source_addresses")
	if len(list) > maxSources {
		m.Wrong("source_addresses", "has %d addresses; write at most %d", len(list), maxSources)
		return
	}
	for _, n := range list {
		if from, ok := l.sourceAddress(m, p, strict.Target(n)); ok {
			p.Dials.Sources = append(p.Dials.Sources, from)
		}
	}
}

// sourceAddress reads one address to connect from, and warns where this machine does not
// have it: it may get it later.
func (l *loader) sourceAddress(m *strict.Mapping, p *place, n *yaml.Node) (from netip.Addr, ok bool) {
	pos := m.PosOf(n)
	from, err := netip.ParseAddr(n.Value)
	from = from.Unmap()
	switch {
	case n.Kind != yaml.ScalarNode || err != nil || from.IsUnspecified() || from.IsMulticast():
		l.Wrong(pos, "%s holds what is no address of a machine; write one such as 10.0.0.7", m.Name("source_addresses"))
		return from, false
	case p.comesFrom(from):
		l.Wrong(pos, "%s has this address twice; keep one", m.Name("source_addresses"))
		return from, false
	case !p.reaches(from):
		l.Wrong(pos, "%s has an address that cannot reach %s: one is IPv4, the other IPv6", m.Name("source_addresses"), p.URL.Hostname())
		return from, false
	}
	if !isLocal(from) {
		l.Warn(pos, "this machine does not have the address %s: while it is so, no connection from it is made, and the agents whose turn it is try again with the next one", from)
	}
	return from, true
}

// comesFrom reports whether an address is one of the platform's sources.
func (p *place) comesFrom(from netip.Addr) bool {
	for _, other := range p.Dials.Sources {
		if other == from {
			return true
		}
	}
	return false
}

// reaches reports whether an address may reach the platform: the one it has where
// that is written as such is of the same family.
func (p *place) reaches(from netip.Addr) bool {
	if p.URL == nil {
		return true
	}
	to, err := netip.ParseAddr(p.URL.Hostname())
	return err != nil || to.Unmap().Is4() == from.Is4()
}

// isLocal reports whether this machine has an address: it lets nobody else's be
// taken.
func isLocal(a netip.Addr) bool {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
