package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// mustLoadReal loads a configuration with the real vendors.
func mustLoadReal(t *testing.T, files map[string]string) (*Config, []string) {
	t.Helper()
	inDir(t, files)
	c, warnings, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled(t, Schema()).Validate(plain(t, files[main])); err != nil {
		t.Error(err)
	}
	return c, lines(warnings)
}

// commandsOf loads a configuration and returns what programs may send to each agent.
func commandsOf(t *testing.T, text string) map[string]Commands {
	t.Helper()
	c, _ := mustLoadReal(t, map[string]string{main: text, "d/1": "x", "d/2": "x", "d/3": "x"})
	all := map[string]Commands{}
	for _, a := range c.Agents {
		all[a.ID.String()] = *a.Commands
	}
	return all
}

// The nearest block counts, key by key, and an empty list is a list.
func TestCommandsAreMerged(t *testing.T) {
	got := commandsOf(t, `platforms:
  hq: {vendor: huawei, url: 'https://h', commands: {enabled: true, allow: [do:busy], timeout: 20s}}
  cc: {vendor: ecss, url: 'wss://h', commands: {allow: [call/accept]}}
groups:
- name: g
  platform: hq
  passwords_dir: d
  commands: {timeout: 30s}
  agents:
  - {login: "1", number: "1"}
  - {login: "2", number: "2", commands: {enabled: false}}
  - {login: "3", number: "3", commands: {allow: [], timeout: 1m}}
- name: h
  platform: cc
  passwords_dir: d
  commands: {enabled: true}
  agents:
  - {login: "1", number: "1"}
`)
	equal(t, got, map[string]Commands{
		"hq/1": {Enabled: true, Allow: []string{"do:busy"}, Timeout: 30 * time.Second},
		"hq/2": {Allow: []string{"do:busy"}, Timeout: 30 * time.Second},
		"hq/3": {Enabled: true, Timeout: time.Minute},
		"cc/1": {Enabled: true, Allow: []string{"call/accept"}, Timeout: 10 * time.Second},
	})
}

// Agents that say nothing share what their group says.
func TestCommandsAreShared(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{main: oneOf + "  - {login: '1', number: '1'}\n  - {login: '2', number: '2'}\n", "d/1": "x", "d/2": "x"})
	if c.Agents[0].Commands == nil || c.Agents[0].Commands != c.Agents[1].Commands {
		t.Error("two agents of one group have a block each")
	}
}

// What is never sent for another program cannot be allowed, nor what the vendor has
// no form for; each mistake has its line.
func TestCommands(t *testing.T) {
	many := strings.Repeat("do:busy, ", maxAllow+1)
	for vendor, tests := range map[string]map[string]string{
		"vendor: huawei, url: 'https://h'": {
			"allow: [do:busy, PUT voicecall, POST onlineagent, GET /]": "",
			"allow: [do:dance]":                        "names no verb; write do: and one of ready, busy",
			"allow: [call/accept]":                     "is an action, and this platform is spoken over HTTP",
			"allow: [POST onlineagent/291/forcelogin]": "is never sent: log-ins and log-outs are the service's",
			"allow: [PUT agentgateway/login]":          "is never sent: log-ins",
			"allow: [GET agentevent/291]":              "is never sent: this request would take events",
			"allow: [POST modifyaccountpwdex]":         "is never sent: this request could change a password",
			"allow: [POST a/../b]":                     "has a path that is never sent",
			"allow: [post voicecall]":                  "is no entry; write an action",
			"allow: [{a: b}]":                          "holds a mapping; write single values",
			"allow: do:busy":                           "is a single value; write a list",
			"allow: [" + many + "]":                    "has more than 100 entries",
			"timeout: 60s":                             "",
			"timeout: 61s":                             "is above 1m0s; write less",
			"timeout: 0s":                              "is not above 0",
			"enabled: yes":                             "is neither true nor false",
			"allowed: []":                              `unknown key "allowed"; did you mean "allow"?`,
		},
		"vendor: ecss, url: 'wss://h'": {
			"allow: [call/accept, operator/setState]": "",
			"allow: [do:answer]":                      "names the verb answer: the platform has no documented way for this",
			"allow: [operator/forceLogout]":           "is never sent: log-ins and log-outs are the service's",
			"allow: [login]":                          "is never sent: log-ins",
			"allow: [PUT voicecall]":                  "is a request over HTTP, and this platform is spoken in frames",
		},
		"vendor: runtel, url: 'https://h'": {
			"allow: [POST api]":    "",
			"allow: [GET record]":  "",
			"allow: [DELETE user]": "is never sent: the Runtel API is POST /api/ alone",
		},
		"vendor: edna, url: 'https://h'": {
			"allow: [PUT api/v1/agents]": "",
			"allow: [POST api/v1/auth]":  "is never sent: ",
		},
	} {
		for block, want := range tests {
			inDir(t, map[string]string{main: fmt.Sprintf("platforms:\n  hq: {%s, commands: {\n%s}}\n", vendor, block)})
			_, _, err := Load(main)
			said := problemLines(t, err)
			good := len(said) == 1 && strings.HasPrefix(said[0], main+":3:") && strings.Contains(said[0], want)
			if want == "" {
				good = len(said) == 0
			}
			if !good {
				t.Errorf("%s: %s: said\n%s\nwant %q", vendor, block, strings.Join(said, "\n"), want)
			}
		}
	}
}

