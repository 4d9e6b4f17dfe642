package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
)

// The command line makes the request that the service reads.
func TestCommandForm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "call.json")
	if err := os.WriteFile(file, []byte(`{"called": "7"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"--do busy --code 200 --reason x":                                              `{"do":"busy","code":"200","reason":"x"}`,
		"--do rest --for 15m --reason x --timeout 5s --id k":                           `{"do":"rest","for":"15m0s","reason":"x","id":"k","timeout":"5s"}`,
		`--action call/accept --payload {"callId":"77"} --reason x`:                    `{"action":"call/accept","payload":{"callId":"77"},"reason":"x"}`,
		"--action call/accept --payload - --reason x":                                  `{"action":"call/accept","payload":{"stdin":1},"reason":"x"}`,
		"--method PUT --path voicecall/291/callout --body @" + file + " --reason x":    `{"method":"PUT","path":"voicecall/291/callout","body":{"called":"7"},"reason":"x"}`,
		"--method POST --path onlineagent/291/saybusy?reason=200&prolong=1 --reason x": `{"method":"POST","path":"onlineagent/291/saybusy?reason=200\u0026prolong=1","reason":"x"}`,
		"--reason x":                                     "which command?",
		"--do busy --action a --reason x":                "three ways",
		"--do dance --reason x":                          "--do is none of ready",
		"--do busy --payload {} --reason x":              "--payload goes with action",
		"--do busy --reason=":                            "--reason is missing",
		"--method POST --reason x":                       "--method and path go together",
		"--action a --payload {a --reason x":             "--payload is no JSON",
		"--action a --payload 7 --reason x":              "--payload is no JSON object",
		"--action a --payload @/no/where --reason x":     "--payload: open /no/where",
		"--do busy --timeout 2m --reason x":              "--timeout is not between",
		"--do busy --for 2m --reason x":                  "--for goes with rest",
		"--do rest --for 0s --reason x":                  "--for is no duration above 0",
		"--do busy --reason " + strings.Repeat("x", 257): "--reason has more than 256",
		"--action a --reason x --payload \"" + strings.Repeat("x", command.BodyLimit) + "\"": "all that is sent",
	} {
		c, err := parsed(t, append([]string{"command", "hq/291"}, strings.Split(line, " ")...)...)
		if err != nil {
			t.Fatalf("%.80s: %v", line, err)
		}
		body, err := c.Command.form(strings.NewReader(`{"stdin":1}`))
		var wrong *exit
		switch {
		case strings.HasPrefix(want, "{"):
			if err != nil || string(body) != want {
				t.Errorf("%.80s: %s, %v; want %s", line, body, err, want)
			}
		case !errors.As(err, &wrong) || wrong.code != exitUsage || !strings.Contains(err.Error(), want):
			t.Errorf("%.80s: %v, want %q", line, err, want)
		}
	}
}

// serving answers at a control socket and returns its client.
func serving(t *testing.T, answer http.HandlerFunc) *client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: answer, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return newClient(path, time.Minute)
}

// The exit code says what became of a command, and the answer is printed as it is.
func TestCommandExitCodes(t *testing.T) {
	id := session.ID{Platform: "hq", Login: "a/b"}
	for _, tt := range []struct {
		status, code int
		body, says   string
	}{
		{200, 0, `{"outcome":"done","status":200}`, ""},
		{200, 1, `{"outcome":"rejected","status":200,"code":"100-009"}`, "the platform rejected the command: code 100-009"},
		{400, 2, `{"outcome":"refused","error":"e"}`, "e"},
		{403, 77, `{"outcome":"refused","error":"e"}`, "e"},
		{404, 1, `{"outcome":"refused","error":"e"}`, "e"},
		{409, 1, `{"outcome":"refused","error":"e"}`, "e"},
		{413, 2, `{"outcome":"refused","error":"e"}`, "e"},
		{422, 1, `{"outcome":"refused","error":"e"}`, "e"},
		{429, 75, `{"outcome":"not_sent","error":"e"}`, "e"},
		{501, 1, `{"outcome":"refused","error":"e"}`, "e"},
		{503, 75, `{"outcome":"not_sent","error":"e"}`, "e"},
		{504, 76, `{"outcome":"doubt","error":"e"}`, "e"},
		{403, 77, `{"error":"you may not"}`, "you may not"}, // not allowed at the socket at all
		{502, 69, `<html>`, "is no agentkeeper"},
	} {
		c := serving(t, func(w http.ResponseWriter, req *http.Request) {
			if body, err := io.ReadAll(req.Body); err != nil || req.URL.EscapedPath() != "/api/v1/agents/hq/a%2Fb/command" || string(body) != `{"do":"busy"}` {
				t.Errorf("%s %s, %v", req.URL, body, err)
			}
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		})
		var out strings.Builder
		text, code := describe(c.command(t.Context(), &out, id, []byte(`{"do":"busy"}`)))
		printed := tt.body
		if !strings.Contains(tt.body, "outcome") {
			printed = ""
		}
		if code != tt.code || !strings.Contains(text, tt.says) || (tt.says == "" && text != "") || out.String() != printed {
			t.Errorf("%d %s: code %d, printed %q, said %q", tt.status, tt.body, code, out.String(), text)
		}
	}
}

// A service that goes away leaves a command in doubt, unless it never got it.
func TestCommandWithoutAnswer(t *testing.T) {
	id := session.ID{Platform: "hq", Login: "291"}
	came := make(chan struct{}, 1)
	hangs := serving(t, func(_ http.ResponseWriter, req *http.Request) {
		came <- struct{}{}
		<-req.Context().Done()
	})
	breaks := serving(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	gone := newClient(filepath.Join(t.TempDir(), "none"), time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-came
		cancel()
	}()
	for name, tt := range map[string]struct {
		c    *client
		code int
		says string
	}{
		"interrupted": {hangs, exitDoubt, "you did not wait"},
		"broken off":  {breaks, exitDoubt, "ended before it answered"},
		"not there":   {gone, exitUnavailable, "no service at"},
	} {
		use := t.Context()
		if name == "interrupted" {
			use = ctx
		}
		var out strings.Builder
		text, code := describe(tt.c.command(use, &out, id, []byte(`{}`)))
		if code != tt.code || !strings.Contains(text, tt.says) || out.String() != "" {
			t.Errorf("%s: code %d, %q, printed %q", name, code, text, out.String())
		}
	}
}
