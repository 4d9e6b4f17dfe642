package config_test

import (
	"strings"
	"testing"

	"agentkeeper/daemon/config"
)

func TestRedacted(t *testing.T) {
	const text = `# old password: s3cret
allow_inline_secrets: true
events: {users: [{name: crm, password: s3cret, max_consumers: 4}], webhooks: [{url: "https://u:s3cret@hooks.example/s3cret?k=s3cret", secret_file: /etc/hook}]}
platforms:
  hq: {vendor: huawei, url: "https://10.0.0.5:8043", options: {service_token_file: /etc/token, token_in: header}} # s3cret
groups:
  - schedule: {sign_in: ["0 9 * * mon-fri", "0 10 * * sat"], sign_out: "0 18 * * *", workdays: [2027-01-16, 2027-02-20: fri, w.ics]}
    agents:
      - {login: "291", number: "40038", password: &p s3cret}
      - login: "292"
        password: |
          s3cret
          more s3cret
      - {login: "293", password: *p, paSSword: [s3cret, {x: s3cret}], api_key: s3cret, note: "see https://wiki.example/s3cret"}
`
	got, err := config.Redacted([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(got), "s3cret") {
		t.Errorf("a secret stays:\n%s", got)
	}
	for _, want := range []string{"/etc/hook", "/etc/token", "token_in: header", "allow_inline_secrets: true", "https://10.0.0.5:8043", "https://hooks.example/***", `"291"`, "max_consumers: 4",
		`sign_in: ["0 9 * * mon-fri", "0 10 * * sat"]`, "workdays: [2027-01-16, {2027-02-20: fri}, w.ics]"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s is gone:\n%s", want, got)
		}
	}
	if got, err := config.Redacted([]byte("password: s3cret\n\t- x: [")); err == nil || strings.Contains(err.Error()+string(got), "s3cret") {
		t.Errorf("of what is no YAML: %q, %v", got, err)
	}
}

func FuzzRedacted(f *testing.F) {
	f.Add("a: {password: x}")
	f.Add("- &a [*a]")
	f.Fuzz(func(t *testing.T, text string) {
		doc := "password: |-\n  s3cret-of-an-agent\nrest: " + strings.ReplaceAll(text, "s3cret-of-an-agent", "")
		if got, err := config.Redacted([]byte(doc)); err == nil && strings.Contains(string(got), "s3cret-of-an-agent") {
			t.Errorf("a secret stays:\n%s", got)
		}
	})
}
