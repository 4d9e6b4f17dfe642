package config

import (
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// place is a platform as written, which groups can name even when it has
// mistakes.
type place struct {
	Platform
	vendor    vendors.Vendor
	known     bool       // the vendor is in the table
	used      bool       // by a group
	windowPos option.Pos // for relations of times with the window
	ratePos   option.Pos
}

func (l *loader) platforms(m *mapping) {
	for _, e := range m.entries {
		p := l.platform(m, e)
		l.places[p.Name] = p
		l.config.Platforms = append(l.config.Platforms, p.Platform)
	}
}

func (l *loader) platform(parent *mapping, e entry) *place {
	name, pos := target(e.key).Value, position(parent.file, e.key)
	if !isName(name) {
		l.wrong(pos, "a platform cannot be named so; %s", nameRule)
		name = "?"
	}
	m := newMapping(&l.report, &platformSection, parent.file, parent.name(name), pos, e.value)
	p := &place{Platform: Platform{Name: name, Pos: pos}}
	l.vendorOf(m, p)
	limits := m.section("sign_in")
	p.SignIn, p.ratePos = signIn(limits), limits.at("rate")
	p.Backoff, p.Lockout = backoff(m.section("backoff")), l.lockout(m.section("lockout"))
	p.Options = l.options(m, p)
	l.window(m, p)
	l.address(m, p)
	l.dials(m, p)
	m.done(p.vendor.Options)
	return p
}

func (l *loader) vendorOf(m *mapping, p *place) {
	name, ok := m.scalar("vendor")
	if !ok {
		m.missing("vendor", "write one of %s", strings.Join(l.vendorNames(), ", "))
		return
	}
	if p.Vendor = name; !l.isVendor(name) {
		l.wrong(m.at("vendor"), "%s", l.explainVendor(name))
		return
	}
	p.vendor, p.known = l.vendors[name], true
}

func signIn(m *mapping) SignIn {
	defer m.done(nil)
	return SignIn{
		Rate:       m.rate("rate"),
		Concurrent: m.count("concurrent"),
		Timeout:    m.duration("timeout"),
	}
}

func backoff(m *mapping) Backoff {
	defer m.done(nil)
	b := Backoff{
		Initial: m.duration("initial"),
		Max:     m.duration("max"),
	}
	if b.Initial > b.Max {
		key := "initial"
		if !m.has(key) {
			key = "max"
		}
		m.report.wrong(m.at(key), "%s (%s) is above %s (%s); raise max or lower initial",
			m.name("initial"), b.Initial, m.name("max"), b.Max)
	}
	return b
}

func (l *loader) lockout(m *mapping) Lockout {
	defer m.done(nil)
	k := Lockout{
		Failures: m.count("failures"),
		Within:   m.duration("within"),
		Quiet:    m.duration("quiet"),
	}
	if k.Failures == 1 {
		l.warn(m.at("failures"), "%s of 1 lets one mistyped password stop every log-in of the platform for %s; 2 or more leave the others alone",
			m.name("failures"), k.Quiet)
	}
	return k
}

// window takes the vendor's default where it is left out.
func (l *loader) window(m *mapping, p *place) {
	fallback := 2 * time.Minute
	if p.known {
		fallback = p.vendor.Window(p.Options)
	}
	p.Window, p.windowPos = m.durationOr("window", fallback), p.Pos
	if m.has("window") {
		p.windowPos = m.at("window")
	}
}

// address decodes url and tls, which belong together.
func (l *loader) address(m *mapping, p *place) {
	security := m.section("tls")
	p.TLS = tlsSettings(security)
	text, _ := m.scalar("url")
	switch {
	case text == "":
		m.missing("url", "write scheme, host and port")
	case p.known:
		l.url(m, p, text)
	}
	l.checkTLS(security, p.TLS, p.URL, "the passwords")
}

func (l *loader) url(m *mapping, p *place, text string) {
	u, why := parseURL(text, p.vendor.Schemes)
	if why != "" {
		m.wrong("url", "%s", why)
		return
	}
	p.URL = u
	if isPlain(u.Scheme) {
		l.warn(m.at("url"), "%s:// sends passwords in clear text; use %ss:// where the platform offers it", u.Scheme, u.Scheme)
	}
}

func tlsSettings(m *mapping) wire.TLSSettings {
	defer m.done(nil)
	return wire.TLSSettings{
		CAFile:     m.path("ca_file"),
		CertFile:   m.path("cert_file"),
		KeyFile:    m.path("key_file"),
		ServerName: m.text("server_name"),
		PinSHA256:  m.text("pin_sha256"),
		Insecure:   m.flag("insecure_skip_verify"),
		Legacy:     m.flag("legacy"),
	}
}

// checkTLS tries each file and pin by itself, to place what is wrong with it.
// u is nil where the address is wrong; what is what passes over it.
func (l *loader) checkTLS(m *mapping, s wire.TLSSettings, u *url.URL, what string) {
	switch {
	case s.CertFile != "" && s.KeyFile != "":
		l.keyPair(m, s.CertFile, s.KeyFile)
	case s.CertFile != "":
		m.wrong("cert_file", "needs key_file: the file with the certificate's key")
	case s.KeyFile != "":
		m.wrong("key_file", "needs cert_file: the file with the key's certificate")
	}
	if s.CAFile != "" {
		if pem, err := l.readList(s.CAFile, maxPEM); err != nil {
			l.wrong(m.at("ca_file"), "tls.ca_file %s: %v", s.CAFile, err)
		} else if _, err := wire.ParseRoots(s.CAFile, pem); err != nil {
			l.wrong(m.at("ca_file"), "%v", err)
		}
	}
	if _, err := (wire.TLSSettings{PinSHA256: s.PinSHA256}).Config(""); err != nil {
		l.wrong(m.at("pin_sha256"), "%v", err)
	}
	switch {
	case u == nil || s == (wire.TLSSettings{}):
	case isPlain(u.Scheme):
		l.warn(m.pos, "%s has no effect with %s://; remove it", m.where, u.Scheme)
	case s.Insecure && s.PinSHA256 == "":
		l.warn(m.at("insecure_skip_verify"), "%s lets anybody in between read %s; set ca_file or pin_sha256 instead",
			m.name("insecure_skip_verify"), what)
	}
	if s.Legacy {
		l.warn(m.at("legacy"), "%s lets whoever is in between break the encryption and read %s; have the server brought up to date instead",
			m.name("legacy"), what)
	}
}

// options decodes an options map. Values stay text: each vendor decodes its
// own. What the table alone shows to be wrong is reported here, so that it is
// found without an agent to decode for, too.
func (l *loader) options(parent *mapping, p *place) option.Set {
	set := l.rawOptions(parent.names("options"), p)
	if p.known {
		l.note(option.Read(set, p.vendor.Options).Problems(), p.Pos)
	}
	return set
}

// rawOptions places an option that the vendor does not have at its name, and
// others at their values.
func (l *loader) rawOptions(m *mapping, p *place) option.Set {
	set := option.Set{}
	for _, e := range m.entries {
		name, value := target(e.key).Value, target(e.value)
		if isNull(value) && hasOption(p.vendor.Options, name) {
			continue
		}
		v := option.Value{Pos: position(m.file, e.value)}
		if !hasOption(p.vendor.Options, name) {
			v.Pos = position(m.file, e.key)
		}
		if l.optionValue(m, name, value, &v) {
			set[name] = v
		}
	}
	return set
}

func (l *loader) optionValue(m *mapping, name string, n *yaml.Node, v *option.Value) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		v.Text = n.Value
		return true
	case yaml.SequenceNode:
		v.IsList, v.List = true, make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item = target(item); item.Kind != yaml.ScalarNode {
				l.wrong(position(m.file, item), "%s is a list that holds %s; write single values", m.name(name), kindOf(item))
				return false
			}
			v.List = append(v.List, item.Value)
		}
		return true
	}
	m.wrong(name, "is %s; write a single value or a list", kindOf(n))
	return false
}

func hasOption(specs []option.Spec, name string) bool {
	for i := range specs {
		if specs[i].Name == name {
			return true
		}
	}
	return false
}
