package huawei

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// callback is the body of a request that the platform sends us: a list of one
// agent's events, the oldest left (vendor page: push), or a single one in the
// shape of a poll's answer (older gateways).
type callback struct {
	login   string
	events  []session.Event
	missing session.Missing // instead of events
}

var errCallback = errors.New("no JSON object with workNo and eventList, or with event")

// parseCallback reads a body. The error quotes nothing of it.
func parseCallback(body []byte) (callback, error) {
	var v struct {
		WorkNo    wire.Text       `json:"workNo"`
		EventList json.RawMessage `json:"eventList"`
		Event     json.RawMessage `json:"event"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return callback{}, errCallback
	}
	raw := v.EventList
	if len(raw) == 0 {
		raw = v.Event
	}
	if len(raw) == 0 && v.WorkNo == "" {
		return callback{}, errCallback
	}
	c := callback{login: strings.TrimSpace(string(v.WorkNo)), events: envelope{ccgateway.Envelope{Event: raw}}.events()}
	if c.login == "" && len(c.events) > 0 {
		c.login = workNoOf(c.events[0])
	}
	if c.login == "" {
		return callback{}, errCallback
	}
	return c, nil
}

// workNoOf returns whom an event is about, "" where it names nobody.
func workNoOf(e session.Event) string {
	var v struct {
		WorkNo wire.Text `json:"workNo"`
	}
	if json.Unmarshal(e.Data, &v) != nil {
		return ""
	}
	return strings.TrimSpace(string(v.WorkNo))
}

// Receive implements session.Receiver for events that the gateway pushes. The
// request must prove itself by the service token that the sign-in named, or by
// the session's Guid, and must carry neither wrongly: gateways may leave out
// the token, and older ones the Guid.
func (p *platform) Receive(ctx context.Context, header http.Header, body []byte) session.Receipt {
	c, err := parseCallback(body)
	if err != nil {
		return receipt(c, session.Malformed)
	}
	return p.deliver(ctx, header, body, c)
}

// deliver hands a callback, which body is or begins with, to the session that it
// proves itself to.
func (p *platform) deliver(ctx context.Context, header http.Header, body []byte, c callback) session.Receipt {
	d := &delivery{guid: strings.TrimSpace(header.Get("Guid")), events: c.events, missing: c.missing, done: make(chan error, 1)}
	if guid := ccgateway.ParseGuid(d.guid); guid != "" {
		d.guid = guid
	}
	boxes, err := p.admitted(c.login, tokenIn(header), d.guid)
	for _, b := range boxes {
		if err = b.put(ctx, d); err == nil || (!errors.Is(err, errNoSession) && !errors.Is(err, errForbidden)) {
			break
		}
	}
	r := receipt(c, refusalOf(err))
	if t := p.transport.Traced(c.login); t != nil {
		t.Callback(header, body, r.Status, r.Refusal.String())
	}
	return r
}

// workNoPattern finds the agent in the beginning of a body that is not read whole.
var workNoPattern = regexp.MustCompile(`"workNo"\s*:\s*"?\s*([^"\s,}\]]{1,64})`)

// ReceiveLarge implements session.LargeReceiver. The request is answered as one
// that was taken once the loss is marked: sent again it would be as large, and
// hold up what comes after it.
func (p *platform) ReceiveLarge(ctx context.Context, header http.Header, head []byte) session.Receipt {
	found := workNoPattern.FindSubmatch(head)
	if found == nil {
		return receipt(callback{}, session.Malformed)
	}
	return p.deliver(ctx, header, head, callback{login: string(found[1]), missing: session.MissingTooLarge})
}

// tokenIn returns the service token of a request, "" where there is none. Some
// proxies do not let a header's underscore through.
func tokenIn(h http.Header) string {
	if token := h.Get("service_token"); token != "" {
		return token
	}
	return h.Get("service-token")
}

// admitted returns the inboxes that the token opens, those that know the Guid
// before one that is still to learn its own.
func (p *platform) admitted(login, token, guid string) ([]*inbox, error) {
	all := p.inboxes.of(login)
	if len(all) == 0 {
		return nil, errNoSession
	}
	given := session.NewSecret(token)
	boxes := slices.DeleteFunc(all, func(b *inbox) bool { return token != "" && !b.token.Equal(given) })
	if len(boxes) == 0 || (token == "" && guid == "") {
		return nil, errToken
	}
	slices.SortStableFunc(boxes, func(a, b *inbox) int { return rank(a, guid) - rank(b, guid) })
	return boxes, nil
}

var errToken = errors.New("wrong service token")

func rank(b *inbox, guid string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if guid != "" && b.knows(guid) {
		return 0
	}
	return 1
}

// answers are what the platform is answered: the status for whoever looks at that,
// the retcode for whoever looks at the body (vendor pages: push, error codes).
var answers = map[session.Refusal]struct {
	status  int
	retcode string
	message string
}{
	session.Accepted:   {http.StatusOK, "0", "success"},
	session.Malformed:  {http.StatusBadRequest, "000-002", "the body is none of a callback"},
	session.Forbidden:  {http.StatusUnauthorized, "100-001", "the service token or the Guid is wrong"},
	session.NoSession:  {http.StatusServiceUnavailable, ccgateway.NotSignedIn, "the agent is not signed in here"},
	session.TooMany:    {http.StatusServiceUnavailable, "100-007", "too many events wait to be stored"},
	session.NotFetched: {http.StatusServiceUnavailable, "100-007", "the events were not fetched in time"},
	session.NotStored:  {http.StatusServiceUnavailable, "100-007", "the events could not be stored"},
}

func refusalOf(err error) session.Refusal {
	switch {
	case err == nil:
		return session.Accepted
	case errors.Is(err, errToken), errors.Is(err, errForbidden):
		return session.Forbidden
	case errors.Is(err, errNoSession):
		return session.NoSession
	case errors.Is(err, errTooMany):
		return session.TooMany
	case errors.Is(err, errUnfetched):
		return session.NotFetched
	}
	return session.NotStored
}

func receipt(c callback, r session.Refusal) session.Receipt {
	a := answers[r]
	body, _ := json.Marshal(struct { // of plain text: always encodes
		Message string `json:"message"`
		Retcode string `json:"retcode"`
	}{a.message, a.retcode})
	return session.Receipt{Status: a.status, Body: body, Refusal: r, Login: wire.Plain(c.login), Events: len(c.events)}
}
