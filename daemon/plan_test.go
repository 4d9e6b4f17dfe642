package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"agentkeeper/daemon/config"
)

// The file in use changes nothing, though the service was given its path as
// relative to its directory, and whoever plans sends it as absolute.
func TestPlanOfTheFileInUse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"token": "0123456789abcdef0123456789abcdef", "1": "x",
		"agentkeeper.yaml": `listen: 127.0.0.1:0
control: c.sock
store: {dir: state}
callback: {listen: "127.0.0.1:0", plain_http: true}
platforms:
  hq: {vendor: huawei, url: "https://127.0.0.1:1", options: {events: push, callback_url: "http://127.0.0.1:1/callback/hq", service_token_file: token}}
groups:
- {name: g, platform: hq, passwords_dir: ., agents: [{login: "1", number: "2"}]}
`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	d, err := Open(t.Context(), Options{ConfigPath: "agentkeeper.yaml", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.tasks.end()
	d.fleet.Apply(d.cfg.Load(), "test")
	path, err := filepath.Abs("agentkeeper.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	if _, _, err := config.Load(path, config.WithoutSecrets(), config.WithRecord(texts)); err != nil {
		t.Fatal(err)
	}
	plan, err := d.Plan(t.Context(), path, texts)
	if err != nil || len(plan.Leave) != 1 || len(plan.Warnings) != 0 {
		t.Errorf("%+v, %v", plan, err)
	}
}
