package config

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// Webhook is one consumer that events are posted to.
type Webhook struct {
	Name       string         // identifies the hook, its position and its metrics
	URL        session.Secret // as written and found good: it may carry credentials
	Shown      string         // the URL for people, without what may be a secret
	Source     Source         // where Secret comes from, to read it again
	Secret     session.Secret // see SigningKey
	Types      []string       // each a type or, with "*" at its end, the beginning of types; none: all
	Agents     []string       // likewise of agents' full names
	TLS        wire.TLSSettings
	Timeout    time.Duration // of one request, connecting included
	Concurrent int           // requests in flight, of different agents
	Pos        option.Pos
}

const (
	keySecretFile  = "secret_file"
	keyPrefixed    = "whsec_" // begins a key in base64, as the Standard Webhooks tools write it
	shortKey       = 16       // bytes below which a key can be guessed
	longSegment    = 16       // a part of a path from here on may be a token
	longestSegment = 32       // and from here on is taken for one whatever it looks like
	hookNameLimit  = 64
)

// SigningKey returns the bytes that sign a webhook's requests: the secret
// itself, or what stands in base64 behind "whsec_".
func SigningKey(secret session.Secret) ([]byte, error) {
	text, prefixed := strings.CutPrefix(secret.Reveal(), keyPrefixed)
	if !prefixed {
		return []byte(text), nil
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, errors.New("what follows " + keyPrefixed + " is no base64; write the key as its maker gave it, or any text without this beginning")
	}
	return key, nil
}

// webhooks decodes the list of an events section.
func (l *loader) webhooks(events *strict.Mapping) {
	first := map[string]option.Pos{}
	for _, m := range events.Items("webhooks") {
		if m.Broken {
			continue
		}
		h := l.webhook(m)
		l.uniqueWebhook(m, h, first)
		l.config.Webhooks = append(l.config.Webhooks, h)
	}
}

func (l *loader) webhook(m *strict.Mapping) Webhook {
	defer m.Done(nil)
	h := Webhook{
		Name:       m.Text("name"),
		Types:      l.patterns(m, "types", "a type of events, for example huawei.* or session.lost", false),
		Agents:     l.patterns(m, "agents", "an agent's name, for example hq/291 or hq/*", true),
		Timeout:    m.Duration("timeout"),
		Concurrent: m.Count("concurrent"),
		Pos:        m.Pos,
	}
	u := l.webhookURL(m, &h)
	security := m.Section("tls")
	h.TLS = tlsSettings(security)
	l.checkTLS(security, h.TLS, u, "the events")
	l.signing(m, &h)
	return h
}

// webhookURL reads the address; its messages do not repeat it, for a secret may
// stand in it.
func (l *loader) webhookURL(m *strict.Mapping, h *Webhook) *url.URL {
	text, _ := m.Scalar("url")
	if text == "" {
		m.Missing("url", "write where to post the events, for example https://crm.example.com/agentkeeper")
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http"):
		m.Wrong("url", "is no https:// or http:// address; write for example https://crm.example.com/agentkeeper")
		return nil
	case (u.Port() != "" && !address.Valid(u.Host)) || strings.HasSuffix(u.Host, ":"):
		m.Wrong("url", "has no valid port; write for example https://crm.example.com:8443/agentkeeper")
		return nil
	case u.Fragment != "":
		m.Wrong("url", "has a fragment, which is never sent; remove # and what follows")
		return nil
	}
	if isPlain(u.Scheme) {
		l.Warn(m.At("url"), "http:// sends events in clear text; use https:// where the receiver offers it")
	}
	h.URL, h.Shown = session.NewSecret(text), shownURL(u)
	if h.Name == "" && !m.Has("name") {
		h.Name = hookName(u)
	}
	return u
}

// signing reads the secret that signs the requests.
func (l *loader) signing(m *strict.Mapping, h *Webhook) {
	path := m.Path(keySecretFile)
	if path == "" {
		m.Missing(keySecretFile, "name a file with the secret that signs the requests, made for example by `openssl rand -hex 32`")
		return
	}
	h.Source = Source{Key: keySecretFile, Path: path, Pos: m.At(keySecretFile)}
	if h.Secret = l.password(h.Source); h.Secret.IsZero() {
		return
	}
	switch key, err := SigningKey(h.Secret); {
	case err != nil:
		m.Wrong(keySecretFile, "%s: %v", path, err)
	case len(key) < shortKey:
		l.Warn(m.At(keySecretFile), "%s: a secret of %d bytes can be guessed; make one of 32 with `openssl rand -hex 32`", path, len(key))
	}
}

