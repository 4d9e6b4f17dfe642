package command

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	vendor "agentkeeper/vendors/command"
	"agentkeeper/vendors/wire"
)

// sendFrame sends an action over the connection that holds the session.
func sendFrame(ctx context.Context, o *order, loan *keeper.Loan) Result {
	if loan.Commander == nil {
		return absent(o.id, keeper.ErrNoSession)
	}
	sent := time.Now()
	reply, err := loan.Commander.Command(ctx, session.Command{Action: o.action, Payload: o.payload, ID: o.request.ID})
	switch {
	case err != nil && !reply.Sent:
		return notSent("nothing could be sent: "+err.Error(), absentRetry)
	case err != nil:
		return doubt(sent, "the command was sent, and no answer came: "+unanswered(err))
	}
	answered := time.Now()
	r := Result{
		Outcome: Rejected, Status: reply.Status, Code: reply.Code, Answer: redacted(reply.Payload, loan),
		SentAt: instant(sent), AnsweredAt: instant(answered), HTTP: http.StatusOK,
	}
	if reply.Status/100 == 2 {
		r.Outcome = Done
	}
	return r
}

func unanswered(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "its time-out passed"
	case errors.Is(err, context.Canceled):
		return "the service ended"
	}
	return err.Error()
}

// sendRequest sends a request over HTTP, and once more where the platform refused it
// because its credential had been replaced.
func (s *Service) sendRequest(ctx context.Context, o *order, loan *keeper.Loan) Result {
	r, stale := s.ask(ctx, o, loan, loan.Handed)
	if !stale {
		return r
	}
	if newer, ok := newerThan(ctx, loan); ok {
		r, _ = s.ask(ctx, o, loan, newer)
	}
	return r
}

// newerThan waits for the credential that the lent one was replaced by. An answer
// that brings one may be on its way to the keeper while the refusal is here already.
func newerThan(ctx context.Context, loan *keeper.Loan) (newer keeper.Handed, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, newerLimit)
	defer cancel()
	for {
		if newer, ok = loan.Newer(); ok {
			return newer, true
		}
		if session.Sleep(ctx, newerEvery) != nil {
			return newer, false
		}
	}
}

// ask sends the request once. stale tells that it was surely not carried out if the
// credential was not the newest.
func (s *Service) ask(ctx context.Context, o *order, loan *keeper.Loan, handed keeper.Handed) (r Result, stale bool) {
	road := s.roads.to(o.id.Platform, o.place)
	client := road.take(loan.Account)
	sent := time.Now()
	answer, err := client.Do(ctx, requestOf(o, handed, sent))
	if err != nil || answer.Status >= http.StatusInternalServerError {
		client.Close()
	} else {
		road.keep(client)
	}
	if err != nil {
		return failed(err, sent, answer.Status), false
	}
	code, verdict := o.set.Read(answer.Status, answer.Body)
	r = Result{
		Status: answer.Status, Code: code, Answer: redacted(answer.Body, loan, handed.Credential),
		SentAt: instant(sent), AnsweredAt: instant(time.Now()), HTTP: http.StatusOK,
	}
	switch verdict {
	case vendor.Accepted:
		r.Outcome = Done
	case vendor.Refused:
		r.Outcome = Rejected
		stale = o.set.Stale != nil && o.set.Stale(answer.Status, answer.Body)
	default:
		r.Outcome, r.HTTP = Doubt, http.StatusGatewayTimeout
		r.Error = "what answered may not be the platform itself, and the command may have been carried out: look at the agent before you send it again"
	}
	return r, stale
}

func requestOf(o *order, handed keeper.Handed, now time.Time) wire.Request {
	h := o.set.Header(len(o.web.Body) > 0)
	for _, one := range handed.Credential.Header {
		h[one.Name] = []string{one.Value}
	}
	path := strings.TrimSuffix(o.place.URL.EscapedPath(), "/") + o.web.Path()
	if len(o.web.Query) > 0 {
		path += "?" + o.web.RawQuery()
	}
	return wire.Request{Method: o.web.Method, Path: path, Header: h, Body: o.web.Body, Timeout: o.deadline.Sub(now), Limit: answerLimit}
}

// failed is the result of a request without a whole answer.
func failed(err error, sent time.Time, status int) Result {
	var e *wire.Error
	if errors.As(err, &e) && !e.Sent && !e.Partly {
		return notSent("nothing could be sent: "+e.Error(), absentRetry)
	}
	r := doubt(sent, "the command was sent, and no whole answer came: "+err.Error())
	r.Status = status
	return r
}

func doubt(sent time.Time, text string) Result {
	return Result{Outcome: Doubt, Error: text + "; look at the agent before you send it again", SentAt: instant(sent), HTTP: http.StatusGatewayTimeout}
}

func instant(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// redacted returns an answer as a JSON value without the session's secrets.
func redacted(body []byte, loan *keeper.Loan, more ...session.Credential) json.RawMessage {
	if len(body) == 0 {
		return nil
	}
	secrets := []string{loan.Account.Password.Reveal(), loan.Account.Token.Reveal()}
	for _, c := range append(more, loan.Credential) {
		secrets = append(secrets, secretsOf(c)...)
	}
	text := wire.Redact(string(body), secrets...)
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text) // a string always encodes
	return quoted
}

// secretsOf returns what of a credential must stand in no answer: values of headers,
// and what these carry behind the word that says their kind, or a cookie's name.
func secretsOf(c session.Credential) []string {
	list := []string{c.Token.Reveal()}
	for _, h := range c.Header {
		list = append(list, h.Value)
		for part := range strings.FieldsFuncSeq(h.Value, func(c rune) bool { return c == ';' || c == ' ' }) {
			if _, value, isCookie := strings.Cut(part, "="); isCookie {
				part = value
			}
			list = append(list, part)
		}
	}
	return slices.DeleteFunc(list, func(secret string) bool { return len(secret) < secretLeast })
}

// secretLeast is the shortest secret that is looked for in answers, in bytes: a shorter
// one would take innocent words for secrets, such as the kind of a token.
const secretLeast = 8
