package config

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
)

// hosts returns the hosts' names listed under key.
func hosts(m *strict.Mapping, key string) (names []string) {
	for _, n := range m.List(key) {
		n = strict.Target(n)
		if n.Kind != yaml.ScalarNode || !isHost(n.Value) {
			m.WrongAt(n, "%s is no host's name; write for example keeper.example.com, without scheme and port", m.Name(key))
			continue
		}
		names = append(names, n.Value)
	}
	return names
}

// maxOrigins bounds cors_origins: each is compared at each request.
const maxOrigins = 32

// origins returns the sites listed under key as browsers name them: scheme, host,
// and a port that is not the scheme's.
func origins(m *strict.Mapping, key string) (list []string) {
	nodes := m.List(key)
	if len(nodes) > maxOrigins {
		m.Wrong(key, "lists %d sites; %d at most are taken", len(nodes), maxOrigins)
		return nil
	}
	for _, n := range nodes {
		n = strict.Target(n)
		site, ok := originOf(n.Value)
		if n.Kind != yaml.ScalarNode || !ok {
			m.WrongAt(n, "%s is no site; write scheme, host and port alone, for example https://board.example.com (* is not taken: name each site)", m.Name(key))
			continue
		}
		list = append(list, site)
	}
	return list
}

// originOf returns an address that is nothing but a site as browsers name it.
func originOf(text string) (site string, ok bool) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" || (u.Path != "" && u.Path != "/") {
		return "", false
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if !isHost(host) && net.ParseIP(host) == nil {
		return "", false
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host, true
}

// isHost reports whether text is a host's name or address as a URL has it,
// without a port; a dot before it stands for all names below.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "."), ".")
	return text != "" && len(text) <= 253 && !strings.Contains(text, "..") && !strings.ContainsFunc(text, func(c rune) bool {
		return c > unicode.MaxASCII || (!unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.", c))
	})
}
