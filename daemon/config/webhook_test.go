package config

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/session"
	"agentkeeper/vendors/wire"
)

func hooks(body string) string { return hq + "events:\n  webhooks:\n  - " + body + "\n" }

func TestWebhooks(t *testing.T) {
	c, warnings := mustLoad(t, map[string]string{"s/crm": "a secret of many bytes\n", "s/short": "short", "s/std": "whsec_c2Vjb25kLXNlY29uZC1zZWNvbmQ=",
		"d/1": "p", main: strings.Replace(oneOf, "groups:", `events:
  webhooks:
  - url: https://user:pa55word@crm.example.com:8443/hooks/in?token=t0k3n
    secret_file: s/crm
  - {name: all-of-it, url: "http://10.0.0.9/x", secret_file: s/short, types: [huawei.*, session.lost], agents: [hq/1, hq/2*],
     timeout: 3s, concurrent: 2, tls: {server_name: crm}}
  - {name: std, url: "https://crm.example.com", secret_file: s/std, tls: {insecure_skip_verify: true}, agents: ["*"]}
groups:`, 1) + "  - {login: '1', number: '2'}\n"})
	equal(t, lines(warnings), []string{
		`agentkeeper.yaml:6:5: webhook "all-of-it" waits for events of an agent, and none has such a name`,
		"agentkeeper.yaml:6:28: http:// sends events in clear text; use https:// where the receiver offers it",
		"agentkeeper.yaml:6:62: s/short: a secret of 5 bytes can be guessed; make one of 32 with `openssl rand -hex 32`",
		"agentkeeper.yaml:7:39: webhook.tls has no effect with http://; remove it",
		"agentkeeper.yaml:8:97: webhook.tls.insecure_skip_verify lets anybody in between read the events; set ca_file or pin_sha256 instead",
	})
	type plain struct {
		Name, Shown, Secret string
		Types, Agents       []string
		TLS                 wire.TLSSettings
		Timeout             time.Duration
		Concurrent          int
	}
	var got []plain
	for _, h := range c.Webhooks {
		key, err := SigningKey(h.Secret)
		if err != nil {
			t.Error(err)
		}
		got = append(got, plain{h.Name, h.Shown, string(key), h.Types, h.Agents, h.TLS, h.Timeout, h.Concurrent})
	}
	equal(t, got, []plain{
		{"crm.example.com-8443-hooks-in", "https://***@crm.example.com:8443/hooks/in?***", "a secret of many bytes", nil, nil, wire.TLSSettings{}, 10 * time.Second, 8},
		{"all-of-it", "http://10.0.0.9/x", "short", []string{"huawei.*", "session.lost"}, []string{"hq/1", "hq/2*"}, wire.TLSSettings{ServerName: "crm"}, 3 * time.Second, 2},
		{"std", "https://crm.example.com", "second-second-second", nil, []string{"*"}, wire.TLSSettings{Insecure: true}, 10 * time.Second, 8},
	})
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, c); strings.Contains(text, "pa55word") || strings.Contains(text, "t0k3n") || strings.Contains(text, "many bytes") {
			t.Errorf("%s prints %s", format, text)
		}
	}
	all := strings.Join(c.Webhooks[0].Secrets(), " ")
	for _, want := range []string{"pa55word", "t0k3n", "many bytes"} {
		if !strings.Contains(all, want) {
			t.Errorf("the secrets of a hook are %q, without %q", all, want)
		}
	}
}

