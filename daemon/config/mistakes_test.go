package config

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// Pieces of good configuration around one mistake.
const (
	hq     = "platforms: {hq: {vendor: huawei, url: 'https://h'}}\n"
	oneOf  = hq + "groups:\n- name: g\n  platform: hq\n  passwords_dir: d\n  agents:\n"
	known  = "known here: allow_inline_secrets, callback, control, cors_origins, events, groups, listen, listen_hosts, log, per_agent_metrics, platforms, proxy, stop_timeout, store, web_config_file"
	vendor = "vendor: huawei, url: 'https://h'"
)

func TestMistakes(t *testing.T) {
	t.Setenv("EMPTY", "")
	for _, test := range []struct{ name, text, want string }{
		// The file as a whole.
		{"empty file", "", "1:1: the file is empty; write at least platforms and groups"},
		{"comment only", "# x\n", "1:1: the file is empty; write at least platforms and groups"},
		{"null", "~\n", "1:1: the file is empty; write at least platforms and groups"},
		{"a list", "- a\n", "1:1: the file is a list; write a mapping, key: value"},
		{"text", "abc\n", "1:1: the file is a single value; write a mapping, key: value"},
		{"two documents", "listen: ':1'\n---\nlisten: ':2'\n", "2:1: a second document begins here; keep one and remove the --- line"},
		{"mistake in a second document", "{}\n---\na: [\n", "3:1: this is no YAML: did not find expected node content; check indentation, quotes and brackets here"},
		{"control character", "listen: ':1'\nlog:\n  level: a\x01\n", "3:11: a character that is no text; save the file as UTF-8 without control characters"},
		{"not UTF-8", "listen: \xff\n", "1:9: a character that is no text; save the file as UTF-8 without control characters"},
		{"tag", "listen: !secret ':1'\n", "1:9: a YAML tag has no meaning here; remove the tag, or quote a text that begins with !"},

		// Syntax: the library's lines put right.
		{"colon in a value", "a: b: c\n", `1:1: this is no YAML: mapping values are not allowed in this context; quote a value that contains ": ", and indent keys of one level alike`},
		{"colon in a later value", "\na: b: c\n", `2:1: this is no YAML: mapping values are not allowed in this context; quote a value that contains ": ", and indent keys of one level alike`},
		{"open bracket", "x: 1\na: [1, 2\nb: 3\n", "2:1: this is no YAML: did not find expected ',' or ']'; close the bracket that was opened here"},
		{"tab", "x: 1\n\ta: 1\n", "2:1: this is no YAML: found a tab character that violates indentation; indent with spaces"},
		{"list beside keys", "x: 1\ny: 2\n- z\n", "3:1: this is no YAML: did not find expected key; indent the keys of one level alike"},
		{"no colon", "x: 1\n\nlisten 127\ny: 3\n", `3:1: this is no YAML: could not find expected ':'; write "key: value"`},
		{"open quote", "x: 1\ny: \"abc\nz: 1\n", "2:1: this is no YAML: found unexpected end of stream; close the quote that was opened before"},
		{"unknown anchor", "x: 1\ny: *hunter2\n", "2:4: an alias to an anchor that is not defined; quote a text that begins with *"},

		// Keys and types.
		{"unknown key", "lisen: ':1'\n", `1:1: unknown key "lisen"; did you mean "listen"?`},
		{"unknown key without a like", "colour: red\n", `1:1: unknown key "colour"; ` + known},
		{"forgotten space", "log: {level:debug}\n", `1:7: unknown key; write "key: value", and quote a text that contains a comma or a colon`},
		{"duplicate key", "log: {level: info, level: warn}\n", "1:20: log.level is written twice, first in line 1; keep one"},
		{"key is a list", "[a]: 1\n", "1:1: a key is a list; write a name"},
		{"merge of a text", "log:\n  <<: info\n", "2:7: << merges mappings, this is a single value"},
		{"mapping where a value belongs", "listen: {a: 1}\n", "1:9: listen is a mapping; write a single value"},
		{"value where a mapping belongs", "log: info\n", "1:6: log is a single value; write a mapping, key: value"},
		{"value where a list belongs", "groups: a\n", `1:9: groups is a single value; write a list, one "- " a line`},
		{"flag", "per_agent_metrics: 1\n", `1:20: per_agent_metrics is neither true nor false; write one of them`},
		{"choice", "log: {format: xml}\n", `1:15: log.format is none of its values; write one of auto, text, json`},
		{"duration without unit", "stop_timeout: 30\n", `1:15: stop_timeout is no duration; write for example 500ms, 30s or 1m30s`},
		{"duration of zero", "stop_timeout: 0s\n", "1:15: stop_timeout is not above 0; write a duration such as 30s"},
		{"size", "events: {max_bytes: 1 giga}\n", `1:21: events.max_bytes is no size; write for example 512MiB or 1GiB`},
		{"size of zero", "events: {max_bytes: 0}\n", `1:21: events.max_bytes is no size; write for example 512MiB or 1GiB`},
		{"listen without port", "listen: localhost\n", `1:9: listen is no address; write host:port, for example 127.0.0.1:9464`},
		{"listen with a big port", "listen: :99999\n", `1:9: listen is no address; write host:port, for example 127.0.0.1:9464`},
		{"listen empty", "listen: ''\n", "1:9: listen must not be empty; leave it out for 127.0.0.1:9464"},
		{"long socket", "control: /" + strings.Repeat("x", 107) + "\n", "1:10: control is a path of 108 bytes; a socket's may have 107"},
		{"no web config", "web_config_file: w\n", "1:18: web_config_file w: no such file or directory; create it or correct the path"},

		// What this version lacks.
		{"proxy for others", "proxy: {listen: ':1'}\n", `1:17: proxy.listen is an address that other hosts may reach; the proxy lets whoever reaches it act as any agent, so write 127.0.0.1:9465 or unix:/run/agentkeeper/proxy.sock`},
		{"proxy's address", "proxy: {listen: nowhere}\n", `1:17: proxy.listen is no address; write 127.0.0.1:9465 or unix:/run/agentkeeper/proxy.sock`},
		{"proxy's socket", "proxy: {listen: 'unix:x'}\n", `1:17: proxy.listen is no absolute path; write for example unix:/run/agentkeeper/proxy.sock`},
		{"events listen", "events: {listen: ':4222', users: [{name: crm, password_file: d/1}]}\n", `1:18: events.listen is an address that other hosts may reach; write cert_file and key_file for TLS, or 127.0.0.1:4222`},
		{"events listen to nothing", "events: {listen: x, users: [{name: crm, password_file: d/1}]}\n", `1:18: events.listen is no address; write host:port, for example 127.0.0.1:4222`},
		{"events without users", "events: {listen: '127.0.0.1:4222'}\n", "1:18: events.listen lets nobody in without users; write for example users: [{name: crm, password_file: secrets/crm}]"},
		{"events certificate", "events: {listen: ':4222', cert_file: d/none, key_file: d/1, users: [{name: crm, password_file: d/1}]}\n", "1:38: events.cert_file d/none: no such file or directory; create it or correct the path"},
		{"events key", "events: {listen: ':4222', cert_file: d/1, users: [{name: crm, password_file: d/1}]}\n", "1:9: events.key_file is missing; a certificate and its key belong together"},
		{"events key pair", "events: {listen: ':4222', cert_file: d/1, key_file: d/1, users: [{name: crm, password_file: d/1}]}\n", "1:38: events.cert_file and key_file are no certificate in PEM form with the key that belongs to it; compare `openssl x509 -noout -pubkey` of the one with `openssl pkey -pubout` of the other"},
		{"user", "events: {listen: 'localhost:1', users: [a]}\n", "1:41: user is a single value; write a mapping, key: value"},
		{"user's name", "events: {listen: 'localhost:1', users: [{password_file: d/1}]}\n", "1:41: user.name is missing; name the program, for example crm"},
		{"user's bad name", "events: {listen: 'localhost:1', users: [{name: a b, password_file: d/1}]}\n", `1:48: user.name is no name; use letters, digits, -, _ and . only`},
		{"user twice", "events: {listen: 'localhost:1', users: [{name: a, password_file: d/1}, {name: a, token_file: d/1}]}\n", `1:79: user.name "a" is written twice, first at agentkeeper.yaml:1:48; give each program a user of its own`},
		{"user without consumers", "events: {listen: 'localhost:1', users: [{name: a, password_file: d/1, max_consumers: 0}]}\n", "1:86: user.max_consumers is no whole number above 0; write one, for example 3"},
		{"user without secret", "events: {listen: 'localhost:1', users: [{name: a}]}\n", "1:41: a user needs exactly one of password_file, password_env, password_credential and the same of token_; 0 are written"},
		{"user with two", "events: {listen: 'localhost:1', users: [{name: a, token_file: d/1, password_file: d/1}]}\n", "1:41: a user needs exactly one of password_file, password_env, password_credential and the same of token_; 2 are written"},
		{"user's missing secret", "events: {listen: 'localhost:1', users: [{name: a, password_file: d/x}]}\n", "1:66: password_file d/x: no such file or directory; create it or correct the path"},
		{"user's inline token", "events: {listen: 'localhost:1', users: [{name: a, token: t}]}\n", "1:58: a password in the file is refused; move it to a file and name it in password_file, or set allow_inline_secrets: true"},
		{"cluster", "store: {nats: {url: x}}\n", "1:15: store.nats is not supported by this version; leave it out"},
		{"node", "store: {node: x}\n", "1:15: store.node is not supported by this version; leave it out"},
		{"credential file twice", oneOf + "  - {login: '1', number: '2', credential_file: /x, credential_mode: '7'}\n", `7:69: credential_mode is no mode that the service itself can write and read; write for example 0640`},
		{"credential group", oneOf + "  - {login: '1', number: '2', credential_file: /x, credential_group: no-such-group}\n", `7:70: credential_group is no group of this host; write its name or number`},

		// Platforms.
		{"unknown vendor", "platforms: {hq: {vendor: huwaei, url: 'https://h'}}\n", `1:26: unknown vendor; write one of ecss, huawei; did you mean "huawei"?`},
		{"no vendor", "platforms: {hq: {url: 'https://h'}}\n", "1:17: platforms.hq.vendor is missing; write one of ecss, huawei"},
		{"no url", "platforms: {hq: {vendor: huawei}}\n", "1:17: platforms.hq.url is missing; write scheme, host and port"},
		{"platform's name", "platforms: {a/b: {" + vendor + "}}\n", `1:13: a platform cannot be named so; use letters, digits, -, _ and . only`},
		{"platform is empty", "platforms:\n  hq:\n", "2:3: platforms.hq.url is missing; write scheme, host and port\n2:3: platforms.hq.vendor is missing; write one of ecss, huawei"},
		{"credentials in the url", "platforms: {hq: {vendor: huawei, url: 'https://u:hunter2@h'}}\n", "1:39: platforms.hq.url contains credentials; remove them, each agent has its own login and password"},
		{"path in the url", "platforms: {hq: {vendor: huawei, url: 'https://h/agentgateway'}}\n", "1:39: platforms.hq.url has a path; write scheme, host and port only, the program adds the vendor's path"},
		{"query in the url", "platforms: {hq: {vendor: huawei, url: 'https://h?a=b'}}\n", "1:39: platforms.hq.url has a query or fragment; write scheme, host and port only"},
		{"scheme of another vendor", "platforms: {hq: {vendor: ecss, url: 'https://h'}}\n", "1:37: platforms.hq.url has a scheme that this vendor does not speak; write one of wss, ws, for example wss://10.0.0.5:8043"},
		{"no scheme", "platforms: {hq: {vendor: huawei, url: '10.0.0.5:8043'}}\n", "1:39: platforms.hq.url is no URL; write scheme, host and port, for example https://10.0.0.5:8043"},
		{"big port", "platforms: {hq: {vendor: huawei, url: 'https://h:80430'}}\n", "1:39: platforms.hq.url has no valid port; write for example https://10.0.0.5:8043"},
		{"no port behind the colon", "platforms: {hq: {vendor: huawei, url: 'https://h:'}}\n", "1:39: platforms.hq.url has no valid port; write for example https://10.0.0.5:8043"},
		{"rate", "platforms: {hq: {" + vendor + ", sign_in: {rate: 0}}}\n", `1:68: platforms.hq.sign_in.rate is no number above 0; write one, for example 20`},
		{"rate is no number", "platforms: {hq: {" + vendor + ", sign_in: {rate: NaN}}}\n", `1:68: platforms.hq.sign_in.rate is no number above 0; write one, for example 20`},
		{"concurrent", "platforms: {hq: {" + vendor + ", sign_in: {concurrent: 1.5}}}\n", `1:74: platforms.hq.sign_in.concurrent is no whole number above 0; write one, for example 3`},
		{"backoff", "platforms: {hq: {" + vendor + ", backoff: {initial: 2m}}}\n", "1:71: platforms.hq.backoff.initial (2m0s) is above platforms.hq.backoff.max (1m0s); raise max or lower initial"},
		{"backoff's max alone", "platforms: {hq: {" + vendor + ", backoff: {max: 1ms}}}\n", "1:67: platforms.hq.backoff.initial (1s) is above platforms.hq.backoff.max (1ms); raise max or lower initial"},
		{"lockout", "platforms: {hq: {" + vendor + ", lockout: {failures: none, within: -1s}}}\n", `1:72: platforms.hq.lockout.failures is no whole number above 0; write one, for example 3` + "\n1:86: platforms.hq.lockout.within is not above 0; write a duration such as 30s"},
		{"no authority file", "platforms: {hq: {" + vendor + ", tls: {ca_file: ca.pem}}}\n", "1:67: tls.ca_file ca.pem: no such file or directory; create it or correct the path"},
		{"authority file without a certificate", "platforms: {hq: {" + vendor + ", tls: {ca_file: one}}}\n", "1:67: tls.ca_file: one holds no certificate in PEM form, DER or PKCS #7: it must contain a block that begins with -----BEGIN CERTIFICATE-----"},
		{"client certificate without a key", "platforms: {hq: {" + vendor + ", tls: {cert_file: one}}}\n", "1:69: platforms.hq.tls.cert_file needs key_file: the file with the certificate's key"},
		{"client key without a certificate", "platforms: {hq: {" + vendor + ", tls: {key_file: one}}}\n", "1:68: platforms.hq.tls.key_file needs cert_file: the file with the key's certificate"},
		{"pin", "platforms: {hq: {" + vendor + ", tls: {pin_sha256: ab}}}\n", "1:70: tls.pin_sha256: not a SHA-256: write 64 hex digits (colons allowed) or 44 characters of base64, for example from `openssl x509 -noout -fingerprint -sha256`"},

		// Options.
		{"unknown option", "platforms: {hq: {" + vendor + ", options: {stats: 4}}}\n", `1:62: unknown option "stats"; did you mean "status"?`},
		{"unknown option without a value", "platforms: {hq: {" + vendor + ", options: {stats: }}}\n", `1:62: unknown option "stats"; did you mean "status"?`},
		{"option outside of options", "platforms: {hq: {" + vendor + ", hold: 4s}}\n", `1:52: unknown key "hold"; it is an option of the vendor, write it as options: {hold: …}`},
		{"option of a wrong type", "platforms: {hq: {" + vendor + ", options: {status: idle}}}\n", `1:70: option "status": no whole number`},
		{"option is a mapping", "platforms: {hq: {" + vendor + ", options: {status: {a: 1}}}}\n", "1:70: platforms.hq.options.status is a mapping; write a single value or a list"},
		{"option is a list of lists", "platforms: {hq: {" + vendor + ", options: {skills: [[1]]}}}\n", "1:71: platforms.hq.options.skills is a list that holds a list; write single values"},
		{"platform's relation, said once", "platforms: {hq: {" + vendor + ", options: {hold: 3m}}}\ngroups:\n- name: g\n  platform: hq\n  passwords_dir: d\n  agents: [{login: 1, number: 1}, {login: 2, number: 2, options: {status: 3}}]\n",
			"1:68: hold is not below the window; lower it"},
		{"relation with a default", "platforms:\n  hq: {" + vendor + ", window: 5s}\ngroups:\n- name: g\n  platform: hq\n  passwords_dir: d\n  agents: [{login: 1, number: 1}, {login: 2, number: 2, options: {status: 3}}]\n",
			"2:50: hold is not below the window; lower it"},
		{"relation without agents", "platforms:\n  hq: {" + vendor + ", window: 5s}\n", "2:50: hold is not below the window; lower it"},
		{"relation in a group without agents", hq + "groups:\n- {name: g, platform: hq, options: {hold: 2m}}\n", "3:43: hold is not below the window; lower it"},
		{"agent's relation", oneOf + "  - {login: 1, number: 1, options: {hold: 3m}}\n", "7:43: hold is not below the window; lower it"},

		// Groups.
		{"unknown platform", hq + "groups: [{name: g, platform: hk}]\n", `2:30: no platform has this name; write one of those under platforms; did you mean "hq"?`},
		{"no platform", hq + "groups: [{name: g}]\n", "2:10: group.platform is missing; write the name of a platform"},
		{"no name", hq + "groups: [{platform: hq}]\n", "2:10: group.name is missing; give the group a name"},
		{"group's name", hq + "groups: [{name: 'a b', platform: hq}]\n", `2:17: a group cannot be named so; use letters, digits, -, _ and . only`},
		{"two groups of one name", hq + "groups:\n- {name: g, platform: hq}\n- {name: g, platform: hq}\n", `4:10: group "g" is written twice, first at agentkeeper.yaml:3:10; give each group a name of its own`},
		{"group is a text", hq + "groups: [g]\n", "2:10: group is a single value; write a mapping, key: value"},
		{"no passwords_dir", hq + "groups: [{name: g, platform: hq, passwords_dir: x, agents: [{login: 1, number: 1}]}]\n", "2:49: group.passwords_dir x: no such file or directory; create it or correct the path"},
		{"passwords_dir is a file", hq + "groups: [{name: g, platform: hq, passwords_dir: one, agents: [{login: 1, number: 1}]}]\n", "2:49: group.passwords_dir one is no directory; name the one that holds one file per login"},
		{"no agents_file", hq + "groups: [{name: g, platform: hq, agents_file: x.csv}]\n", "2:47: agents_file x.csv: no such file or directory; create it or correct the path"},
		{"agents_file is a pipe", hq + "groups: [{name: g, platform: hq, agents_file: pipe}]\n", "2:47: agents_file pipe: not a regular file; check the path"},

		// Agents.
		{"no login", oneOf + "  - {number: '2'}\n", "7:5: the agent has no login; write login"},
		{"agent is a text", oneOf + "  - '291'\n", "7:5: agent is a single value; write a mapping, key: value"},
		{"login with a space", oneOf + "  - {login: ' 1', number: '2', password_file: one}\n", `7:13: the login begins or ends with a space; remove it`},
		{"login with a line break", oneOf + "  - {login: \"1\\n2\", number: '2', password_file: one}\n", `7:13: the login contains a control character; remove it`},
		{"login twice", oneOf + "  - {login: '1', number: '2'}\n  - {login: '1', number: '3'}\n", `8:13: this login appears twice on platform "hq", first at agentkeeper.yaml:7:13; remove one`},
		{"no number", oneOf + "  - {login: '1'}\n", `7:5: the agent has no number; write the telephone number to seat it at`},
		{"login that the vendor cannot know", "platforms: {c: {vendor: ecss, url: 'wss://h'}}\ngroups: [{name: g, platform: c, agents: [{login: impossible, password_file: one}]}]\n", `2:50: the login is no operator's; write one`},
		{"agent's unknown key", oneOf + "  - {login: '1', nummer: '2'}\n", `7:5: the agent has no number; write the telephone number to seat it at` + "\n" + `7:18: unknown key "nummer"; did you mean "number"?`},

		// Secrets.
		{"no secret", hq + "groups: [{name: g, platform: hq, agents: [{login: 1, number: 1}]}]\n", "2:43: the agent has no password; write password_file, password_env or password_credential, or give the group a passwords_dir"},
		{"two secrets", oneOf + "  - {login: '1', number: '2', password_file: one, password_env: HOME}\n", "7:65: the agent has 2 sources of its password, password_file and password_env; keep exactly one"},
		{"inline", oneOf + "  - {login: '1', number: '2', password: hunter2}\n", "7:41: a password in the file is refused; move it to a file and name it in password_file, or set allow_inline_secrets: true"},
		{"no password_file", oneOf + "  - {login: '1', number: '2', password_file: none}\n", "7:46: password_file none: no such file or directory; create it or correct the path"},
		{"password_file is a directory", oneOf + "  - {login: '1', number: '2', password_file: d}\n", "7:46: password_file d: not a regular file; check the path"},
		{"password_file is a pipe", oneOf + "  - {login: '1', number: '2', password_file: pipe}\n", "7:46: password_file pipe: not a regular file; check the path"},
		{"password_file is empty", oneOf + "  - {login: '1', number: '2', password_file: empty}\n", "7:46: password_file empty: the secret is empty; write it there"},
		{"no file in passwords_dir", oneOf + "  - {login: '9', number: '2'}\n", "7:5: passwords_dir d, the file named as this login: no such file or directory; create it or correct the path"},
		{"login leaves passwords_dir", oneOf + "  - {login: '../one', number: '2'}\n", `7:13: this login cannot be the name of a file in passwords_dir; give the agent a password_file`},
		{"login is passwords_dir", oneOf + "  - {login: '.', number: '2'}\n", `7:13: this login cannot be the name of a file in passwords_dir; give the agent a password_file`},
		{"no variable", oneOf + "  - {login: '1', number: '2', password_env: hunter2}\n", "7:45: password_env: the environment variable of this name is not set; set it for the service"},
		{"empty variable", oneOf + "  - {login: '1', number: '2', password_env: EMPTY}\n", "7:45: password_env: the secret is empty; write it there"},
		{"no credentials", oneOf + "  - {login: '1', number: '2', password_credential: x}\n", "7:52: password_credential: systemd has given this process no credentials; run it as a unit with LoadCredential=NAME:/path/of/file"},
		{"credential elsewhere", oneOf + "  - {login: '1', number: '2', password_credential: ../x}\n", "7:52: password_credential is no name of a systemd credential; write the name that stands in LoadCredential="},

		// Schedules.
		{"schedule is empty", hq + "groups: [{name: g, platform: hq, schedule: {}}]\n",
			`2:44: schedule.sign_in is missing; write five cron fields, for example "0 9 * * 1-5"` + "\n" +
				`2:44: schedule.sign_out is missing; write five cron fields, for example "0 9 * * 1-5"`},
		{"never fires", schedule("sign_in: '0 9 30 2 *', sign_out: '0 18 * * *'"), `2:54: schedule.sign_in never fires; write a day that exists`},
		{"six fields", schedule("sign_in: '0 0 9 * * *', sign_out: '0 18 * * *'"), `2:54: schedule.sign_in is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"`},
		{"out of range", schedule("sign_in: '0 25 * * *', sign_out: '0 18 * * *'"), `2:54: schedule.sign_in is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"`},
		{"descriptor", schedule("sign_in: '@every 1h', sign_out: '0 18 * * *'"), `2:54: schedule.sign_in is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"`},
		{"in and out at once", schedule("sign_in: '0 9 * * *', sign_out: '0 9  * * *'"), "2:77: schedule.sign_out fires only when schedule.sign_in does, so no shift would ever end; write the end of the shift"},
		{"time zone", schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', time_zone: Mars/X"), `2:102: schedule.time_zone is not known; write a name like Europe/Moscow`},
		{"holiday", schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', holidays: [2026-02-29]"), "2:102: schedule.holidays holds something that is no day; write for example 2026-12-31, or the name of a file of days"},
		{"no file of holidays", schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', holidays: [ru.ics]"), "2:102: schedule.holidays ru.ics: no such file or directory; create it or correct the path"},
		{"some of a list", schedule("sign_in: ['0 9 * * *', x, '0 9 31 2 *'], sign_out: ['0 18 * * *', {a: b}, ]"),
			`2:68: schedule.sign_in is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"` + "\n" +
				"2:71: schedule.sign_in never fires; write a day that exists\n" +
				`2:111: schedule.sign_out is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"`},
		{"a list of nothing", schedule("sign_in: [], sign_out: ['']"), `2:54: schedule.sign_in holds no cron schedule; write one, for example "0 9 * * 1-5", or a list of them` + "\n" +
			`2:69: schedule.sign_out is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"`},
		{"two in one text", schedule("sign_in: '0 9 * * 1-5, 0 10 * * 6', sign_out: '0 18 * * *'"),
			`2:54: schedule.sign_in is more than one cron schedule; write a list: ["0 9 * * 1-5", "0 10 * * 6"]`},
		{"a mapping", schedule("sign_in: {mon: 9}, sign_out: '0 18 * * *'"), `2:54: schedule.sign_in holds no cron schedule; write one, for example "0 9 * * 1-5", or a list of them`},
		{"lists of the same", schedule("sign_in: ['0 9 * * *', '0 18 * * *'], sign_out: ['0 18 * * 1', '0 9 * * 2-5']"),
			"2:93: schedule.sign_out fires only when schedule.sign_in does, so no shift would ever end; write the end of the shift"},
		{"workdays", schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', workdays: [2026-02-29, 2026-12-27:mon, [2026-12-27], none.ics, {x: mon}, 2026-12-27: monday, 2026-12-26: , 2026-12-25: [mon]]"),
			"2:102: schedule.workdays holds something that is no day; write for example 2026-12-31, or with a weekday 2026-12-31: mon, or the name of a file of days\n" +
				"2:114: schedule.workdays holds something that is no day; write for example 2026-12-31, or with a weekday 2026-12-31: mon, or the name of a file of days\n" +
				"2:130: schedule.workdays holds something that is no day; write for example 2026-12-31, or with a weekday 2026-12-31: mon, or the name of a file of days\n" +
				"2:144: schedule.workdays none.ics: no such file or directory; create it or correct the path\n" +
				"2:155: schedule.workdays holds something that is no day; write for example 2026-12-31, or with a weekday 2026-12-31: mon, or the name of a file of days\n" +
				"2:176: schedule.workdays: this is no weekday; write sun, mon, tue, wed, thu, fri or sat\n" +
				"2:194: schedule.workdays: this is no weekday; write sun, mon, tue, wed, thu, fri or sat\n" +
				"2:210: schedule.workdays: this is no weekday; write sun, mon, tue, wed, thu, fri or sat"},
		{"a workday twice", schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', workdays: [2026-12-27: mon, 2026-12-26, {2026-12-26: fri, 2026-12-27: tue}]"),
			"2:149: schedule.workdays: 2026-12-27 counts as Tuesday here and as Monday before; keep one"},
		{"workdays as one mapping", schedule("sign_in: '0 9 * * *', sign_out: '0 18 * * *', workdays: {2026-12-27: mon}"), `2:101: schedule.workdays is a mapping; write a list, one "- " a line`},
		{"agent's schedule", oneOf + "  - {login: '1', number: '2', schedule: {sign_in: x, sign_out: '0 1 * * *', zone: x}}\n",
			`7:51: schedule.sign_in is no cron schedule; write minute, hour, day, month and weekday, for example "0 9 * * 1-5"` + "\n" +
				`7:77: unknown key "zone"; did you mean "time_zone"?`},
	} {
		t.Run(test.name, func(t *testing.T) {
			inDir(t, map[string]string{main: test.text, "d/1": "p", "d/2": "p", "one": "p", "empty": ""})
			if err := syscall.Mkfifo("pipe", 0o600); err != nil {
				t.Fatal(err)
			}
			_, _, err := load(t)
			var want []string
			for _, line := range strings.Split(test.want, "\n") {
				want = append(want, main+":"+line)
			}
			equal(t, problemLines(t, err), want)
		})
	}
}

func schedule(body string) string {
	return hq + "groups: [{name: g, platform: hq, schedule: {" + body + "}}]\n"
}

// Twenty mistakes in one file are twenty lines.
func TestTwentyMistakes(t *testing.T) {
	inDir(t, map[string]string{"bots.csv": "login,numbr\n1,2\n", main: `lisen: ":1"
stop_timeout: soon
control: ""
log: {level: loud}
store: {}
per_agent_metrics: maybe
events: {max_age: 0s, max_bytes: many}
platforms:
  a b: {vendor: huawei, url: "https://h"}
  hq:
    vendor: huawei
    url: ftp://h
    window: 0s
    sign_in: {rate: fast, concurrent: 0}
    backoff: {initial: 5m}
    options: {status: 9, colour: red}
groups:
  - name: g
    platform: qq
    schedule: {sign_in: "0 9 31 2 *", sign_out: "0 18 * * *"}
    agents:
      - {login: "1", password: x}
    agents_file: bots.csv
`})
	_, _, err := load(t)
	got := problemLines(t, err)
	var places []string
	for _, line := range got {
		place, _, _ := strings.Cut(line, ": ")
		places = append(places, place)
	}
	var want []string
	for _, p := range [][2]int{{1, 1}, {2, 15}, {3, 10}, {4, 14}, {6, 20}, {7, 19}, {7, 34}, {9, 3}, {12, 10}, {13, 13},
		{14, 21}, {14, 39}, {15, 24}, {16, 23}, {16, 26}, {19, 15}, {20, 25}, {22, 32}} {
		want = append(want, fmt.Sprintf("%s:%d:%d", main, p[0], p[1]))
	}
	want = append(want, "bots.csv:1:7", "bots.csv:2:1")
	equal(t, places, want)
}
