package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"

	"agentkeeper/daemon/config/strict"
)

// The secret that must stand in no message, whatever file it stands in.
const canary = "zq7canary"

// roles are configurations that name the file "named", each in another role.
func roles() map[string]string {
	user := "{name: a, password_file: one}"
	return map[string]string{
		"agents_file":     hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents_file: named}]\n",
		"holidays":        schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', holidays: [named]"),
		"workdays":        schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', workdays: [named]"),
		"ca_file":         "platforms: {hq: {vendor: huawei, url: 'https://h', tls: {ca_file: named}}}\n",
		"tls cert":        "platforms: {hq: {vendor: huawei, url: 'https://h', tls: {cert_file: named, key_file: named}}}\n",
		"web_config_file": "web_config_file: named\n" + hq,
		"callback cert":   "callback: {listen: ':1', cert_file: named, key_file: named}\n" + hq,
		"events cert":     "events: {listen: ':1', cert_file: named, key_file: named, users: [" + user + "]}\n" + hq,
		"password_file":   hq + "groups: [{name: g, platform: hq, agents: [{login: '1', number: '2', password_file: named}]}]\n",
		"passwords_dir":   hq + "groups: [{name: g, platform: hq, passwords_dir: named, agents: [{login: '1', number: '2'}]}]\n",
		"token_file":      "events: {listen: 'localhost:1', users: [{name: a, token_file: named}]}\n" + hq,
		"secret_file":     "events: {webhooks: [{url: 'https://h', secret_file: named}]}\n" + hq,
	}
}

// contents are files that hold the canary where their readers look.
func contents() map[string]string {
	c := canary
	return map[string]string{
		"a line": c + "\n", "lines": c + "1\n" + c + "2\n", "CSV header": "login," + c + "\n1,2\n", "CSV cells": fmt.Sprintf("login,number,hold,%s\n%s,%s,%s,%s\n", c, c, c, c, c),
		"CSV option": "login,number,status\n1,2," + c + "\n", "CSV login": "login,number\n" + c + ",2\n" + c + ",3\n", "CSV quote": "login,number\n\"" + c + "\n",
		"CSV near a column": "login,number,passwor" + c[:1] + "\n1,2,3\n", "not UTF-8": c + "\xff\xfe", "a page": "<html>" + c + "</html>",
		"calendar":   "BEGIN:" + c + "\nEND:" + c + "\n",
		"properties": "BEGIN:VCALENDAR\n" + c + "\n" + c + ":x\nBEGIN:VEVENT\nDTSTART:" + c + "\nDTEND;X=" + c + ":" + c + "\nDURATION:" + c + "\nRRULE:FREQ=" + c + "\nEND:" + c + "\nBEGIN:" + c + "\n",
		"rules":      "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY;X=" + c + "\nEND:VEVENT\nEND:VCALENDAR\n",
		"PEM":        "-----BEGIN " + c + "-----\n" + c + "\n-----END " + c + "-----\n",
		"PEM rotten": "-----BEGIN CERTIFICATE-----\nenE3Y2FuYXJ5\n-----END CERTIFICATE-----\n" + c,
		"web key":    c + ": 1\n", "web section": "tls_server_config: {" + c + ": x}\n", "web value": "tls_server_config: {cert_file: x, key_file: y, min_version: " + c + "}\n",
		"web cipher": "tls_server_config: {cipher_suites: [" + c + "]}\n", "web users": "basic_auth_users: {" + c + ": " + c + "}\n", "web type": "basic_auth_users: " + c + "\n",
		"web auth": "tls_server_config: {cert_file: one, key_file: one, client_auth_type: " + c + "}\n", "web headers": "http_server_config: {headers: {X-" + c + ": " + c + "}}\n",
		"YAML": "a: [" + c + "\n" + c + ": {" + c + "\n*" + c + "\n", "whsec": "whsec_" + c + "!\n", "empty": "",
	}
}

