package config

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// equal compares values of this package, secrets by what they hold.
func equal(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got,
		cmp.Comparer(func(a, b session.Secret) bool { return a == b }),
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
		cmpopts.IgnoreUnexported(Schedule{}), // its shift, which follows from the rest
	); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func at(line, col int) option.Pos { return option.Pos{File: main, Line: line, Col: col} }

func TestDefaults(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{main: `platforms:
  hq:
    vendor: huawei
    url: https://10.0.0.5:8043/
`})
	equal(t, c, &Config{
		Path:        main,
		Listen:      "127.0.0.1:9464",
		Control:     "/run/agentkeeper/control.sock",
		StopTimeout: 30 * time.Second,
		Log:         Log{Level: slog.LevelInfo, Format: "auto"},
		Store:       Store{Dir: "/var/lib/agentkeeper"},
		Events:      Events{MaxAge: 24 * time.Hour, MaxBytes: 1 << 30},
		Platforms: []Platform{{
			Name: "hq", Vendor: "huawei", URL: &url.URL{Scheme: "https", Host: "10.0.0.5:8043"},
			Window:  2 * time.Minute,
			Dials:   Dials{Concurrent: 32},
			SignIn:  SignIn{Rate: 20, Concurrent: 10, Timeout: 30 * time.Second},
			Backoff: Backoff{Initial: time.Second, Max: time.Minute},
			Lockout: Lockout{Failures: 3, Within: 10 * time.Minute, Quiet: 15 * time.Minute},
			Options: option.Set{},
			Pos:     at(2, 3),
		}},
	})
}

