package huawei

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// agent is one signed-in agent; it implements session.Session.
type agent struct {
	platform *platform
	client   *wire.Client
	workNo   string // the login, as callbacks name it
	polls    polls
	skills   skillset

	renewed time.Time // last attempt to renew an overdue Guid

	push     Push
	box      *inbox    // what the platform sends; nil: events are polled
	due      time.Time // of the next request that keeps the session without polls
	signedIn time.Time // by this process; zero: adopted

	key    key
	fields string      // headers of requests, from key
	stored session.Key // key encoded; zero: to be encoded

	forceOut    bool
	races       uint8 // polls in a row that met a Guid replaced meanwhile
	noRightOnce bool  // the last poll was answered "no permission", once
	proven      bool  // a poll was answered well since the sign-in or the adoption
	guidMissed  bool  // a new one seems to have been announced in an answer that was lost
	answerLost  bool  // an answer to a request of due was lost
}

var _ session.Session = (*agent)(nil)

// polls is the state of an agent's polls.
type polls struct {
	pause   time.Duration // after an empty answer
	timeout time.Duration // of one
	rest    time.Duration // before the next one
	rested  time.Time     // the end of the rest that has begun; zero: it has not
	asked   *wire.Reads   // what the answer to the one under way is searched for; nil: there is none
	used    string        // and the Guid that it left with
}

func (s *agent) path(resource string) string {
	return ccgateway.Base + "/" + resource + "/" + url.PathEscape(s.workNo)
}

// ask sends r with the newest key, and takes over the key that the answer
// brings before anybody looks at the rest of it.
func (s *agent) ask(ctx context.Context, r wire.Request) (wire.Answer, error) {
	used := s.key.Guid
	if r.Header == nil {
		r.Fields = s.fields
	}
	s.box.asking()
	defer s.box.answered()
	answer, err := s.client.Do(ctx, r)
	s.adopt(used, answer.Header)
	return answer, err
}

// adopt takes over the key in the answer to a request that was sent with used.
func (s *agent) adopt(used string, h http.Header) {
	if s.key.update(used, h, time.Now()) {
		s.keyChanged()
	}
}

// keyChanged follows a change of the key.
func (s *agent) keyChanged() {
	s.stored = session.Key{}
	s.fields = wire.Encode(s.key.header())
	s.box.know(s.key.Guid)
}

// begin takes over what the sign-in's answer holds.
func (s *agent) begin(w grant, now time.Time) {
	s.key.SignedIn, s.signedIn = now, now
	s.key.LoginTime = string(w.LoginTime)
	s.key.MediaType = string(w.MediaType)
	s.key.TimeRemaining = string(w.TimeRemaining)
	s.key.ForceChange = strings.EqualFold(string(w.IsForceChange), "true")
	s.skills.wanted = s.skills.path != "" && !s.key.ForceChange
	s.keyChanged()
	s.box.begin()
}

// clean makes the vendor's text fit to show: no secrets, one line.
func (s *agent) clean(text string) string {
	text = wire.Redact(text, append(s.key.secrets(), s.client.Password().Reveal())...)
	return wire.Plain(ccgateway.HideGuids(text))
}

// Key implements session.Session.
func (s *agent) Key() session.Key {
	if s.stored.IsZero() {
		s.stored = s.key.encode()
	}
	return s.stored
}

// failedRest is the least rest after a poll that failed.
const failedRest = 200 * time.Millisecond

// Step implements session.Session by one poll, held by the platform until there
// is an event or its hold is over. The first poll leaves at once, as does one
// after an event; after an empty answer it rests for poll_pause first, after a
// failed one for at least 200 ms. Where the platform pushes events, nothing is
// polled, see attend.
func (s *agent) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	if s.box != nil {
		return s.attend(ctx)
	}
	for {
		if s.polls.asked == nil {
			if wait, err := s.sleep(ctx); err != nil || !wait.None() {
				return session.Batch{}, wait, err
			}
			if s.renew(ctx) {
				return session.Batch{}, session.Wait{}, nil
			}
			s.startSkills()
			if s.poll(ctx) {
				return session.Batch{}, s.client.Wait(), nil
			}
		}
		batch, over, err := s.answered(ctx)
		switch {
		case !over:
			return session.Batch{}, s.client.Wait(), nil
		case !errors.Is(err, errAskAgain):
			return batch, session.Wait{}, err
		}
	}
}

