package daemon

import (
	"strings"
	"testing"

	"agentkeeper/daemon/config"
)

// agent ends a configuration with one.
const agent = "platforms: {hq: {vendor: huawei, url: 'https://10.0.0.5:8043'}}, groups: [{name: bots, platform: hq, passwords_dir: d, agents: [{login: '291', number: '1'}]}]}"

// another is a value for each key that is neither a default nor a mistake.
var another = map[string]string{
	"listen":               "{listen: 127.0.0.1:9000}",
	"listen_hosts":         "{listen_hosts: [keeper.example.com]}",
	"cors_origins":         "{cors_origins: [https://board.example.com]}",
	"web_config_file":      "{web_config_file: web.yml}",
	"control":              "{control: /run/agentkeeper/other.sock}",
	"stop_timeout":         "{stop_timeout: 31s}",
	"log.level":            "{log: {level: debug}}",
	"log.format":           "{log: {format: json}}",
	"log.trace.agents":     "{log: {trace: {agents: [hq/291]}}, " + agent,
	"log.trace.for":        "{log: {trace: {agents: [hq/291], for: 1m}}, " + agent,
	"store.dir":            "{store: {dir: /srv/agentkeeper}}",
	"allow_inline_secrets": "{allow_inline_secrets: true}",
	"per_agent_metrics":    "{per_agent_metrics: true}",
	"proxy.listen":         "{proxy: {listen: '127.0.0.1:9465'}}",
	"callback.listen":      "{callback: {listen: '127.0.0.1:9467', plain_http: true}}",
	"callback.cert_file":   "{callback: {listen: '127.0.0.1:9466', cert_file: a.pem, key_file: b.pem}}",
	"callback.key_file":    "{callback: {listen: '127.0.0.1:9466', cert_file: a.pem, key_file: c.pem}}",
	"callback.plain_http":  "{callback: {listen: '127.0.0.1:9466', plain_http: true}}",
	"events.max_age":       "{events: {max_age: 25h}}",
	"events.max_bytes":     "{events: {max_bytes: 2GiB}}",
	"events.listen":        "{events: {listen: '127.0.0.1:4222', users: [{name: crm, password_file: crm}]}}",
	"events.cert_file":     "{events: {listen: '127.0.0.1:4222', users: [{name: crm, password_file: crm}], cert_file: a.pem, key_file: b.pem}}",
	"events.key_file":      "{events: {listen: '127.0.0.1:4222', users: [{name: crm, password_file: crm}], cert_file: a.pem, key_file: c.pem}}",
}

// The manual says of every key whether a change needs a restart, and a reload says
// the same when such a key has changed.
func TestKeysThatNeedARestart(t *testing.T) {
	bare := loaded(t, "{}")
	for _, k := range config.Keys() {
		inside := strings.Contains(k.Path, "NAME") || strings.Contains(k.Path, "[]")
		if inside || strings.HasPrefix(k.Value, "mapping") || strings.HasPrefix(k.Value, "list of mappings") || strings.HasPrefix(k.Path, "store.no") {
			if inside && k.Restart {
				t.Errorf("%s: a platform's or a group's key acts at a reload", k.Path)
			}
			continue
		}
		text, ok := another[k.Path]
		if !ok {
			t.Errorf("%s: write another value of it here", k.Path)
			continue
		}
		warnings := needRestart(bare, loaded(t, text))
		if told := len(warnings) > 0; told != k.Restart {
			t.Errorf("%s: the table of keys says restart %v, a reload says %q", k.Path, k.Restart, warnings)
		}
	}
}

func loaded(t *testing.T, text string) *config.Config {
	t.Helper()
	texts := map[string]string{"/c/c.yaml": text, "/c/a.pem": "", "/c/b.pem": "", "/c/c.pem": ""}
	c, _, err := config.Load("/c/c.yaml", config.WithTexts(texts))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return c
}