// No message about a file repeats what stands in it.
func TestNoFileIsTold(t *testing.T) {
	for role, text := range roles() {
		for kind, content := range contents() {
			inDir(t, map[string]string{main: text, "named": content, "one": "x", "d/1": "x"})
			_, warnings, err := Load(main, WithVendors(testVendors()), WithWebConfigCheck(web.Validate))
			said := fmt.Sprint(warnings)
			if err != nil {
				said += err.Error()
			}
			if strings.Contains(strings.ToLower(said), canary) || strings.Contains(said, "passworz") {
				t.Errorf("%s, %s: %s", role, kind, said)
			}
		}
	}
}

// full is a configuration with most keys, to put wrong values into.
const full = `listen: 127.0.0.1:9464
web_config_file: ""
stop_timeout: 30s
log: {level: info, format: auto}
allow_inline_secrets: true
per_agent_metrics: false
proxy: {listen: ""}
callback: {listen: ":9466", plain_http: true}
events:
  max_age: 24h
  max_bytes: 1GiB
  listen: localhost:1
  users: [{name: crm, password: x}]
  webhooks: [{name: w, url: "https://h/a", types: [a.*], agents: [hq/*], timeout: 1s, concurrent: 3, secret_file: one}]
platforms:
  hq:
    vendor: huawei
    url: https://h
    tls: {server_name: "", pin_sha256: "", insecure_skip_verify: false, legacy: false}
    window: 2m
    sign_in: {rate: 20, concurrent: 10, timeout: 30s}
    backoff: {initial: 1s, max: 60s}
    lockout: {failures: 3, within: 10m, quiet: 15m}
    options: {hold: 10s, status: 4, force: false, skills: [1, 2]}
groups:
- name: bots
  platform: hq
  schedule: {sign_in: "0 9 * * 1-5", sign_out: "0 18 * * 1-5", time_zone: Europe/Moscow, holidays: [2026-12-31]}
  options: {status: 4}
  agents:
  - {login: "291", number: "40038", password: x, options: {status: 4}, credential_file: f, credential_mode: "0640", credential_group: root}
`

// A wrong value, which may be a secret that slipped there, is not repeated.
func TestNoWrongValueIsTold(t *testing.T) {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(full), &doc); err != nil {
		t.Fatal(err)
	}
	if got := saysOf(t, &doc); got != "" && strings.Contains(got, "no YAML") {
		t.Fatal(got)
	}
	tried := 0
	eachValue(&doc, "", func(key string, n *yaml.Node) {
		switch key { // of which the path is what a message is about
		case "web_config_file", "secret_file", "credential_file":
			return
		}
		old := *n
		for _, value := range []string{canary, canary + " 1!", "-" + canary + "/", "1" + canary, canary + "://u:" + canary + "@h"} {
			if key == "holidays" && strings.ContainsAny(value, "qz") {
				continue // a word there is the name of a file
			}
			*n = yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: yaml.DoubleQuotedStyle}
			tried++
			if said := saysOf(t, &doc); strings.Contains(said, canary) && !named(key, value) {
				t.Errorf("%s: %s", key, said)
			}
		}
		*n = old
	})
	if tried < 150 {
		t.Errorf("%d values were tried", tried)
	}
}

// named reports whether a value is a good name there, which may be told of as
// status and metrics tell of it.
func named(key, value string) bool { return key == "name" && strict.IsName(value) }

func saysOf(t *testing.T, doc *yaml.Node) string {
	t.Helper()
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return sayings(string(text))
}

// eachValue visits the scalar values below n with the last key above them.
func eachValue(n *yaml.Node, key string, visit func(key string, n *yaml.Node)) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			eachValue(n.Content[i+1], n.Content[i].Value, visit)
		}
	case yaml.ScalarNode:
		visit(key, n)
	default:
		for _, child := range n.Content {
			eachValue(child, key, visit)
		}
	}
}