// sleep rests before a poll. A rest that ctx cuts begins anew.
func (s *agent) sleep(ctx context.Context) (session.Wait, error) {
	switch {
	case s.polls.rest <= 0:
		return session.Wait{}, nil
	case ctx.Err() != nil:
		s.polls.rested = time.Time{}
		return session.Wait{}, ctx.Err()
	}
	now := time.Now()
	if s.polls.rested.IsZero() {
		s.polls.rested = now.Add(s.polls.rest)
	}
	if now.Before(s.polls.rested) {
		return session.Wait{Until: s.polls.rested}, nil
	}
	s.polls.rest, s.polls.rested = 0, time.Time{}
	return session.Wait{}, nil
}

// poll asks once. waits means that the answer is to be waited for.
func (s *agent) poll(ctx context.Context) (waits bool) {
	s.polls.used, s.polls.asked = s.key.Guid, s.platform.idle.reads()
	return s.client.Begin(ctx, wire.Request{Method: http.MethodGet, Path: s.path("agentevent"), Fields: s.fields, Timeout: s.polls.timeout, Limit: session.MessageLimit, Reads: s.polls.asked})
}

// answered reads the answer to the poll, if it is there.
func (s *agent) answered(ctx context.Context) (batch session.Batch, over bool, err error) {
	answer, over, err := s.client.End(ctx)
	if !over {
		return session.Batch{}, false, nil
	}
	reads := s.polls.asked
	s.polls.asked = nil
	s.adopt(s.polls.used, answer.Header)
	s.collectSkills(false)
	switch {
	case err != nil:
		return session.Batch{Missing: missing(answer, err)}, true, s.unanswered(ctx, err)
	case reads.Brings(answer):
		s.markAlive()
		s.polls.rest = s.polls.pause
		return session.Batch{}, true, nil
	}
	batch, err = s.polled(s.polls.used, answer)
	return batch, true, err
}

// markAlive notes that a poll was answered well.
func (s *agent) markAlive() {
	s.races = 0
	s.noRightOnce, s.proven = false, true
}

// missing reports whether a poll that failed with err may have brought an event that
// is lost now: the platform does not send one twice. Under another status than one
// of success there is none.
func missing(a wire.Answer, err error) session.Missing {
	var e *wire.Error
	switch {
	case !errors.As(err, &e), !e.Began, a.Status != 0 && !a.OK():
		return session.MissingNone
	case e.Reason == wire.TooLarge:
		return session.MissingTooLarge
	}
	return session.MissingCut
}

// broken reports whether an answer's body looks like an envelope that was cut
// short: some answers have no length by which that would be noticed.
func broken(a wire.Answer) bool {
	body := bytes.TrimSpace(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")))
	return a.OK() && bytes.HasPrefix(body, []byte("{")) && !json.Valid(body)
}

// polled reads the answer to a poll that was asked with the Guid used.
func (s *agent) polled(used string, answer wire.Answer) (session.Batch, error) {
	e, fault := read(code.KeepAlive, answer, s.clean)
	if fault != nil {
		var batch session.Batch
		if fault.Code == code.Unreadable && broken(answer) {
			batch.Missing = session.MissingCut
		}
		return batch, s.missed(used, fault)
	}
	s.markAlive()
	events := e.events()
	if len(events) == 0 {
		s.polls.rest = s.polls.pause
		s.platform.idle.learn(answer.Body)
	}
	return session.Batch{Events: events}, s.ended(events)
}

// unanswered is a poll that brought no answer: interrupted, or an outage. The
// session lives on either way.
func (s *agent) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.polls.rest = max(s.polls.pause, failedRest)
	return wire.Fault(err, false)
}

// raceLimit is how many polls in a row may meet a Guid that was replaced
// meanwhile before "not signed in" counts.
const raceLimit = 2

// errAskAgain makes Step poll once more before it accepts "no permission".
var errAskAgain = errors.New("to be asked once more")