// A user names the agents, and what it may send must be something that one of them
// can be sent.
func TestSenders(t *testing.T) {
	const platforms = `platforms:
  hq: {vendor: huawei, url: 'https://h', commands: {enabled: true}}
  cc: {vendor: ecss, url: 'wss://h'}
groups:
- {name: g, platform: hq, passwords_dir: d, agents: [{login: "1", number: "1"}]}
- {name: h, platform: cc, passwords_dir: d, agents: [{login: "1", number: "1"}]}
events:
  listen: 127.0.0.1:4222
  users:
  - name: crm
    password_file: d/1
    commands: `
	c, warnings := mustLoadReal(t, map[string]string{main: platforms + "{agents: [hq/*, cc/1], allow: [call/accept, PUT voicecall]}\n", "d/1": "a long password"})
	equal(t, c.Consumers[0].Commands, &Sender{Agents: []string{"hq/*", "cc/1"}, Allow: []string{"call/accept", "PUT voicecall"}})
	equal(t, warnings, []string(nil))
	for block, want := range map[string]string{
		"{}":                                       "user.commands.agents is missing; name the agents",
		"{agents: []}":                             "user.commands.agents is empty; name the agents",
		"{agents: [291]}":                          "holds something that is not an agent's name",
		"{agents: [h*q/1]}":                        "holds something that is not an agent's name",
		"{agents: [hq/1], x: 1}":                   `unknown key "x"`,
		"{agents: [cc/1]}":                         "user.commands has no effect: none of these agents takes commands",
		"{agents: [hq/9]}":                         "user.commands.agents chooses no agent",
		"{agents: ['*'], allow: [x y]}":            "this element of user.commands.allow is no entry",
		"{agents: [hq/1], allow: [call/accept]}":   "is an action, and this platform is spoken over HTTP",
		"{agents: [cc/1], allow: [PUT voicecall]}": "is a request over HTTP",
		"{agents: ['*'], allow: [GET login]}":      "is never sent: ",
	} {
		inDir(t, map[string]string{main: platforms + block + "\n", "d/1": "a long password"})
		_, advice, err := Load(main)
		said := append(problemLines(t, err), lines(advice)...)
		if !slices.ContainsFunc(said, func(s string) bool {
			return strings.HasPrefix(s, main+":12:") && strings.Contains(s, want)
		}) || len(said) != 1 {
			t.Errorf("%s: said\n%s\nwant %q", block, strings.Join(said, "\n"), want)
		}
	}
}
