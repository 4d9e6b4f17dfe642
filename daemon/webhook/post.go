package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

const (
	contentType  = "application/cloudevents+json"
	connectLimit = 10 * time.Second
	idleLimit    = 90 * time.Second
	answerLimit  = 64 << 10 // of an answer that is read
	headerLimit  = 64 << 10
)

// outcome says what an attempt leads to.
type outcome uint8

const (
	delivered   outcome = iota
	failed              // the lane waits
	unreachable         // likewise, and it looks as if the receiver were out
	retryLater          // likewise, and it said for how long
	limited             // 429
	refused             // 410
)

// result is the outcome of one attempt.
type result struct {
	lane    *lane
	outcome outcome
	after   time.Duration // as the receiver asks; 0: it does not
	err     string        // for people, without a secret
	denied  bool          // 4xx that is about the request: the same request will fail again
	content bool          // and of the event in it: 400, 413, 415 or 422
}

// poster makes the requests of one hook. Its methods may be called from any
// goroutine.
type poster struct {
	target  string
	agent   string // User-Agent
	timeout time.Duration
	client  *http.Client
	key     atomic.Pointer[signing]
	hidden  []string // must stand in no text
}

type signing struct {
	key    []byte
	secret session.Secret
}

// dialer makes connections; nil is the network's.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

func newPoster(cfg config.Webhook, version string, dial dialer) (*poster, error) {
	u, err := url.Parse(cfg.URL.Reveal())
	if err != nil {
		return nil, errors.New("the address is no URL")
	}
	secure, err := cfg.TLS.Config(u.Hostname())
	if err != nil {
		return nil, err
	}
	if dial == nil {
		dial = (&net.Dialer{Timeout: connectLimit}).DialContext
	}
	p := &poster{
		target: u.String(), agent: "agentkeeper/" + version, timeout: cfg.Timeout, hidden: cfg.Secrets(),
		client: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dial, TLSClientConfig: secure, TLSHandshakeTimeout: connectLimit,
				MaxIdleConnsPerHost: cfg.Concurrent, MaxConnsPerHost: cfg.Concurrent, IdleConnTimeout: idleLimit,
				MaxResponseHeaderBytes: headerLimit, DisableCompression: true,
			},
		},
	}
	return p, p.rekey(cfg.Secret)
}

// rekey signs with another secret from now on.
func (p *poster) rekey(secret session.Secret) error {
	key, err := config.SigningKey(secret)
	if err == nil {
		p.key.Store(&signing{key, secret})
	}
	return err
}

// close drops the idle connections.
func (p *poster) close() { p.client.CloseIdleConnections() }

// post makes one attempt. It blocks until the answer is there, for the time-out
// at most.
func (p *poster) post(ctx context.Context, e event) result {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.target, bytes.NewReader(e.data))
	if err != nil {
		return result{outcome: failed, err: p.reason(err)}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", p.agent)
	// Not sent: it lets the transport try again where a connection that it kept
	// turns out to be dead, as the id of the event permits.
	req.Header["X-Idempotency-Key"] = nil
	sign(req.Header, p.key.Load().key, e.id, time.Now(), e.data)
	res, err := p.client.Do(req)
	if err != nil {
		return result{outcome: unreachable, err: p.reason(err)}
	}
	defer func() { _ = res.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(res.Body, answerLimit)) // what came says enough
	return p.judge(res, text)
}

func (p *poster) judge(res *http.Response, text []byte) result {
	r := result{outcome: failed, after: wire.RetryAfter(res.Header, time.Now(), longest), err: p.answer(res, text)}
	switch code := res.StatusCode; {
	case code >= 200 && code <= 299:
		return result{}
	case code == http.StatusGone:
		r.outcome = refused
	case code == http.StatusTooManyRequests:
		r.outcome = limited
	case code == http.StatusServiceUnavailable && r.after > 0:
		r.outcome = retryLater
	case code >= 500:
		r.outcome = unreachable
	case code >= 400 && code != http.StatusRequestTimeout && code != http.StatusTooEarly:
		r.denied = true
		r.content = slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, code)
	}
	return r
}

// answer is what the receiver said, for people.
func (p *poster) answer(res *http.Response, text []byte) string {
	said := fmt.Sprintf("%d %s", res.StatusCode, http.StatusText(res.StatusCode))
	if res.StatusCode >= 300 && res.StatusCode <= 399 {
		return said + ": redirects are not followed; write the final address in url"
	}
	if body := wire.Plain(p.redact(string(wire.UTF8(res.Header.Get("Content-Type"), text)))); body != "" {
		said += ": " + body
	}
	return said
}

// reason is why there was no answer, without the address, which the transport's
// own error repeats.
func (p *poster) reason(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer within %v", p.timeout)
	}
	return wire.Plain(p.redact(err.Error()))
}

func (p *poster) redact(text string) string {
	return wire.Redact(wire.Redact(text, p.hidden...), p.key.Load().secret.Reveal())
}
