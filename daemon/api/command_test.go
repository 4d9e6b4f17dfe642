package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
)

// lane stands in for the commands of all agents.
type lane struct {
	result command.Result
	id     session.ID
	asked  command.Request
	by     command.Caller
	calls  int
}

func (l *lane) Do(_ context.Context, id session.ID, r command.Request, by command.Caller) command.Result {
	l.id, l.asked = id, r
	l.by = by
	l.calls++
	return l.result
}

func commanding(l *lane) http.Handler {
	c := newService().controller()
	c.Commands = l
	return c.Handler()
}

func TestCommand(t *testing.T) {
	sent := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	l := &lane{result: command.Result{Outcome: command.Done, Status: 200, Code: "0", Answer: json.RawMessage(`{"retcode":"0"}`), Effect: command.Confirmed,
		ID: "b7-1", SentAt: &sent, AnsweredAt: &sent, HTTP: http.StatusOK}}
	w := call(commanding(l), http.MethodPost, "/api/v1/agents/hq/291/command", `{"do":"busy","code":"200","reason":"model reload","id":"b7-1","timeout":"3s"}`)
	const want = `{"outcome":"done","status":200,"code":"0","answer":{"retcode":"0"},"effect":"confirmed","id":"b7-1","sent_at":"2026-11-30T12:00:00Z","answered_at":"2026-11-30T12:00:00Z"}` + "\n"
	if w.Code != http.StatusOK || w.Body.String() != want || w.Header().Get("Retry-After") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if diff := cmp.Diff(command.Request{Do: "busy", Code: "200", Reason: "model reload", ID: "b7-1", Timeout: 3 * time.Second}, l.asked); diff != "" {
		t.Error(diff)
	}
	if (l.id != session.ID{Platform: "hq", Login: "291"}) || !strings.HasPrefix(l.by.Name, "root") || l.by.Allow != nil || l.by.Keeper {
		t.Errorf("asked for %v by %+v", l.id, l.by)
	}
}

// What became of a command is the answer's status, and when to ask again stands
// beside it in whole seconds.
func TestCommandStatuses(t *testing.T) {
	for _, tt := range []struct {
		result command.Result
		later  string
	}{
		{command.Result{Outcome: command.Rejected, Status: 200, Code: "100-009", HTTP: 200}, ""},
		{command.Result{Outcome: command.Refused, Error: "e", HTTP: 403}, ""},
		{command.Result{Outcome: command.Refused, Error: "e", HTTP: 409}, ""},
		{command.Result{Outcome: command.Refused, Error: "e", HTTP: 422}, ""},
		{command.Result{Outcome: command.NotSent, Error: "e", HTTP: 429}, "1"},
		{command.Result{Outcome: command.NotSent, Error: "e", HTTP: 503, Retry: 4100 * time.Millisecond}, "5"},
		{command.Result{Outcome: command.Refused, Error: "e", HTTP: 501}, ""},
		{command.Result{Outcome: command.Doubt, Error: "e", HTTP: 504, Retry: time.Second}, ""},
	} {
		w := call(commanding(&lane{result: tt.result}), http.MethodPost, "/api/v1/agents/hq/291/command", `{"do":"busy","reason":"x"}`)
		var got command.Result
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != tt.result.HTTP || got.Outcome != tt.result.Outcome || got.Error != tt.result.Error || w.Header().Get("Retry-After") != tt.later {
			t.Errorf("%+v: %d %v %s", tt.result, w.Code, w.Header(), w.Body)
		}
	}
}

// What is no command never comes as far as an agent's session.
func TestCommandsThatAreNone(t *testing.T) {
	l := &lane{}
	h := commanding(l)
	exact := `{"do":"busy","reason":"x"}`
	for _, tt := range []struct {
		target, body string
		status       int
		says         string
	}{
		{"hq/291", `{"do":"busy"}`, 400, "reason is missing"},
		{"hq/291", `{"do":"busy","reason":"x","x":1}`, 400, `unknown field`},
		{"hq/291", ``, 400, "no JSON object"},
		{"hq/29l", exact, 404, "no such agent: hq/29l; did you mean hq/291"},
		{"hq/291", exact + strings.Repeat(" ", command.BodyLimit+1-len(exact)), 413, "65536 bytes at most"},
	} {
		w := call(h, http.MethodPost, "/api/v1/agents/"+tt.target+"/command", tt.body)
		var got command.Result
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.status || got.Outcome != command.Refused || !strings.Contains(got.Error, tt.says) {
			t.Errorf("%.60s: %d %s, %v", tt.body, w.Code, w.Body, err)
		}
	}
	if l.calls > 0 {
		t.Errorf("%d of them came as far", l.calls)
	}
	l.result = command.Result{Outcome: command.Done, HTTP: 200}
	if w := call(h, http.MethodPost, "/api/v1/agents/hq/291/command", exact+strings.Repeat(" ", command.BodyLimit-len(exact))); w.Code != 200 {
		t.Errorf("the longest request: %d %s", w.Code, w.Body)
	}
}

// Who may not control the service may send no command either, and `listen` has none.
func TestCommandsAreForTheControlSocket(t *testing.T) {
	l := &lane{result: command.Result{Outcome: command.Done, HTTP: 200}}
	c := newService().controller()
	c.Commands = l
	for name, h := range map[string]http.Handler{"a stranger at control": c.Handler(), "listen": c.Reader.Handler()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/v1/agents/hq/291/command", strings.NewReader(`{"do":"busy","reason":"x"}`)))
		if w.Code < 400 || l.calls > 0 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