func TestEverythingWritten(t *testing.T) {
	t.Setenv("AGENT_3", "env-secret")
	t.Setenv("CREDENTIALS_DIRECTORY", "creds")
	c, warnings := mustLoad(t, map[string]string{
		"web.yaml": "",
		"pw/1":     "dir-secret\n",
		"two":      "file-secret\n",
		"creds/c4": "cred-secret",
		"more.csv": "login;number;status;skills\n1;21;;\"7;8\"\n",
		main: `listen: ":9000"
web_config_file: web.yaml
control: c.sock
stop_timeout: 1m30s
log: {level: debug, format: json}
store: {dir: state}
allow_inline_secrets: true
per_agent_metrics: true
proxy: {listen: ""}
events: {max_age: 1h, max_bytes: 512MiB, listen: "127.0.0.1:4222", users: [{name: crm, password_file: two}, {name: bi, token_env: AGENT_3}], webhooks: []}
platforms:
  b.2:
    vendor: ecss
    url: wss://[::1]:8091
    tls: {server_name: cc, pin_sha256: "` + strings.Repeat("ab", 32) + `"}
    sign_in: {rate: 0.5, concurrent: 2, timeout: 10s}
    backoff: {initial: 2s, max: 2s}
    lockout: {failures: 5, within: 1m, quiet: 2m}
    options: {hold: 5s, status: 5}
  a:
    vendor: huawei
    url: https://h
    window: 1m
groups:
  - name: g1
    platform: b.2
    schedule: {sign_in: "0 9 * * 1-5", sign_out: "0  18 * * 1-5", time_zone: Europe/Moscow, holidays: [2026-12-31, 2026-01-01]}
    options: {status: 3}
    passwords_dir: pw
    agents:
      - {login: "1"}
      - {login: 02, password_file: two, options: {skills: [7, 8], taken: force}}
  - name: g2
    platform: a
    passwords_dir: pw
    agents:
      - {login: "3", number: "23", password_env: AGENT_3, schedule: {sign_in: "0 8 * * *", sign_out: "0 9 * * *", time_zone: UTC}}
      - {login: "4", number: "24", password_credential: c4}
      - {login: "5", number: "25", password: inline-secret}
    agents_file: more.csv
`})
	equal(t, lines(warnings), []string{"agentkeeper.yaml:1:9: listen is an address that other hosts may reach, without TLS (tls_server_config) and a password (basic_auth_users): whoever does sees agents, platforms and events; write it in a web_config_file, or listen on 127.0.0.1",
		"agentkeeper.yaml:39:46: agentkeeper.yaml holds passwords itself (1), and so does every copy and backup of it; password_file or passwords_dir keep them apart"})
	equal(t, []any{c.Listen, c.WebConfigFile, c.Control, c.StopTimeout, c.Log, c.Store, c.PerAgentMetrics, c.Events},
		[]any{":9000", "web.yaml", "c.sock", 90 * time.Second, Log{Level: slog.LevelDebug, Format: "json"}, Store{"state"}, true,
			Events{MaxAge: time.Hour, MaxBytes: 512 << 20, Listen: "127.0.0.1:4222"}})
	equal(t, c.Consumers, []Consumer{
		{Name: "crm", Source: Source{Key: keyFile, Path: "two", Pos: at(10, 103)}, Secret: session.NewSecret("file-secret"), MaxConsumers: 100, Pos: at(10, 76)},
		{Name: "bi", Source: Source{Key: keyEnv, Name: "AGENT_3", Pos: at(10, 131)}, ByToken: true, Secret: session.NewSecret("env-secret"), MaxConsumers: 100, Pos: at(10, 109)},
	})

	equal(t, c.Platforms, []Platform{{
		Name: "b.2", Vendor: "ecss", URL: &url.URL{Scheme: "wss", Host: "[::1]:8091"},
		TLS:     wire.TLSSettings{ServerName: "cc", PinSHA256: strings.Repeat("ab", 32)},
		Window:  15 * time.Second,
		Dials:   Dials{32, nil},
		SignIn:  SignIn{0.5, 2, 10 * time.Second},
		Backoff: Backoff{2 * time.Second, 2 * time.Second},
		Lockout: Lockout{5, time.Minute, 2 * time.Minute},
		Options: option.Set{"hold": {Text: "5s", Pos: at(19, 21)}, "status": {Text: "5", Pos: at(19, 33)}},
		Pos:     at(12, 3),
	}, {
		Name: "a", Vendor: "huawei", URL: &url.URL{Scheme: "https", Host: "h"},
		Window:  time.Minute,
		Dials:   Dials{32, nil},
		SignIn:  SignIn{20, 10, 30 * time.Second},
		Backoff: Backoff{time.Second, time.Minute},
		Lockout: Lockout{3, 10 * time.Minute, 15 * time.Minute},
		Options: option.Set{},
		Pos:     at(20, 3),
	}})

	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	shift := &Schedule{[]string{"0 9 * * 1-5"}, []string{"0 18 * * 1-5"}, moscow, []string{"2026-01-01", "2026-12-31"}, nil, nil, at(27, 15), nil, nil}
	own := &Schedule{[]string{"0 8 * * *"}, []string{"0 9 * * *"}, time.UTC, nil, nil, nil, at(37, 69), nil, nil}
	equal(t, c.Groups, []Group{{"g1", "b.2", shift, at(25, 5)}, {"g2", "a", nil, at(33, 5)}})

	id := func(platform, login string) session.ID { return session.ID{Platform: platform, Login: login} }
	all := []string{"all"}
	nowhere := CredentialFile{Mode: 0o600, GID: -1}
	usual := &Commands{Timeout: 10 * time.Second}
	cell := option.Pos{File: "more.csv", Line: 2, Col: 1}
	equal(t, c.Agents, []Agent{
		{id("b.2", "1"), "g1", "", "", Source{Key: keyDir, Path: "pw/1", Name: "1", Pos: at(31, 9)}, session.NewSecret("dir-secret"),
			decodedOptions{3, 5 * time.Second, all}, session.Terms{}, nil, session.Secret{}, nowhere, usual, shift, nil, at(31, 9)},
		{id("b.2", "02"), "g1", "", "", Source{Key: keyFile, Path: "two", Pos: at(32, 36)}, session.NewSecret("file-secret"),
			decodedOptions{3, 5 * time.Second, []string{"7", "8"}}, session.Terms{Force: true}, nil, session.Secret{}, nowhere, usual, shift, nil, at(32, 9)},
		{id("a", "3"), "g2", "23", "", Source{Key: keyEnv, Name: "AGENT_3", Pos: at(37, 50)}, session.NewSecret("env-secret"),
			decodedOptions{4, 10 * time.Second, all}, session.Terms{}, nil, session.Secret{}, nowhere, usual, own, nil, at(37, 9)},
		{id("a", "4"), "g2", "24", "", Source{Key: keyCredential, Path: "creds/c4", Name: "c4", Pos: at(38, 57)}, session.NewSecret("cred-secret"),
			decodedOptions{4, 10 * time.Second, all}, session.Terms{}, nil, session.Secret{}, nowhere, usual, nil, nil, at(38, 9)},
		{id("a", "5"), "g2", "25", "", Source{Key: keyInline, Pos: at(39, 46), Inline: session.NewSecret("inline-secret")}, session.NewSecret("inline-secret"),
			decodedOptions{4, 10 * time.Second, all}, session.Terms{}, nil, session.Secret{}, nowhere, usual, nil, nil, at(39, 9)},
		{id("a", "1"), "g2", "21", "", Source{Key: keyDir, Path: "pw/1", Name: "1", Pos: cell}, session.NewSecret("dir-secret"),
			decodedOptions{4, 10 * time.Second, []string{"7", "8"}}, session.Terms{}, nil, session.Secret{}, nowhere, usual, nil, nil, cell},
	})

	if p, ok := c.Platform("a"); !ok || p.Vendor != "huawei" {
		t.Errorf("Platform(a) = %v, %v", p, ok)
	}
	if _, ok := c.Platform("x"); ok {
		t.Error("Platform(x) exists")
	}
}

