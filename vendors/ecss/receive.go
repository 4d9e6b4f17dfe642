package ecss

import (
	"encoding/json"
	"log/slog"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ecss/socket"
	"agentkeeper/vendors/wire"
)

// receive takes one message of the running session. contact means that it proves
// the session alive.
func (l *live) receive(m socket.Message) (contact bool) {
	if m.Kind == socket.Pong {
		l.markAlive()
		l.ping.lost = false
		return true
	}
	e, ok := l.open(m)
	if !ok {
		return false
	}
	if l.subscription.pendingID != 0 && e.hasID && e.id == l.subscription.pendingID {
		l.notePingsLost()
		l.markAlive()
		return l.subscribed(e)
	}
	l.markAlive()
	if l.answersCommand(e) {
		if doubts(e) {
			l.subscription.due = time.Now()
		}
		return !doubts(e)
	}
	l.keep(e)
	l.noteEviction(e)
	return true
}

// open reads a message as a frame of the vendor's; what is none is counted
// and logged by its size.
func (l *live) open(m socket.Message) (envelope, bool) {
	if m.Kind == socket.Text {
		if e, ok := open(wire.UTF8("", m.Data)); ok {
			return e, true
		}
	}
	if m.Kind != socket.Pong {
		l.unreadable++
		level := slog.LevelDebug
		if l.unreadable == 1 {
			level = slog.LevelWarn
		}
		l.log(level, "the platform sent a frame that cannot be read", slog.Int("bytes", len(m.Data)), slog.Int("so_far", int(l.unreadable)))
	}
	return envelope{}, false
}

// keep puts a frame down as an event. The vendor's frames carry no time of
// their own.
func (l *live) keep(e envelope) {
	l.events = append(l.events, session.Event{Type: e.eventType(), Data: e.raw})
}

// subscribed takes the answer to call/subscribe. The first good one may hold
// the calls under way, so it is an event then. Only a platform that answered
// well before can say that the session is gone; a first refusal is about
// rights.
func (l *live) subscribed(e envelope) (contact bool) {
	l.subscription.pendingID = 0
	documented := e.failure() != ""
	switch {
	case e.good():
		if !l.subscription.known && l.options.subscribe && holds(e.payload) {
			l.keep(e)
		}
		l.subscription.known, l.warnings = true, nil
	case e.denied() && l.subscription.known && !documented:
		l.lost = ended(codeExpired, nil)
		return false
	case !l.subscription.known:
		l.warn(e)
	}
	return true
}

// holds reports whether a payload is a list or object with something in it.
func holds(payload json.RawMessage) bool {
	var list []json.RawMessage
	var object map[string]json.RawMessage
	_, _ = json.Unmarshal(payload, &list), json.Unmarshal(payload, &object) // neither is fine
	return len(list)+len(object) > 0
}

func (l *live) warn(e envelope) {
	if !l.options.subscribe || len(l.warnings) > 0 {
		return
	}
	fault, line := rejected(e, 0, l.tracer.token.Reveal()), codes.Lines[codeNoSubscribe]
	l.warnings = []session.Warning{{Code: codeNoSubscribe, Text: line.Text + " (" + fault.Code + ": " + fault.Text + ")", Action: line.Action}}
	l.log(slog.LevelWarn, "call/subscribe was refused", slog.String("code", fault.Code), slog.String("detail", fault.Text))
}

// noteEviction notes a frame that speaks of the session's end: a close that follows
// is put down to it.
func (l *live) noteEviction(e envelope) {
	if evicted(e.texts()...) {
		now := time.Now()
		l.evicted = &now
	}
}
