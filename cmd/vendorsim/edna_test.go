package main

import (
	"strings"
	"testing"
)

func TestEdna(t *testing.T) {
	p := start(t, "edna", "--listen", "127.0.0.1:0", "--agents", "101-102", "--dialect", "en", "-v")
	client := newClient(t, nil)
	if _, text := do(t, client, "POST", p.url+"/api/auth/login", `{"login":"101","password":"secret"}`); !strings.Contains(text, `"token":"Bearer `) {
		t.Errorf("log-in: %s", text)
	}
	if code := p.end(); code != exitGood {
		t.Errorf("exit code %d: %s", code, p.err)
	}
	for _, want := range []string{"vendor: edna", "options: {probe: /api/v1/threads/1}", "/_sim/restart", "sign-ins            1\n"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, p.out)
		}
	}
	if log := p.err.String(); !strings.Contains(log, "logged in") || strings.Contains(log, "secret") {
		t.Errorf("log: %s", log)
	}
}
