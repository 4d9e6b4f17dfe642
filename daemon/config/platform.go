package config

import (
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"agentkeeper/daemon/config/strict"
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
	work      *workKeys
	commands  *Commands // of groups that say nothing
}

func (l *loader) platforms(m *strict.Mapping) {
	for _, e := range m.Entries {
		p := l.platform(m, e)
		l.places[p.Name] = p
		l.config.Platforms = append(l.config.Platforms, p.Platform)
	}
}

func (l *loader) platform(parent *strict.Mapping, e strict.Entry) *place {
	name, pos := strict.Target(e.Key).Value, parent.PosOf(e.Key)
	if !strict.IsName(name) {
		l.Wrong(pos, "a platform cannot be named so; %s", nameRule)
		name = "?"
	}
	m := strict.New(&l.Report, &platformSection, parent.File, parent.Name(name), pos, e.Value)
	p := &place{Platform: Platform{Name: name, Pos: pos}}
	l.vendorOf(m, p)
	limits := m.Section("sign_in")
	p.SignIn, p.ratePos = signIn(limits), limits.At("rate")
	p.Backoff, p.Lockout = l.backoff(m.Section("backoff")), l.lockout(m.Section("lockout"))
	p.Options = l.options(m, p)
	p.commands = l.commands(m, p, nil)
	l.window(m, p)
	p.work = l.work(m)
	l.address(m, p)
	l.dials(m, p)
	m.Done(misplaced(p.vendor.Options))
	return p
}

func (l *loader) vendorOf(m *strict.Mapping, p *place) {
	name, ok := m.Scalar("vendor")
	if !ok {
		m.Missing("vendor", "write one of %s", strings.Join(l.vendorNames(), ", "))
		return
	}
	if p.Vendor = name; !l.isVendor(name) {
		l.Wrong(m.At("vendor"), "%s", l.explainVendor(name))
		return
	}
	p.vendor, p.known = l.rules.vendors[name], true
}

func signIn(m *strict.Mapping) SignIn {
	defer m.Done(nil)
	return SignIn{
		Rate:       m.Rate("rate"),
		Concurrent: m.Count("concurrent"),
		Timeout:    m.Duration("timeout"),
	}
}

func (l *loader) backoff(m *strict.Mapping) Backoff {
	defer m.Done(nil)
	b := Backoff{
		Initial: m.Duration("initial"),
		Max:     m.Duration("max"),
	}
	if b.Initial > b.Max {
		key := "initial"
		if !m.Has(key) {
			key = "max"
		}
		l.Wrong(m.At(key), "%s (%s) is above %s (%s); raise max or lower initial",
			m.Name("initial"), b.Initial, m.Name("max"), b.Max)
	}
	return b
}

func (l *loader) lockout(m *strict.Mapping) Lockout {
	defer m.Done(nil)
	k := Lockout{
		Failures: m.Count("failures"),
		Within:   m.Duration("within"),
		Quiet:    m.Duration("quiet"),
	}
	if k.Failures == 1 {
		l.Warn(m.At("failures"), "%s of 1 lets one mistyped password stop every log-in of the platform for %s; 2 or more leave the others alone",
			m.Name("failures"), k.Quiet)
	}
	return k
}

// window takes the vendor's default where it is left out.
func (l *loader) window(m *strict.Mapping, p *place) {
	fallback := 2 * time.Minute
	if p.known {
		fallback = p.vendor.Window(p.Options)
	}
	p.Window, p.windowPos = m.DurationOr("window", fallback), p.Pos
	if m.Has("window") {
		p.windowPos = m.At("window")
	}
}

// address decodes url and tls, which belong together.
func (l *loader) address(m *strict.Mapping, p *place) {
	security := m.Section("tls")
	p.TLS = tlsSettings(security)
	text, _ := m.Scalar("url")
	switch {
	case text == "":
		m.Missing("url", "write scheme, host and port")
	case p.known:
		l.url(m, p, text)
	}
	l.checkTLS(security, p.TLS, p.URL, "the passwords")
}

func (l *loader) url(m *strict.Mapping, p *place, text string) {
	u, why := parseURL(text, p.vendor.Schemes)
	if why != "" {
		m.Wrong("url", "%s", why)
		return
	}
	p.URL = u
	if isPlain(u.Scheme) {
		l.Warn(m.At("url"), "%s:// sends passwords in clear text; use %ss:// where the platform offers it", u.Scheme, u.Scheme)
	}
}

