package trace

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"agentkeeper/session"
)

// Trace writes down what one agent and its platform say. Safe for concurrent use.
type Trace struct {
	id      session.ID
	take    func(Line)
	number  atomic.Uint64 // of the last exchange
	secrets secrets
}

// Hide tells secrets of the agent's, to be hidden wherever they stand.
func (t *Trace) Hide(list ...session.Secret) {
	for _, s := range list {
		t.secrets.learn(s.Reveal())
	}
}

// Connected tells of a new connection, TLS included, that was begun at began: conn,
// or what kept it from being made.
func (t *Trace) Connected(address string, conn net.Conn, began time.Time, err error) {
	l := Line{Step: StepConnected, Took: took(began), Detail: "to " + address}
	switch {
	case err != nil:
		l.Detail += " failed: " + t.show(err.Error())
	case conn != nil:
		l.Detail += " (" + conn.RemoteAddr().String() + ") from " + conn.LocalAddr().String() + tlsNote(conn)
	}
	t.write(l)
}

// tlsNote says what TLS agreed on.
func tlsNote(conn net.Conn) string {
	secure, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return ", without TLS"
	}
	s := secure.ConnectionState()
	note := ", " + tls.VersionName(s.Version) + " " + tls.CipherSuiteName(s.CipherSuite)
	if s.DidResume {
		note += ", resumed"
	}
	if len(s.PeerCertificates) > 0 {
		c := s.PeerCertificates[0]
		note += fmt.Sprintf(", certificate of %q until %s", printable(c.Subject.String()), c.NotAfter.UTC().Format(time.DateOnly))
	}
	return note
}

// Request tells of a request that is about to be sent, and returns the number by
// which Answer and Failed name it. note says on what connection.
func (t *Trace) Request(method, path string, h http.Header, body []byte, note string) (number uint64) {
	number = t.number.Add(1)
	t.write(Line{Step: StepRequest, Exchange: number, Method: method, Path: t.path(path), Header: t.header(h), Body: t.body(body), Bytes: len(body), Detail: note})
	return number
}

// Answer tells of the answer to a request that was begun at began. body is in
// UTF-8.
func (t *Trace) Answer(number uint64, status int, h http.Header, body []byte, began time.Time) {
	l := Line{Step: StepAnswer, Exchange: number, Status: status, Header: t.header(h), Body: t.body(body), Bytes: len(body), Took: took(began)}
	if number == 0 {
		l.Detail = "to a request that left before the trace began"
	}
	t.write(l)
}

// Failed tells of a request without a whole answer; status and h are what had
// come of one, if anything.
func (t *Trace) Failed(number uint64, status int, h http.Header, began time.Time, why string) {
	t.write(Line{Step: StepFailed, Exchange: number, Status: status, Header: t.header(h), Took: took(began), Detail: t.show(why)})
}

// Callback tells of a request that the platform sent us, and the status that it is
// answered with; refusal says why it was not taken, "" where it was.
func (t *Trace) Callback(h http.Header, body []byte, status int, refusal string) {
	l := Line{Step: StepCallback, Method: http.MethodPost, Status: status, Header: t.header(h), Body: t.body(body), Bytes: len(body), Detail: refusal}
	t.write(l)
}

// Frame tells of a websocket frame.
func (t *Trace) Frame(sent bool, kind string, payload []byte) {
	l := Line{Step: StepReceived, Kind: kind, Bytes: len(payload)}
	if sent {
		l.Step = StepSent
	}
	if kind != "binary" {
		l.Body = t.body(payload)
	}
	t.write(l)
}

// Closed tells why a websocket ended.
func (t *Trace) Closed(err error) {
	t.write(Line{Step: StepClosed, Detail: t.show(err.Error())})
}

func (t *Trace) write(l Line) {
	l.Time, l.Agent = time.Now(), t.id.String()
	t.take(l)
}

