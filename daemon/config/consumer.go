package config

import (
	"net"
	"strings"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// Consumer is a program that may read the stream of events where the service
// listens for such.
type Consumer struct {
	Name    string
	Source  Source // of the password or the token, to read it again
	ByToken bool   // shows the token alone, without the name
	Secret  session.Secret
	// MaxConsumers is how many consumers of the stream it may have at once.
	MaxConsumers int
	Commands     *Sender // nil: it may send none
	Pos          option.Pos
}

// The keys of a consumer's token, by those of a password.
func tokenKeys() map[string]string {
	return map[string]string{"token_file": keyFile, "token_env": keyEnv, "token_credential": keyCredential, "token": keyInline}
}

// consumers decodes where programs connect to the stream, and which.
func (l *loader) consumers(m *strict.Mapping) {
	e := &l.config.Events
	e.Listen = m.Text("listen")
	e.CertFile = m.Path("cert_file")
	e.KeyFile = m.Path("key_file")
	first := map[string]option.Pos{}
	for _, u := range m.Items("users") {
		l.consumer(u, first)
	}
	l.consumersAddress(m)
	if e.CertFile != "" || e.KeyFile != "" {
		l.certificate(m, e.CertFile, e.KeyFile)
	}
}

func (l *loader) consumersAddress(m *strict.Mapping) {
	e := l.config.Events
	host, _, _ := net.SplitHostPort(e.Listen)
	switch {
	case e.Listen == "":
		if m.Has("users") && len(m.List("users")) > 0 {
			l.Warn(m.At("users"), "events.users has no effect without events.listen; write for example listen: 127.0.0.1:4222")
		}
	case !address.Valid(e.Listen):
		m.Wrong("listen", "is no address; write host:port, for example 127.0.0.1:4222")
	case !address.Loopback(host) && e.CertFile == "" && e.KeyFile == "":
		m.Wrong("listen", "is an address that other hosts may reach; write cert_file and key_file for TLS, or 127.0.0.1:4222")
	case len(m.List("users")) == 0:
		m.Wrong("listen", "lets nobody in without users; write for example users: [{name: crm, password_file: secrets/crm}]")
	}
}

// certificate tries the files of a TLS listener.
func (l *loader) certificate(m *strict.Mapping, cert, key string) {
	for _, file := range [][2]string{{"cert_file", cert}, {"key_file", key}} {
		name, path := file[0], file[1]
		if path == "" {
			m.Wrong(name, "is missing; a certificate and its key belong together")
			return
		}
	}
	l.keyPair(m, cert, key)
}

func (l *loader) consumer(m *strict.Mapping, first map[string]option.Pos) {
	defer m.Done(nil)
	c := Consumer{Name: m.Text("name"), Pos: m.Pos}
	before, twice := first[c.Name]
	switch {
	case m.Broken:
		return
	case c.Name == "":
		m.Missing("name", "name the program, for example crm")
	case !strict.IsName(c.Name):
		m.Wrong("name", "is no name; %s", nameRule)
	case twice:
		m.Wrong("name", "%q is written twice, first at %s; give each program a user of its own", c.Name, before)
	}
	first[c.Name] = m.At("name")
	c.MaxConsumers = m.Count("max_consumers")
	c.Commands = l.sender(m)
	secrets := consumerSecrets(m)
	if len(secrets) != 1 {
		l.Wrong(m.Pos, "a user needs exactly one of password_file, password_env, password_credential and the same of token_; %d are written",
			len(secrets))
		return
	}
	own, byToken := secrets[0], false
	if as, ok := tokenKeys()[own.key]; ok {
		byToken = true
		own.key = as
	}
	source, ok := l.ownSource(own)
	if !ok {
		return
	}
	c.Source, c.ByToken = source, byToken
	c.Secret = l.password(source)
	l.config.Consumers = append(l.config.Consumers, c)
}

// consumerSecrets returns the sources that are written, of a password or a
// token.
func consumerSecrets(m *strict.Mapping) (found []cell) {
	for _, key := range secretKeys() {
		for _, written := range []string{key, strings.Replace(key, "password", "token", 1)} {
			if c := cellOf(m, written); c.text != "" {
				found = append(found, c)
			}
		}
	}
	return found
}
