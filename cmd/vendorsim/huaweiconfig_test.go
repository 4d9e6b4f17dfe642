package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHuaweiConfig(t *testing.T) {
	p := start(t, "huawei-config", "--listen", "127.0.0.1:0", "--agents", "101-102", "-v")
	client := newClient(t, nil)
	if _, text := do(t, client, "POST", p.url+"/agentgateway/resource/config/login", `{"agentId":101,"password":"secret"}`); !strings.Contains(text, `"guid"`) {
		t.Errorf("login: %s", text)
	}
	if code := p.end(); code != exitGood {
		t.Errorf("exit code %d: %s", code, p.err)
	}
	for _, want := range []string{"vendor: huawei-config", "options: {probe: /config/agents}", "/_sim/restart", "sign-ins            1\n"} {
		if !strings.Contains(p.out.String(), want) {
			t.Errorf("output lacks %q:\n%s", want, p.out)
		}
	}
	if log := p.err.String(); !strings.Contains(log, "logged in") || strings.Contains(log, "secret") {
		t.Errorf("log: %s", log)
	}
}

func TestHuaweiConfigOptions(t *testing.T) {
	h := huaweiConfigCommand{}
	if err := h.Window.UnmarshalText([]byte("30s")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"probe: /config/agents", "keep_alive: 15s"}, h.options()); diff != "" {
		t.Error(diff)
	}
}