// missed decides whether a poll that was answered "not signed in" means it.
// The answer says nothing if the Guid that it was asked with has been replaced
// since; then the caller saves the new one and asks with it, at once. While the
// skills' request is under way, its answer may be about to replace the Guid. "No
// permission" under the current Guid counts when it comes twice (vendor
// page: error codes).
func (s *agent) missed(used string, f *session.Fault) error {
	s.polls.rest = max(s.polls.pause, failedRest)
	s.client.Heed(f)
	if f.Code != ccgateway.NotSignedIn && f.Code != ccgateway.NoRight {
		return f
	}
	replaced := s.key.Guid != used
	if (replaced || s.skills.underWay()) && s.races < raceLimit {
		s.races++
		if replaced {
			s.polls.rest = 0
		}
		return &session.Fault{Kind: session.Outage, Code: f.Code, Text: "the Guid may have been replaced while the poll was under way; it is asked again"}
	}
	if f.Code == ccgateway.NoRight && !s.noRightOnce {
		s.noRightOnce = true
		s.client.Close() // another node may know better
		return errAskAgain
	}
	if s.key.Guid == "" && !s.proven {
		return codes.Fault(code.KeepAlive, codeNoGuid, "")
	}
	return f
}

// ended returns a Lost fault if the events report the end of this very session.
// A report about an earlier one is stale: it stays an event. One that does not
// tell which session it means is left to the next poll.
func (s *agent) ended(events []session.Event) error {
	ours := s.key.LoginTime
	for _, e := range events {
		theirs, ok := shutdownOf(e)
		if ok && (ours == "" || ours == theirs) {
			return codes.Fault(code.KeepAlive, codeShutdown, "")
		}
	}
	return nil
}

// Info implements session.Session.
func (s *agent) Info() session.Info {
	info := session.Info{
		PasswordExpires: s.key.passwordExpires(),
		Warnings:        s.key.warnings(time.Now()),
		Credential:      s.key.credential(),
	}
	for _, tell := range []func() (session.Warning, bool){s.skills.warning, s.unpushed} {
		if warning, ok := tell(); ok {
			info.Warnings = append(info.Warnings, warning)
		}
	}
	return info
}

// Close implements session.Session.
func (s *agent) Close() error {
	s.stopSkills()
	s.client.Close()
	s.platform.inboxes.shut(s.box)
	return nil
}

// credential is what another program needs to act within the session: the Guid,
// where the gateway knows any, and, for the load balancer, the cookies.
func (k *key) credential() session.Credential {
	var h session.Headers
	if k.Guid != "" {
		h = append(h, session.Header{Name: "Guid", Value: k.Guid})
	}
	if c := k.Cookies.Header(); c != "" {
		h = append(h, session.Header{Name: "Cookie", Value: c})
	}
	return session.Credential{Header: h, IssuedAt: k.GuidSince}
}

// passwordExpires counts the remaining days from the sign-in, zero for never.
func (k *key) passwordExpires() time.Time {
	days, err := strconv.Atoi(strings.TrimSpace(k.TimeRemaining))
	if err != nil || days < 0 || days > 100*365 {
		return time.Time{}
	}
	return k.SignedIn.Add(time.Duration(days) * 24 * time.Hour)
}

// expiryNotice is how long before its expiry a password is warned about.
const expiryNotice = 7 * 24 * time.Hour

// warnings lists what needs a person though the session looks healthy.
func (k *key) warnings(now time.Time) []session.Warning {
	var list []session.Warning
	if k.ForceChange {
		list = append(list, session.Warning{
			Code: "password_change_required", Text: "the agent is signed in but takes no calls until its password is changed",
			Action: "change the password on the platform, then in the agent's secret",
		})
	}
	if expires := k.passwordExpires(); !expires.IsZero() && expires.Sub(now) < expiryNotice {
		list = append(list, session.Warning{
			Code: "password_expires_soon", Text: "the password expires on " + expires.UTC().Format(time.DateOnly),
			Action: "change the password on the platform, then in the agent's secret",
		})
	}
	if strings.HasPrefix(strings.ToUpper(k.MediaType), "F") {
		list = append(list, session.Warning{
			Code: "voice_unavailable", Text: "the platform could not sign the agent in for voice",
			Action: "look at the gateway's connection to the CTI server, then sign the agent out and in",
		})
	}
	return list
}
