package ecss

import (
	"strings"
	"sync"
	"time"

	"agentkeeper/session"
)

const (
	refusalLimit = 3                // refusals for an unknown reason in a row, before the pause
	refusalPause = 30 * time.Minute // between log-ins from then on
)

// unknownRefusals counts, for each agent, the refusals in a row whose text nobody knows:
// one that lasts may be a wrong password in words that are not in the table, and
// must not be repeated every minute. The zero value is ready; its method may be
// called by several goroutines.
type unknownRefusals struct {
	mu    sync.Mutex
	inRow map[session.ID]int
}

// pace takes the outcome of a log-in, nil for success, and returns it: with a
// long pause where it was refused for an unknown reason several times in a row.
// What says nothing about the account leaves the count as it is.
func (p *unknownRefusals) pace(id session.ID, f *session.Fault) *session.Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	isUnknown := f != nil && f.Kind == session.Outage && f.Cause == session.CauseAnswered && isUnknownRefusal(f.Code)
	switch {
	case isUnknown:
		if p.inRow == nil {
			p.inRow = map[session.ID]int{}
		}
		p.inRow[id]++
	case f == nil, f.Kind == session.Refused, f.Kind == session.Taken:
		delete(p.inRow, id)
	}
	if !isUnknown || p.inRow[id] < refusalLimit {
		return f
	}
	f.After = max(f.After, refusalPause)
	f.Text += "; it was refused so several times in a row, and is tried again after a long pause only"
	f.Action = "find out from the text and the platform's log why it refuses; correct the login, password, number or domain, then resume the agent"
	return f
}

// isUnknownRefusal reports whether a code is that of a refusal with a text that
// the table does not know.
func isUnknownRefusal(code string) bool {
	first, _, _ := strings.Cut(code, " ")
	return first == codeUnknown || first == "403" || code == codeException
}