// Files that block, never end or are too large are mistakes, in every role.
func TestFilesOfEveryKind(t *testing.T) {
	kinds := map[string]func(t *testing.T, at string){
		"directory": func(t *testing.T, at string) { must(t, os.Mkdir(at, 0o700)) },
		"pipe":      func(t *testing.T, at string) { must(t, unix.Mkfifo(at, 0o600)) },
		"socket":    func(t *testing.T, at string) { must(t, unix.Mknod(at, unix.S_IFSOCK|0o600, 0)) },
		"endless":   func(t *testing.T, at string) { must(t, os.Symlink("/dev/zero", at)) },
		"link to a pipe": func(t *testing.T, at string) {
			must(t, unix.Mkfifo(at+".pipe", 0o600))
			must(t, os.Symlink(at+".pipe", at))
		},
		"loop":    func(t *testing.T, at string) { must(t, os.Symlink(filepath.Base(at), at)) },
		"process": func(t *testing.T, at string) { must(t, os.Symlink("/proc/self/fd/0", at)) },
		"10 GB": func(t *testing.T, at string) {
			must(t, os.WriteFile(at, nil, 0o600))
			must(t, os.Truncate(at, 10<<30))
		},
	}
	for kind, put := range kinds {
		texts := roles()
		texts["configuration"] = ""
		for role, text := range texts {
			if role == "passwords_dir" {
				text = strings.Replace(text, "passwords_dir: named", "passwords_dir: d2", 1)
			}
			inDir(t, map[string]string{"one": "x", "d/1": "x", "d2/x": "x"})
			switch role {
			case "configuration":
				put(t, main)
			case "passwords_dir":
				put(t, "d2/1")
			default:
				put(t, "named")
			}
			if role != "configuration" {
				must(t, os.WriteFile(main, []byte(text), 0o600))
			}
			if kind == "process" && stdinIsRegular() {
				continue
			}
			if err := loadSoon(t, role+" as "+kind); err == nil {
				t.Errorf("%s as %s was taken", role, kind)
			}
		}
	}
}

func stdinIsRegular() bool {
	info, err := os.Stat("/proc/self/fd/0")
	return err != nil || info.Mode().IsRegular()
}

// loadSoon fails the test where a Load does not end.
func loadSoon(t *testing.T, what string) error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, _, err := Load(main, WithVendors(testVendors()), WithWebConfigCheck(web.Validate))
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Minute):
		t.Fatalf("%s: the Load hangs", what)
		return nil
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A configuration whose files somebody else has read opens none.
func TestTextsAreAllThatIsRead(t *testing.T) {
	files := map[string]string{
		main: withCSV, "lists/bots.csv": "login,number\n1,2\n", "d/1": "x",
	}
	inDir(t, files)
	dir, err := os.Getwd()
	must(t, err)
	path, record := filepath.Join(dir, main), map[string]string{}
	c, _, err := Load(path, WithVendors(testVendors()), WithoutSecrets(), WithRecord(record))
	must(t, err)
	if len(record) != 2 || record[path] != withCSV || !c.SecretsUnread || len(c.Agents) != 1 || !c.Agents[0].Password.IsZero() {
		t.Errorf("recorded %v, agents %v", record, c.Agents)
	}
	must(t, os.RemoveAll(filepath.Join(dir, "d")))
	must(t, os.Remove(path))
	must(t, os.Remove(filepath.Join(dir, "lists/bots.csv")))
	if c, _, err := Load(path, WithVendors(testVendors()), WithTexts(record)); err != nil || len(c.Agents) != 1 {
		t.Errorf("%v, %v", c, err)
	}
	// What was not read is not read now, though it is there.
	must(t, os.WriteFile(filepath.Join(dir, "lists/bots.csv"), []byte("login,number\n1,2\n"), 0o600))
	delete(record, filepath.Join(dir, "lists/bots.csv"))
	if _, _, err := Load(path, WithVendors(testVendors()), WithTexts(record)); err == nil || !strings.Contains(err.Error(), "was not given") {
		t.Errorf("got %v", err)
	}
	for role, text := range roles() {
		c, _, err := Load("/x/"+main, WithVendors(testVendors()), WithWebConfigCheck(web.Validate), WithTexts(map[string]string{"/x/" + main: text}))
		if err != nil && !strings.Contains(err.Error(), "was not given") {
			t.Errorf("%s: %v, %v", role, c, err)
		}
	}
}