func TestAliasesAndMergeKeys(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{"d/1": "x", main: `platforms:
  a: &a
    vendor: huawei
    url: https://a
    sign_in: &s {rate: 1}
    backoff: {initial: 2s}
  b:
    <<: *a
    url: https://b
  c:
    <<: [{backoff: {initial: 3s}}, *a]
    sign_in:
      <<: *s
      concurrent: 3
groups:
  - &g {name: g, platform: a, passwords_dir: d, agents: &l [{login: 1, number: 5}]}
  - {<<: *g, name: h, platform: b}
`})
	type platform struct {
		URL        string
		Rate       float64
		Concurrent int
		Initial    time.Duration
	}
	var got []platform
	for _, p := range c.Platforms {
		got = append(got, platform{p.URL.String(), p.SignIn.Rate, p.SignIn.Concurrent, p.Backoff.Initial})
	}
	equal(t, got, []platform{
		{"https://a", 1, 10, 2 * time.Second},
		{"https://b", 1, 10, 2 * time.Second},
		{"https://a", 1, 3, 3 * time.Second},
	})
	var agents []string
	for _, a := range c.Agents {
		agents = append(agents, a.ID.String()+" "+a.Group)
	}
	equal(t, agents, []string{"a/1 g", "b/1 h"})
}

func TestWebConfigCheck(t *testing.T) {
	inDir(t, map[string]string{main: "web_config_file: web.yaml\n", "web.yaml": "basic_auth_users: hunter2\n"})
	_, _, err := Load(main, WithVendors(testVendors()), WithWebConfigCheck(func(path string) error {
		return errText("yaml: cannot unmarshal !!str `hunter2` of " + path)
	}))
	equal(t, problemLines(t, err), []string{
		"agentkeeper.yaml:1:18: web_config_file web.yaml is not in the exporters' format, or a file that it names is missing or wrong"})
}

type errText string

func (e errText) Error() string { return string(e) }

const oneAgent = hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n"

// An address that others reach is told where it has no TLS or no password.
func TestOpenListen(t *testing.T) {
	const (
		tls   = "tls_server_config: {cert_file: c, key_file: k}\n"
		users = "basic_auth_users: {a: $2y$10$x}\n"
	)
	for _, test := range []struct{ listen, web, want string }{
		{"127.0.0.1:1", "", ""},
		{"localhost:1", "", ""},
		{"[::1]:1", "", ""},
		{":1", "", "without TLS (tls_server_config) and a password (basic_auth_users):"},
		{"0.0.0.0:1", "", "without TLS (tls_server_config) and a password (basic_auth_users):"},
		{"keeper.example.com:1", tls, "without a password (basic_auth_users):"},
		{":1", users, "without TLS (tls_server_config):"},
		{":1", tls + users, ""},
		{":1", "tls_server_config: {cert_file: c, key_file: k, client_auth_type: RequireAndVerifyClientCert}\n", ""},
		{":1", "http_server_config: {http2: true}\n", "without TLS (tls_server_config) and a password (basic_auth_users):"},
	} {
		text := "listen: '" + test.listen + "'\n" + oneAgent
		if test.web != "" {
			text = "web_config_file: w\n" + text
		}
		_, warnings := mustLoad(t, map[string]string{main: text, "w": test.web, "d/1": "x"})
		got := strings.Join(lines(warnings), "\n")
		if (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s with %q: %q, want %q", test.listen, test.web, got, test.want)
		}
	}
}

// What a command line says stands over the file, and needs not be in it.
func TestOverride(t *testing.T) {
	inDir(t, map[string]string{main: "log: {level: warn, format: json}\n" + oneAgent, "d/1": "x"})
	c, warnings, err := Load(main, WithVendors(testVendors()), WithOverride(Override{Listen: ":9", LogLevel: "debug", LogFormat: "text"}))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []any{c.Listen, c.Log.Level, c.Log.Format, len(warnings)}, []any{":9", slog.LevelDebug, "text", 1})
	if c, _, err = Load(main, WithVendors(testVendors()), WithOverride(Override{})); err != nil || c.Listen != "127.0.0.1:9464" || c.Log.Level != slog.LevelWarn {
		t.Error(c, err)
	}
}

// Outside of a unit systemd gives no credentials: for a check that is a warning,
// once for all agents.
func TestAbsentCredentials(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	inDir(t, map[string]string{"d/1": "x", main: oneOf + "  - {login: '1', number: '1', password_credential: a}\n  - {login: '2', number: '2', password_credential: b}\n"})
	_, warnings, err := Load(main, WithVendors(testVendors()), WithAbsentCredentials())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, lines(warnings), []string{"agentkeeper.yaml:7:52: password_credential: this process is not the service's unit and has none of systemd's credentials, so this one is not looked at; the unit needs LoadCredential=NAME:/path/of/file (and 1 more like it: line 8)"})
	if _, _, err := load(t); len(problemLines(t, err)) != 2 {
		t.Error("the service takes an agent without its password:", err)
	}
}
