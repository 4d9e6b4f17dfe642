package config

import (
	"crypto/tls"
	"net/url"
	"strings"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// Callback is where the service is reached by platforms that send events by
// themselves.
type Callback struct {
	Listen   string // host:port; "" = nowhere
	CertFile string // PEM; read again when it changes
	KeyFile  string
	Plain    bool // without TLS
}

// CallbackPath is where a platform's callbacks arrive, below the address.
func CallbackPath(platform string) string { return "/callback/" + platform }

func (l *loader) callback(m *strict.Mapping) {
	c := Callback{Listen: m.Text("listen"), CertFile: m.Path("cert_file"), KeyFile: m.Path("key_file"), Plain: m.Flag("plain_http")}
	l.config.Callback, l.idle.callbackPos = c, m.Pos
	m.Done(nil)
	switch {
	case c.Listen == "":
		return
	case !address.Valid(c.Listen):
		m.Wrong("listen", "is no address; write host:port, for example 0.0.0.0:9466")
	}
	switch {
	case c.Plain && (c.CertFile != "" || c.KeyFile != ""):
		m.Wrong("plain_http", "is true beside a certificate; keep one of them")
	case c.Plain:
		l.Warn(m.At("plain_http"), "callback.plain_http lets anybody in between read events and service tokens; write cert_file and key_file instead")
	case c.CertFile == "" || c.KeyFile == "":
		m.Wrong("listen", "needs cert_file and key_file; the platforms speak TLS 1.2 or newer to it")
	default:
		l.keyPair(m, c.CertFile, c.KeyFile)
	}
}

// keyPair tries a certificate with its key and places what is wrong with the
// files. crypto/tls's own errors are left out: they repeat a file's headings.
func (l *loader) keyPair(m *strict.Mapping, certFile, keyFile string) {
	cert, certErr := l.readList(certFile, maxPEM)
	if certErr != nil {
		m.Wrong("cert_file", "%s: %v", certFile, certErr)
	}
	if l.withoutSecrets {
		return
	}
	key, mode, keyErr := readRegular(keyFile, maxPEM)
	if keyErr != nil {
		m.Wrong("key_file", "%s: %v", keyFile, keyErr)
	}
	if mode&0o077 != 0 {
		l.secrets.exposed.note(keyFile, mode, m.At("key_file"))
	}
	if certErr != nil || keyErr != nil {
		return
	}
	if _, err := tls.X509KeyPair(cert, key); err != nil {
		m.Wrong("cert_file", "and key_file are no certificate in PEM form with the key that belongs to it; compare `openssl x509 -noout -pubkey` of the one with `openssl pkey -pubout` of the other")
	}
}

// token is a secret that an option names, with why it cannot be used.
type token struct {
	secret session.Secret
	why    string
}

// token reads the secret file among the agent's options. Agents that share the
// file share the reading.
func (l *loader) token(g *group, d draft) (*Source, session.Secret) {
	set := merged(g.options, d.options)
	for _, spec := range g.specs() {
		value, ok := set[spec.Name]
		if spec.Callback && ok && value.Text != "" {
			l.callbackURL(g.Platform, value)
		}
		if spec.SecretFile && ok && value.Text != "" {
			source := Source{Key: spec.Name, Path: strict.RelativeTo(value.Pos.File, value.Text), Pos: value.Pos}
			return &source, l.readToken(source, spec)
		}
	}
	return nil, session.Secret{}
}

func (l *loader) readToken(source Source, spec option.Spec) session.Secret {
	t, known := l.secrets.tokens[source.Path]
	if !known {
		t = l.newToken(source, spec)
		l.secrets.tokens[source.Path] = t
	}
	if t.why != "" {
		l.Wrong(source.Pos, "%s", t.why)
	}
	return t.secret
}

func (l *loader) newToken(source Source, spec option.Spec) token {
	if l.withoutSecrets {
		return token{}
	}
	secret, mode, err := source.read()
	if err != nil {
		return token{why: err.Error()}
	}
	if mode&0o077 != 0 {
		l.secrets.exposed.note(source.Path, mode, source.Pos)
	}
	if spec.CheckSecret != nil {
		if why := spec.CheckSecret(secret.Reveal()); why != "" {
			return token{why: source.place() + ": " + why}
		}
	}
	l.adviseSecret(source, secret)
	return token{secret: secret}
}

// callbackURL compares an address that a platform is told with where the
// service listens.
func (l *loader) callbackURL(platform string, v option.Value) {
	key := platform + " " + v.Pos.String()
	if l.idle.callbacks[key] {
		return
	}
	l.idle.callbacks[key] = true
	if l.config.Callback.Listen == "" {
		l.Wrong(v.Pos, "a callback needs the section callback of this file; write for example callback: {listen: \"0.0.0.0:9466\", cert_file: callback.pem, key_file: callback-key.pem}")
		return
	}
	u, err := url.Parse(v.Text)
	if err != nil {
		return // the vendor says so
	}
	if path := CallbackPath(platform); !strings.HasSuffix(u.Path, path) {
		l.Warn(v.Pos, "the callback's path does not end with %s, by which this service tells its platforms apart; this is right only if something in between rewrites it", path)
	}
	if u.Scheme == "http" {
		l.Warn(v.Pos, "the callback by http:// sends events and the service token in clear text; use https://")
	}
}