func took(began time.Time) string {
	if began.IsZero() {
		return ""
	}
	return time.Since(began).Round(time.Microsecond).String()
}

// show makes a text of ours or of a library's fit to be shown.
func (t *Trace) show(text string) string {
	return cut(printable(clipped(text, valueLimit, t.secrets.text)), valueLimit)
}

// path hides the secrets in a path and its query.
func (t *Trace) path(path string) string {
	path, query, has := strings.Cut(path, "?")
	if has {
		pairs := strings.Split(query, "&")
		for i, pair := range pairs {
			name, value, found := strings.Cut(pair, "=")
			if plain, err := url.QueryUnescape(name); found && err == nil && secretName(plain) {
				pairs[i] = name + "=" + t.secrets.value(value)
			}
		}
		path += "?" + strings.Join(pairs, "&")
	}
	return cut(printable(t.secrets.hide(path)), valueLimit)
}

// header hides the secrets in headers.
func (t *Trace) header(h http.Header) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			if len(lines) == headerLimit {
				return append(lines, "…")
			}
			lines = append(lines, printable(name)+": "+cut(printable(clipped(value, valueLimit, func(value string) string { return t.secrets.hide(t.headerValue(name, value)) })), valueLimit))
		}
	}
	return lines
}

func (t *Trace) headerValue(name, value string) string {
	switch http.CanonicalHeaderKey(name) {
	case "Set-Cookie":
		cookie, attributes, has := strings.Cut(value, ";")
		if cookie = t.cookie(cookie); has {
			cookie += ";" + attributes
		}
		return cookie
	case "Cookie":
		parts := strings.Split(value, ";")
		for i, part := range parts {
			parts[i] = t.cookie(part)
		}
		return strings.Join(parts, ";")
	case "Location":
		return place(value)
	}
	switch {
	case secretName(name):
		return t.secrets.value(value)
	case idName(name):
		return value
	}
	return t.secrets.text(value)
}

// cookie hides the value of one cookie.
func (t *Trace) cookie(pair string) string {
	name, value, found := strings.Cut(pair, "=")
	if !found {
		return t.secrets.value(pair)
	}
	return name + "=" + t.secrets.value(value)
}

// place is an address as far as its host.
func place(address string) string {
	to, err := url.Parse(address)
	switch {
	case err != nil:
		return "…"
	case to.Host == "":
		return "/…"
	case to.Scheme == "":
		return "//" + to.Host + "/…"
	}
	return to.Scheme + "://" + to.Host + "/…"
}

// body hides the secrets in a body and cuts what is left.
func (t *Trace) body(body []byte) string {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	start := bytes.TrimLeft(body, " \t\r\n")
	if len(start) == 0 {
		return ""
	}
	switch start[0] {
	case '{', '[', '"':
		return cut(printable(t.secrets.json(body, 2*BodyLimit)), BodyLimit)
	}
	text := strings.ToValidUTF8(string(body[:min(len(body), enough*BodyLimit+1)]), "\uFFFD")
	return cut(printable(clipped(text, BodyLimit, t.secrets.text)), BodyLimit)
}

// enough is how many times what is shown of a text is looked at.
const enough = 4

// clipped cleans the beginning of a text, of which limit bytes are enough. What
// was cut may be within a secret, and is never shown: a text that has hardly
// anything but secrets is left out.
func clipped(text string, limit int, clean func(string) string) string {
	if len(text) <= enough*limit {
		return clean(text)
	}
	text = clean(strings.ToValidUTF8(text[:enough*limit], ""))
	if len(text) <= 2*limit {
		return "…"
	}
	return cut(text, limit)
}

// printable keeps a text in one line, and away from a terminal's control.
func printable(text string) string {
	if !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		switch {
		case unicode.IsPrint(c):
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == utf8.RuneError:
			b.WriteRune(c)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

// cut shortens a text to about limit bytes. No secret is in it any more.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