func TestWebhookMistakes(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", hooks("{}"), "4:5: webhook.secret_file is missing; name a file with the secret that signs the requests, made for example by `openssl rand -hex 32`\n" +
			"4:5: webhook.url is missing; write where to post the events, for example https://crm.example.com/agentkeeper"},
		{"a text", hooks("https://h"), "4:5: webhook is a single value; write a mapping, key: value"},
		{"no list", hq + "events: {webhooks: x}\n", `2:20: events.webhooks is a single value; write a list, one "- " a line`},
		{"scheme", hooks("{url: 'ftp://u:hunter2@h', secret_file: one}"), "4:11: webhook.url is no https:// or http:// address; write for example https://crm.example.com/agentkeeper"},
		{"no host", hooks("{url: 'https:///x', secret_file: one}"), "4:11: webhook.url is no https:// or http:// address; write for example https://crm.example.com/agentkeeper"},
		{"port", hooks("{url: 'https://h:99999/x', secret_file: one}"), "4:11: webhook.url has no valid port; write for example https://crm.example.com:8443/agentkeeper"},
		{"fragment", hooks("{url: 'https://h/#hunter2', secret_file: one}"), "4:11: webhook.url has a fragment, which is never sent; remove # and what follows"},
		{"no secret file", hooks("{url: 'https://h', secret_file: none}"), "4:37: secret_file none: no such file or directory; create it or correct the path"},
		{"empty secret", hooks("{url: 'https://h', secret_file: empty}"), "4:37: secret_file empty: the secret is empty; write it there"},
		{"no base64", hooks("{url: 'https://h', secret_file: whsec}"), "4:37: webhook.secret_file whsec: what follows whsec_ is no base64; write the key as its maker gave it, or any text without this beginning"},
		{"name", hooks("{name: 'a b', url: 'https://h', secret_file: one}"), `4:12: a webhook cannot be named so; use at most 64 letters, digits, -, _ and .`},
		{"empty name", hooks("{name: '', url: 'https://h', secret_file: one}"), "4:12: webhook.name must not be empty; leave it out for one made from the url"},
		{"one name twice", hooks("{url: 'https://h/a?b', secret_file: one}\n  - {url: 'https://h/a?c', secret_file: one}"),
			`5:5: webhook "h-a" is written twice, first at agentkeeper.yaml:4:5; give each a name of its own`},
		{"type", hooks("{url: 'https://h', secret_file: one, types: [huawei.*.x]}"), "4:50: webhook.types holds something that is not a type of events, for example huawei.* or session.lost"},
		{"agent", hooks("{url: 'https://h', secret_file: one, agents: ['291']}"), "4:51: webhook.agents holds something that is not an agent's name, for example hq/291 or hq/*"},
		{"timeout", hooks("{url: 'https://h', secret_file: one, timeout: 0s}"), "4:51: webhook.timeout is not above 0; write a duration such as 30s"},
		{"concurrent", hooks("{url: 'https://h', secret_file: one, concurrent: 0}"), `4:54: webhook.concurrent is no whole number above 0; write one, for example 3`},
		{"authority", hooks("{url: 'https://h', secret_file: one, tls: {ca_file: one}}"), "4:57: tls.ca_file: one holds no certificate in PEM form, DER or PKCS #7: it must contain a block that begins with -----BEGIN CERTIFICATE-----"},
		{"key", hooks("{url: 'https://h', secret_file: one, secret: hunter2}"), `4:42: unknown key "secret"; did you mean "secret_file"?`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inDir(t, map[string]string{main: tt.text, "one": "p", "empty": "", "whsec": "whsec_hunter2!"})
			_, _, err := load(t)
			var want []string
			for _, line := range strings.Split(tt.want, "\n") {
				want = append(want, main+":"+line)
			}
			equal(t, problemLines(t, err), want)
		})
	}
}

func TestShownURL(t *testing.T) {
	for text, want := range map[string][2]string{
		"https://h":                         {"https://h", "h"},
		"https://h/":                        {"https://h/", "h"},
		"https://h:1/a/b-c_d.e":             {"https://h:1/a/b-c_d.e", "h-1-a-b-c_d.e"},
		"https://[::1]:8443/a":              {"https://[::1]:8443/a", "1--8443-a"},
		"https://u@h/agentkeeper-events-in": {"https://***@h/agentkeeper-events-in", "h-agentkeeper-events-in"},
		"https://h/services/T0000/B0000/XyZ0123456789AbCdEfGhIjK?x": {"https://h/services/T0000/B0000/***?***", "h-services-T0000-B0000"},
		"https://h/" + strings.Repeat("a", 40):                      {"https://h/***", "h"},
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]string{shownURL(u), hookName(u)}; got != want {
			t.Errorf("%s is shown as %q, want %q", text, got, want)
		}
		if !strict.IsName(hookName(u)) {
			t.Errorf("%s makes the name %q, which is none", text, hookName(u))
		}
	}
}

// However one slip of the finger breaks an address with a secret in it, no
// message repeats it.
func TestNoWebhookMistakeTellsASecret(t *testing.T) {
	inDir(t, map[string]string{"one": "p"})
	for _, edit := range edits("{url: 'https://u:hunter2zebra@h/x?t=hunter2zebra', secret_file: one}") {
		if got := sayings(hooks(edit)); leaks(got, "hunter2zebra") {
			t.Fatalf("the secret of\n%s\nis told by\n%s", edit, got)
		}
	}
}

func FuzzSigningKey(f *testing.F) {
	for _, s := range []string{"x", "whsec_", "whsec_eA==", "whsec_!"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := SigningKey(session.NewSecret(text))
		if err == nil && len(key) == 0 && text != "" {
			t.Errorf("%q signs with nothing", text)
		}
	})
}