func (l *loader) uniqueWebhook(m *strict.Mapping, h Webhook, first map[string]option.Pos) {
	at := m.At("name")
	before, twice := first[h.Name]
	switch {
	case h.Name == "" && m.Has("name"):
		m.Wrong("name", "must not be empty; leave it out for one made from the url")
	case h.Name == "": // the url is wrong, which was said
	case !strict.IsName(h.Name) || len(h.Name) > hookNameLimit:
		l.Wrong(at, "a webhook cannot be named so; use at most %d letters, digits, -, _ and .", hookNameLimit)
	case twice:
		l.Wrong(at, "webhook %q is written twice, first at %s; give each a name of its own", h.Name, before)
	default:
		first[h.Name] = at
	}
}

// patterns reads a list of names, each of which may end with "*".
func (l *loader) patterns(m *strict.Mapping, key, what string, slash bool) []string {
	var all []string
	for _, n := range m.List(key) {
		text := strict.Target(n).Value
		if text == "" || strings.ContainsFunc(text, unicode.IsControl) || strings.Contains(strings.TrimSuffix(text, "*"), "*") ||
			(slash && !strings.Contains(text, "/") && text != "*") {
			l.Wrong(m.PosOf(n), "%s holds something that is not %s", m.Name(key), what)
			continue
		}
		all = append(all, text)
	}
	return all
}

// warnWebhooks tells about agents that a webhook waits for and that there are
// not.
func (l *loader) warnWebhooks() {
	if len(l.Problems) > 0 {
		return
	}
	for _, h := range l.config.Webhooks {
		for _, pattern := range h.Agents {
			if !l.givenUp() && !l.anyAgent(pattern) {
				l.Warn(h.Pos, "webhook %q waits for events of an agent, and none has such a name", h.Name)
			}
		}
	}
}

func (l *loader) anyAgent(pattern string) bool {
	for _, a := range l.config.Agents {
		if session.MatchesAny([]string{pattern}, a.ID.String()) {
			return true
		}
	}
	return false
}

// shownURL leaves out what may be a secret: credentials, the query and parts of
// the path that look like a token.
func shownURL(u *url.URL) string {
	text := u.Scheme + "://" + u.Host
	if u.User != nil {
		text = u.Scheme + "://" + session.Redacted + "@" + u.Host
	}
	for i, part := range strings.Split(u.EscapedPath(), "/") {
		switch {
		case i == 0:
		case mayBeToken(part):
			text += "/" + session.Redacted
		default:
			text += "/" + part
		}
	}
	if u.RawQuery != "" {
		text += "?" + session.Redacted
	}
	return text
}

func mayBeToken(part string) bool {
	return len(part) >= longestSegment || (len(part) >= longSegment &&
		strings.ContainsFunc(part, func(c rune) bool { return !unicode.IsLower(c) && c != '-' && c != '_' && c != '.' }))
}

// hookName makes a name of an address: its host, port and path, without what
// may be a secret.
func hookName(u *url.URL) string {
	parts := []string{u.Host}
	for _, part := range strings.Split(u.Path, "/") {
		if part != "" && !mayBeToken(part) {
			parts = append(parts, part)
		}
	}
	name := strings.Map(func(c rune) rune {
		if strict.IsName(string(c)) || c == '.' {
			return c
		}
		return '-'
	}, strings.Join(parts, "-"))
	return strings.Trim(name[:min(len(name), hookNameLimit)], "-.")
}

// Secrets are the parts of the address, and the secret, that must stand in no
// text. A short name or value in it says too little to be worth it.
func (h Webhook) Secrets() []string {
	all := []string{h.Secret.Reveal()}
	u, err := url.Parse(h.URL.Reveal())
	if err != nil {
		return all
	}
	password, _ := u.User.Password()
	all = append(all, password)
	telling := []string{u.User.Username(), u.RawQuery}
	for _, values := range u.Query() {
		telling = append(telling, values...)
	}
	for _, part := range strings.Split(u.Path, "/") {
		if mayBeToken(part) {
			telling = append(telling, part)
		}
	}
	return append(all, slices.DeleteFunc(telling, func(text string) bool { return len(text) < 4 })...)
}
