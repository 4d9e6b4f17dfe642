package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"agentkeeper/session/keeper"
	"agentkeeper/vendors/rules"
)

// renewalTimeout is how long an answer that refuses the credential is held back for a
// newer one: longer than a Huawei poll is held (10 s), whose end tells the
// keeper that the session is lost.
const renewalTimeout = 12 * time.Second

// lookEvery is how often a newer credential is looked for.
const lookEvery = 50 * time.Millisecond

// exchange is one request on its way. It is the reverse proxy's transport, and
// used by one goroutine.
type exchange struct {
	proxy  *Proxy
	ctx    context.Context // of the client's request; bounded
	route  route
	asked  rules.Request // as it is sent
	target target
	handed keeper.Handed // what the request goes with
	body   body
	out    func() // leaves the lane; nil: it is in none
}

// rewrite makes the platform's request of the client's: the normal form of what
// was judged.
func (x *exchange) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = on(x.target.url, x.asked)
	r.Out.Host, r.Out.Trailer = "", nil
	stripRequest(r.Out.Header)
}

// enter waits for the turn of a request that may change something.
func (x *exchange) enter() *fault {
	switch x.asked.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	if x.proxy.lanes == nil {
		return nil
	}
	out, refused := x.proxy.lanes.Enter(x.ctx, x.route.id, x.asked)
	if refused != nil {
		return &fault{status: refused.HTTP, retry: refused.Retry, text: refused.Error}
	}
	x.out = out
	return nil
}

// leave lets the next one in.
func (x *exchange) leave() {
	if x.out != nil {
		x.out()
		x.out = nil
	}
}

// RoundTrip implements http.RoundTripper: it sends the request, and once more
// where the platform refuses the credential and a newer one comes.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	defer x.leave()
	answer, err := x.send(req)
	if err != nil {
		return nil, err
	}
	verdict := x.judge(answer)
	if verdict == rules.Good || !x.renew(verdict) {
		return answer, nil
	}
	_ = answer.Body.Close() // its connection is of no more use
	if f := x.enter(); f != nil {
		return nil, errors.New(f.text)
	}
	again, err := x.send(req)
	if err != nil {
		return nil, err
	}
	if x.judge(again) != rules.Good {
		x.proxy.ignored.add(x.route.id, x.handed.Generation)
	}
	return again, nil
}

// send sends the request with the present credential. It runs under the
// client's context and not under the reverse proxy's, which would pass interim
// answers on with all their headers.
func (x *exchange) send(req *http.Request) (*http.Response, error) {
	out := req.Clone(x.ctx)
	for _, h := range x.handed.Credential.Header {
		out.Header[h.Name] = []string{h.Value}
	}
	x.body.put(out)
	answer, err := x.target.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	return withoutTrailer(answer), nil
}

// withoutTrailer returns a copy that trailers, which come behind the body and
// may carry anything, do not reach.
func withoutTrailer(answer *http.Response) *http.Response {
	bare := *answer
	bare.Trailer = nil
	return &bare
}

func (x *exchange) judge(answer *http.Response) rules.Verdict {
	return x.target.rules.Judge(rules.Answer{
		Login: x.route.id.Login, Segments: x.asked.Segments, Status: answer.StatusCode, Body: peek(answer),
	})
}

// renew waits for a newer credential after a refusal and reports whether the
// request is to be sent again with it.
func (x *exchange) renew(v rules.Verdict) bool {
	id, refused := x.route.id, x.handed.Generation
	if x.proxy.ignored.holds(id, refused) {
		return false
	}
	if v == rules.Dead && !x.report(refused) {
		return false
	}
	if !x.body.whole {
		return false
	}
	if x.await(refused) {
		return true
	}
	if x.ctx.Err() == nil { // else the client went away, which says nothing
		x.proxy.ignored.add(id, refused)
	}
	return false
}

// report tells the keeper, and reports whether a newer credential can be hoped
// for.
func (x *exchange) report(generation uint64) bool {
	err := x.proxy.fleet.Refuse(x.route.id, generation, "proxy")
	if err == nil || errors.Is(err, keeper.ErrNotCurrent) || errors.Is(err, keeper.ErrNoSession) {
		return true
	}
	x.proxy.log.Warn("proxy: a refused credential is not renewed", "agent", x.route.id.String(), "error", err)
	return false
}

// await leaves the lane, and blocks until there is another credential than the refused one, or
// renewalTimeout or the request ended.
func (x *exchange) await(refused uint64) bool {
	x.leave()
	ctx, cancel := context.WithTimeout(x.ctx, renewalTimeout)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		handed, err := x.proxy.fleet.Credential(x.route.id)
		switch {
		case err != nil:
			return false
		case handed.Live && handed.Generation != refused:
			x.handed = handed
			return true
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
}

// clean makes the client's answer of the platform's.
func (x *exchange) clean(answer *http.Response) error {
	stripAnswer(answer.Header, x.handed.Credential.Header)
	if text := answer.Header.Get("Location"); text != "" {
		answer.Header.Set("Location", x.relocate(text))
	}
	return nil
}

// relocate turns an address on the platform into the proxy's for it; any other
// is left as it is.
func (x *exchange) relocate(location string) string {
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(u.Path, "/") || (u.Host != "" && !strings.EqualFold(u.Host, x.target.url.Host)) {
		return location
	}
	path := strings.TrimPrefix(u.EscapedPath(), strings.TrimSuffix(x.target.url.EscapedPath(), "/"))
	moved := x.route.prefix() + path
	if u.RawQuery != "" {
		moved += "?" + u.RawQuery
	}
	return moved
}