func tlsSettings(m *strict.Mapping) wire.TLSSettings {
	defer m.Done(nil)
	return wire.TLSSettings{
		CAFile:     m.Path("ca_file"),
		CertFile:   m.Path("cert_file"),
		KeyFile:    m.Path("key_file"),
		ServerName: m.Text("server_name"),
		PinSHA256:  m.Text("pin_sha256"),
		Insecure:   m.Flag("insecure_skip_verify"),
		Legacy:     m.Flag("legacy"),
	}
}

// checkTLS tries each file and pin by itself, to place what is wrong with it.
// u is nil where the address is wrong; what is what passes over it.
func (l *loader) checkTLS(m *strict.Mapping, s wire.TLSSettings, u *url.URL, what string) {
	switch {
	case s.CertFile != "" && s.KeyFile != "":
		l.keyPair(m, s.CertFile, s.KeyFile)
	case s.CertFile != "":
		m.Wrong("cert_file", "needs key_file: the file with the certificate's key")
	case s.KeyFile != "":
		m.Wrong("key_file", "needs cert_file: the file with the key's certificate")
	}
	if s.CAFile != "" {
		if pem, err := l.readList(s.CAFile, maxPEM); err != nil {
			l.Wrong(m.At("ca_file"), "tls.ca_file %s: %v", s.CAFile, err)
		} else if _, err := wire.ParseRoots(s.CAFile, pem); err != nil {
			l.Wrong(m.At("ca_file"), "%v", err)
		}
	}
	if _, err := (wire.TLSSettings{PinSHA256: s.PinSHA256}).Config(""); err != nil {
		l.Wrong(m.At("pin_sha256"), "%v", err)
	}
	switch {
	case u == nil || s == (wire.TLSSettings{}):
	case isPlain(u.Scheme):
		l.Warn(m.Pos, "%s has no effect with %s://; remove it", m.Where, u.Scheme)
	case s.Insecure && s.PinSHA256 == "":
		l.Warn(m.At("insecure_skip_verify"), "%s lets anybody in between read %s; set ca_file or pin_sha256 instead",
			m.Name("insecure_skip_verify"), what)
	}
	if s.Legacy {
		l.Warn(m.At("legacy"), "%s lets whoever is in between break the encryption and read %s; have the server brought up to date instead",
			m.Name("legacy"), what)
	}
}

// options decodes an options map. Values stay text: each vendor decodes its
// own. What the table alone shows to be wrong is reported here, so that it is
// found without an agent to decode for, too.
func (l *loader) options(parent *strict.Mapping, p *place) option.Set {
	set := l.rawOptions(parent.Names("options"), p)
	if p.known {
		l.note(option.Read(set, p.vendor.Options).Problems(), p.Pos)
	}
	return set
}

// rawOptions places an option that the vendor does not have at its name, and
// others at their values.
func (l *loader) rawOptions(m *strict.Mapping, p *place) option.Set {
	set := option.Set{}
	for _, e := range m.Entries {
		name, value := strict.Target(e.Key).Value, strict.Target(e.Value)
		if strict.IsNull(value) && hasOption(p.vendor.Options, name) {
			continue
		}
		v := option.Value{Pos: m.PosOf(e.Value)}
		if !hasOption(p.vendor.Options, name) {
			v.Pos = m.PosOf(e.Key)
		}
		if l.optionValue(m, name, value, &v) {
			set[name] = v
		}
	}
	return set
}

func (l *loader) optionValue(m *strict.Mapping, name string, n *yaml.Node, v *option.Value) bool {
	switch n.Kind {
	case yaml.ScalarNode:
		v.Text = n.Value
		return true
	case yaml.SequenceNode:
		v.IsList, v.List = true, make([]string, 0, len(n.Content))
		for _, item := range n.Content {
			if item = strict.Target(item); item.Kind != yaml.ScalarNode {
				l.Wrong(m.PosOf(item), "%s is a list that holds %s; write single values", m.Name(name), strict.KindOf(item))
				return false
			}
			v.List = append(v.List, item.Value)
		}
		return true
	}
	m.Wrong(name, "is %s; write a single value or a list", strict.KindOf(n))
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
