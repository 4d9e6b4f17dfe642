package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
)

// event is one stored event on its way to a receiver.
type event struct {
	seq    uint64
	id     string
	source string // names the lane
	typ    string
	at     time.Time // when the platform's answer came; zero: not known
	data   []byte
	skip   bool // not for this hook, or delivered before the last restart
}

// decode reads what is needed of a stored event and copies it.
func decode(seq uint64, data []byte) (event, error) {
	var c struct {
		ID       string    `json:"id"`
		Source   string    `json:"source"`
		Type     string    `json:"type"`
		Recorded time.Time `json:"recordedtime"`
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return event{seq: seq, skip: true}, fmt.Errorf("event %d: %w", seq, err)
	}
	return event{seq: seq, id: c.ID, source: c.Source, typ: c.Type, at: c.Recorded, data: bytes.Clone(data)}, nil
}

// agent is the full name of the agent that the event is about, "" for none.
func (e event) agent() string {
	rest, ok := strings.CutPrefix(e.source, "/platforms/")
	if !ok {
		return ""
	}
	platform, login, _ := strings.Cut(rest, "/agents/")
	return platform + "/" + login
}

// wanted reports whether a hook is to get the event.
func wanted(cfg config.Webhook, e event) bool {
	return session.MatchesAny(cfg.Types, e.typ) && session.MatchesAny(cfg.Agents, e.agent())
}
