package ecss

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"agentkeeper/session"
)

var _ session.Commander = (*live)(nil)

// lateMost is how many commands are remembered whose answer nobody waits for any more.
const lateMost = 16

var errOver = errors.New("the session ended before the answer came")

// commander is what the commands of other programs need. The first one makes it.
type commander struct {
	mu   sync.Mutex
	now  *asked  // the one under way; nil: there is none
	late []asked // not answered in time, oldest first
	over bool    // the session is: nothing is answered any more
}

// asked is a command that was sent, or is about to be.
type asked struct {
	requestID uint64 // on the wire, where a program's own id might be the keeper's, too
	action    string
	id        string             // the program's
	reply     chan session.Reply // takes one; closed without one at the session's end
}

// Command implements session.Commander. The frame is written between two turns of
// Step.
func (l *live) Command(ctx context.Context, c session.Command) (session.Reply, error) {
	sent := &asked{action: c.Action, id: c.ID, reply: make(chan session.Reply, 1)}
	table := l.table()
	some, err := l.sendCommand(ctx, table, sent, c.Payload)
	if err != nil {
		table.forget(sent)
		return session.Reply{Sent: some}, err
	}
	select {
	case reply, answered := <-sent.reply:
		return replied(reply, answered)
	case <-ctx.Done():
		if table.giveUp(sent) {
			return session.Reply{Sent: true}, ctx.Err()
		}
		reply, answered := <-sent.reply // just now
		return replied(reply, answered)
	}
}

func replied(reply session.Reply, answered bool) (session.Reply, error) {
	if reply.Sent = true; !answered {
		return reply, errOver
	}
	return reply, nil
}

// sendCommand writes the frame. some tells, beside an error, whether any of it left.
func (l *live) sendCommand(ctx context.Context, table *commander, sent *asked, payload json.RawMessage) (some bool, err error) {
	if len(payload) == 0 {
		payload = json.RawMessage("{}")
	}
	l.turning.Lock()
	defer l.turning.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	sent.requestID = l.nextID()
	if l.lost != nil || !table.expect(sent) {
		return false, errOver
	}
	// However short the command's own time: half a frame would end the session.
	return l.conn.WriteBeside(request{sent.action, sent.requestID, payload}.encode(), time.Now().Add(writeLimit))
}

// table returns the session's commander, which is made on first use.
func (l *live) table() *commander {
	if t := l.commands.Load(); t != nil {
		return t
	}
	l.commands.CompareAndSwap(nil, &commander{})
	return l.commands.Load()
}

// expect has the answer to sent looked for, and reports whether one can come.
func (t *commander) expect(sent *asked) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = sent
	return !t.over
}

// forget no longer expects an answer to what did not leave.
func (t *commander) forget(sent *asked) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == sent {
		t.now = nil
	}
}

// giveUp has an answer that still comes told as an event. It reports false where the
// answer came just now, or the end of the session.
func (t *commander) giveUp(sent *asked) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now != sent {
		return false
	}
	t.now = nil
	if len(t.late) == lateMost {
		t.late = t.late[1:]
	}
	t.late = append(t.late, *sent)
	return true
}

// end tells who waits that no answer will come.
func (t *commander) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over = true; t.now != nil {
		close(t.now.reply)
		t.now = nil
	}
}

// endCommands is to be called when the session is over.
func (l *live) endCommands() {
	if t := l.commands.Load(); t != nil {
		t.end()
	}
}

// answersCommand takes the answer to a command: the frame with its id and its action.
// One that comes late becomes an event. Any other frame is not looked at.
func (l *live) answersCommand(e envelope) bool {
	t := l.commands.Load()
	if t == nil || !e.hasID {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent := t.now; sent != nil && sent.requestID == e.id && sent.action == e.action {
		sent.reply <- reply(e)
		t.now = nil
		return true
	}
	for i, sent := range t.late {
		if sent.requestID == e.id && sent.action == e.action {
			t.late = append(t.late[:i:i], t.late[i+1:]...)
			l.events = append(l.events, session.Event{Type: session.AnsweredLate, Data: lateData(sent, e)})
			return true
		}
	}
	return false
}

// reply is what an answer's frame says.
func reply(e envelope) session.Reply {
	r := session.Reply{Status: e.status, Payload: e.payload}
	var inner struct{ Code json.RawMessage }
	if json.Unmarshal(e.payload, &inner) == nil {
		r.Code = envelope{all: map[string]json.RawMessage{"code": inner.Code}}.scalar("code")
	}
	return r
}

// lateData is the data of the event of a late answer.
func lateData(sent asked, e envelope) json.RawMessage {
	data, err := json.Marshal(struct {
		ID     string          `json:"id,omitempty"`
		Action string          `json:"action"`
		Status int             `json:"status"`
		Answer json.RawMessage `json:"answer,omitempty"`
	}{sent.id, sent.action, e.status, e.payload})
	if err != nil {
		panic("ecss: a part of a JSON frame that is none: " + err.Error())
	}
	return data
}

// doubts reports whether the answer to a command says that the session may be gone. Any
// right that is missing is answered 500, by what integrators saw.
func doubts(e envelope) bool { return e.status == http.StatusUnauthorized }
