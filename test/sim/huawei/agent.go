package huawei

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// agent is one account's state. The simulator's lock guards it.
type agent struct {
	Agent
	failures    int       // wrong passwords in a row
	lockedUntil time.Time // zero: not locked
	calls       []*call
	numbered    int  // calls so far
	missed      int  // calls in a row that were not answered
	phoneAway   bool // its phone cannot be reached
	spoils      spoils
	asked       int      // so many commands are a program's
	session     *session // nil: signed out
	last        *ending  // how the session before ended
	gen         generator
	queries     []time.Time // of the flow-controlled kind, within the last 2 s
	record      record
}

// record is what the simulator remembers about the agent's client.
type record struct {
	signedIn    []time.Time // successful sign-ins, the latest 100
	firstPoll   time.Duration
	slowestPoll time.Duration
	reaped      int
	events      int // handed out
	pushFailed  int // callbacks that did not take what they were sent
	pushLost    int // events that were given up
	resetSkills []ResetSkill
	commands    []*Command  // the latest
	restores    []time.Time // of them those that were to make the agent ready again, within the last hour
	rings       int         // calls from queues
	answered    int
	unanswered  int
}

// ResetSkill is one call of resetskill as it came.
type ResetSkill struct {
	Auto         bool     `json:"auto"`
	Skills       []string `json:"skills"`
	PhoneLinkage string   `json:"phone_linkage"`
}

// session is one sign-in until its end.
type session struct {
	of        *agent
	sim       *Sim
	started   time.Time
	answered  time.Time // when the sign-in's answer left; zero: not yet
	polled    bool      // the first poll came
	phone     string
	status    int
	push      bool // events go to a callback: no polls
	callback  string
	token     string
	pushing   bool
	guids     []guid
	cookie    string // "" = none asked for
	seen      time.Time
	heldUntil time.Time // another client's session: alive until then without polls
	open      int       // polls
	queue     []event
	later     []effect // what happens by itself, soonest first
	wish      wish     // a state that was asked for and must wait
	by        string   // who brought the state about
	reason    int      // of busy, or the cause of a rest
	changes   int      // of the state, so far
	mute      bool     // the state's events are kept back
	noCalls   bool     // by settalkright
	custom    int      // the site's own state
	doubt     string   // the latest command, where it was not answered
	renewing  *renewal // a Guid that the open poll is to bring at once; nil: none
	// The settings that state calls change.
	autoAnswer bool
	autoIdle   bool
	older      bool // it asked for the older push: pushUrl
	stirred    chan<- struct{}
	wake       chan struct{} // a token when there may be an event; capacity 1
	ended      chan struct{} // closed at the end
}

// ending is what the holder of an ended session's Guid is told.
type ending struct {
	of       *session
	code     string
	farewell []event // for its polls, before the code
	shutdown event   // the ShutdownService of that session
	// signedOut: by its own request; asking again is answered 100-008.
	signedOut bool
}

type guid struct {
	value string
	born  time.Time
}

// event is one as polls carry it (vendor page: obtaining agent events).
type event struct {
	kind    string
	at      time.Time
	content json.RawMessage
}

var null = json.RawMessage("null")

func (s *session) loginTime() string { return strconv.FormatInt(s.started.UnixMilli(), 10) }

// emit queues events and wakes an open poll.
func (s *session) emit(events ...event) {
	s.queue = append(s.queue, events...)
	s.wakeUp()
}

// wakeUp makes open polls look again.
func (s *session) wakeUp() {
	for _, c := range []chan<- struct{}{s.wake, s.stirred} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// guidIsValid reports whether value opens the session at now: known, not older
// than timeout, and the newest if only that one counts.
func (s *session) guidIsValid(value string, now time.Time, timeout time.Duration, onlyNewest bool) bool {
	i := slices.IndexFunc(s.guids, func(g guid) bool { return g.value == value })
	if i < 0 || (onlyNewest && i < len(s.guids)-1) {
		return false
	}
	return timeout == 0 || now.Sub(s.guids[i].born) < timeout
}

// knows reports whether value ever was one of the session's latest Guids.
func (s *session) knows(value string) bool {
	return slices.ContainsFunc(s.guids, func(g guid) bool { return g.value == value })
}

// newest returns the session's latest Guid.
func (s *session) newest() guid { return s.guids[len(s.guids)-1] }

// renew adds a Guid and forgets those that are long dead.
func (s *session) renew(now time.Time, node int) guid { //nolint:unparam // another node has another number
	const kept = 16
	g := guid{value: newGuid(node), born: now}
	s.guids = append(s.guids, g)
	if len(s.guids) > kept {
		s.guids = slices.Clone(s.guids[len(s.guids)-kept:])
	}
	return g
}

func shutdownEvent(s *session, now time.Time) event {
	return event{kind: "AgentOther_ShutdownService", at: now, content: json.RawMessage(`{"loginTime":` + s.loginTime() + `}`)}
}

func newGuid(node int) string { return fmt.Sprintf("%s.AgentGateway%d", newUUID(), node) }

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// generator makes numbered events at a steady rate while the agent is in. It
// computes what is due and needs no goroutine.
type generator struct {
	every time.Duration // 0 = off
	left  int           // -1 = without limit
	made  int
	due   time.Time
	// Whether the last event's answer was read, only the next request on its
	// connection proves.
	unread     string // that connection; "" once the proof came
	unfollowed []int  // events whose proof cannot come any more
}

const generatedEvent = "AgentOther_Simulated"

// next returns the next event if it is due, or how long until it is; ok is
// false and wait 0 where none will come.
func (g *generator) next(now time.Time) (e event, wait time.Duration, ok bool) {
	if g.every == 0 || g.left == 0 {
		return event{}, 0, false
	}
	if wait := g.due.Sub(now); wait > 0 {
		return event{}, wait, false
	}
	g.made++
	if g.left > 0 {
		g.left--
	}
	content := fmt.Sprintf(`{"number":%d,"dueTime":%d,"answerTime":%d}`, g.made, g.due.UnixMilli(), now.UnixMicro())
	e = event{kind: generatedEvent, at: g.due, content: json.RawMessage(content)}
	g.due = g.due.Add(g.every)
	return e, 0, true
}

// handed notes that the newest event goes out on a connection.
func (g *generator) handed(conn string) { g.unread = conn }

// heard notes that a poll came, on a connection.
func (g *generator) heard(conn string) {
	if g.unread != "" && g.unread != conn {
		g.unfollowed = append(g.unfollowed, g.made)
	}
	g.unread = ""
}

// open lists the events whose answer may not have been read.
func (g *generator) open() []int {
	if g.unread == "" {
		return slices.Clone(g.unfollowed)
	}
	return append(slices.Clone(g.unfollowed), g.made)
}

func (g *generator) start(now time.Time) { g.due = now.Add(g.every) }

func (a *agent) locked(now time.Time) bool { return now.Before(a.lockedUntil) }

// throttled counts a query and reports whether it is one too many.
func (a *agent) throttled(now time.Time) bool {
	const limit, within = 5, 2 * time.Second
	a.queries = slices.DeleteFunc(a.queries, func(t time.Time) bool { return now.Sub(t) >= within })
	if len(a.queries) >= limit {
		return true
	}
	a.queries = append(a.queries, now)
	return false
}

// state is the platform's number for what the agent does (0 unknown … 8 rest).
func (a *agent) state() int {
	switch {
	case a.session == nil:
		return StateOut
	case len(a.calls) > 0:
		return StateTalking
	case a.session.wish.status == StateRest:
		return StatePreRest
	}
	return a.session.status
}
