package runtel

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/test/sim"
)

const good = 200

// texts are what notifies says beside a failure.
var texts = map[int]string{
	400: "validation failed", 401: "wrong login or password", 403: "access denied",
	404: "no such object", 405: "no such action", 422: "validation failed",
}

// success is a good answer.
func (s *Sim) success(q *request, body any) sim.Reply {
	return s.reply(q, good, body, "")
}

// fail is a failure in the form that the switches ask for.
func (s *Sim) fail(q *request, code int) sim.Reply { return s.reply(q, code, struct{}{}, texts[code]) }

// failText is a failure on demand.
func (s *Sim) failText(q *request, code, text string) sim.Reply {
	n, err := strconv.Atoi(code)
	if err != nil {
		n = http.StatusInternalServerError
	}
	return s.reply(q, n, struct{}{}, text)
}

// field is a further one of an envelope.
type field struct {
	name  string
	value any
}

func (s *Sim) reply(q *request, code int, body any, text string, more ...field) sim.Reply {
	w := s.cfg()
	if code != good && w.Failures == FailBare && code >= 400 && code <= 599 {
		r := sim.JSON(map[string]string{"detail": text})
		r.Status = code
		return s.dated(r)
	}
	e := s.envelope(q, code, body, text)
	for _, f := range more {
		e[f.name] = f.value
	}
	r := sim.JSON(e)
	if code != good && w.Failures == FailHTTP && code >= 400 && code <= 599 {
		r.Status = code
	}
	if w.Wander {
		r.Body = wander(r.Body)
	}
	return s.dated(r)
}

// envelope is what all answers share.
func (s *Sim) envelope(q *request, code int, body any, text string) map[string]any {
	w := s.cfg()
	e := map[string]any{"action": q.Action, "obj": q.Obj, "action_id": q.ActionID, "code": code, "notifies": []any{}, "body": body}
	if w.Crossed {
		e["action_id"] = "of-another-request"
	}
	if w.Notifies {
		e["notifies"] = []any{text, 7, nil, map[string]any{"type": "warning", "text": "maintenance at night"}, []any{"deep"}}
	} else if text != "" {
		e["notifies"] = []any{map[string]any{"type": "error", "text": text}}
	}
	if w.Extra {
		e["trace"] = map[string]any{"list": []int{1, 2}, "none": nil}
	}
	return e
}

// wander turns the numbers of an envelope and its body into strings, and the
// other way round.
func wander(text []byte) []byte {
	var v map[string]any
	if json.Unmarshal(text, &v) != nil {
		return text
	}
	swap(v)
	if body, ok := v["body"].(map[string]any); ok {
		swap(body)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return out
}

func swap(fields map[string]any) {
	for name, field := range fields {
		switch v := field.(type) {
		case float64:
			fields[name] = strconv.FormatFloat(v, 'f', -1, 64)
		case string:
			if n, err := strconv.ParseFloat(v, 64); err == nil {
				fields[name] = n
			}
		}
	}
}

// clock is the platform's.
func (s *Sim) clock() time.Time {
	w := s.cfg()
	return time.Now().Add(time.Duration(w.ClockFast - w.ClockSlow))
}

// dated puts the header Date on the answer, as the switches want it.
func (s *Sim) dated(r sim.Reply) sim.Reply {
	w := s.cfg()
	r.Header = r.Header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if w.NoDate {
		r.Header["Date"] = nil
		return r
	}
	date := s.clock().Add(time.Duration(w.DateFast - w.DateSlow))
	r.Header["Date"] = []string{date.UTC().Format(http.TimeFormat)}
	return r
}
