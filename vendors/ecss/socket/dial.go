package socket

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it; nothing depends on its strength
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Target says what to connect to.
type Target struct {
	URL         *url.URL    // host, and path and query for the handshake; a missing port is the scheme's
	Header      http.Header // sent with the handshake
	TLS         *tls.Config // nil: no TLS; shared by all connections, not copied
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Wrap is given the connection behind its TLS handshake, and returns what is
	// used in its place, with the same methods; nil: it is used itself.
	Wrap  func(*tls.Conn) net.Conn
	Limit int // the largest message in bytes
	// Trace returns who writes the connection's exchange down, nil while nobody
	// does. It is asked at each step, and must cost nothing; nil: nobody ever does.
	Trace func() Trace
}

// Trace writes down what goes over a connection, without secrets. Its methods are
// called on the goroutine of the call that they tell of, and must not block.
type Trace interface {
	// Connected tells of the connection below, TLS included, or of its failure.
	Connected(address string, conn net.Conn, began time.Time, err error)
	// Request tells of our half of the handshake, Answer of the server's.
	Request(method, path string, h http.Header, body []byte, note string) (number uint64)
	Answer(number uint64, status int, h http.Header, body []byte, began time.Time)
	// Frame tells of a frame; kind is text, binary, continuation, close, ping or pong.
	Frame(sent bool, kind string, payload []byte)
	// Closed tells why the connection is over.
	Closed(err error)
}

// tracer asks who writes down; nil is allowed.
type tracer func() Trace

func (t tracer) now() Trace {
	if t == nil {
		return nil
	}
	return t()
}

// StatusError means that the server answered the handshake with something
// other than 101.
type StatusError struct {
	Status int
	Header http.Header
}

// Error names the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("websocket handshake answered with HTTP status %d", e.Status)
}

// maxResponse is what the head of a handshake's answer may take.
const maxResponse = 64 << 10

// Dial connects and does both handshakes, TLS and websocket; ctx bounds all of
// it. Errors do not contain the URL.
//
// The work is done on a goroutine that ends with the call, so that the deep
// stack of a TLS handshake does not stay with the caller.
func Dial(ctx context.Context, t Target) (*Conn, error) {
	type result struct {
		conn *Conn
		err  error
	}
	done := make(chan result)
	go func() {
		conn, err := t.open(ctx)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

func (t Target) open(ctx context.Context) (*Conn, error) {
	began := time.Now()
	nc, err := t.connect(ctx)
	if to := tracer(t.Trace).now(); to != nil {
		to.Connected(t.address(), nc, began, err)
	}
	if err != nil {
		return nil, err
	}
	c, err := t.upgrade(ctx, nc)
	if err != nil {
		if to := tracer(t.Trace).now(); to != nil {
			to.Closed(err)
		}
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

func (t Target) connect(ctx context.Context) (net.Conn, error) {
	nc, err := t.DialContext(ctx, "tcp", t.address())
	if err != nil || t.TLS == nil {
		return nc, err
	}
	tc := tls.Client(nc, t.TLS)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close() // the handshake's error is the one that matters
		return nil, &HandshakeError{err}
	}
	if t.Wrap == nil {
		return tc, nil
	}
	return t.Wrap(tc), nil
}

// HandshakeError is why TLS could not be agreed on.
type HandshakeError struct{ Err error }

// Error returns the underlying error's text.
func (e *HandshakeError) Error() string { return "TLS handshake: " + e.Err.Error() }

// Unwrap returns the underlying error.
func (e *HandshakeError) Unwrap() error { return e.Err }

func (t Target) address() string {
	port := t.URL.Port()
	switch {
	case port != "":
	case t.TLS != nil:
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(t.URL.Hostname(), port)
}

func (t Target) upgrade(ctx context.Context, nc net.Conn) (*Conn, error) {
	release := whenDone(ctx, func() { _ = nc.SetDeadline(past) })
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	key := base64.StdEncoding.EncodeToString(random[:])
	br := bufio.NewReaderSize(io.LimitReader(nc, maxResponse), 1024)
	err := t.shakeHands(nc, br, key)
	release()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("websocket handshake: %w", ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("websocket handshake: %w", err)
	}
	early, _ := br.Peek(br.Buffered())
	return &Conn{nc: nc, line: lineOf(nc), limit: t.Limit, buf: slices.Clone(early), trace: t.Trace}, nil
}

func (t Target) shakeHands(nc net.Conn, br *bufio.Reader, key string) error {
	req := t.request(key)
	began, number := time.Now(), uint64(0)
	if to := tracer(t.Trace).now(); to != nil {
		number = to.Request(req.Method, req.URL.RequestURI(), req.Header, nil, "for a websocket")
	}
	if err := req.Write(nc); err != nil {
		return err
	}
	resp, err := readHead(br, req)
	for err == nil && resp.StatusCode/100 == 1 && resp.StatusCode != http.StatusSwitchingProtocols {
		resp, err = readHead(br, req)
	}
	if err != nil {
		return err
	}
	if to := tracer(t.Trace).now(); to != nil {
		to.Answer(number, resp.StatusCode, resp.Header, nil, began)
	}
	return verify(resp, key)
}

// readHead reads the head of an answer. The parser's own errors quote what the
// server sent, so they are replaced.
func readHead(br *bufio.Reader, req *http.Request) (*http.Response, error) {
	resp, err := http.ReadResponse(br, req)
	var network net.Error
	switch {
	case err == nil, errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		return resp, err
	}
	return nil, fmt.Errorf("%w: the answer is not HTTP", errProtocol)
}

func (t Target) request(key string) *http.Request {
	u := url.URL{Scheme: "http", Host: t.URL.Host, Path: t.URL.Path, RawQuery: t.URL.RawQuery}
	header := t.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Connection", "Upgrade")
	header.Set("Upgrade", "websocket")
	header.Set("Sec-WebSocket-Version", "13")
	header.Set("Sec-WebSocket-Key", key)
	return &http.Request{Method: http.MethodGet, URL: &u, Host: u.Host, Header: header}
}

func verify(resp *http.Response, key string) error {
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return &StatusError{Status: resp.StatusCode, Header: resp.Header}
	case !hasToken(resp.Header, "Upgrade", "websocket"), !hasToken(resp.Header, "Connection", "upgrade"):
		return fmt.Errorf("%w: the answer does not upgrade to a websocket", errProtocol)
	case resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(key):
		return fmt.Errorf("%w: Sec-WebSocket-Accept does not fit our key", errProtocol)
	case resp.Header.Get("Sec-WebSocket-Extensions") != "":
		return fmt.Errorf("%w: the server turned on an extension that was not offered", errProtocol)
	}
	return nil
}

func hasToken(h http.Header, name, token string) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values(name), ","), ",") {
		if strings.EqualFold(strings.TrimSpace(part), token) {
			return true
		}
	}
	return false
}

// acceptKey is the server's proof that it understood key (RFC 6455, 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
