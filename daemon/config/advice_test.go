package config

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAdvice(t *testing.T) {
	const group = "groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n"
	shifts := func(one, other string) string {
		return hq + fmt.Sprintf("groups:\n- {name: a, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]%s}\n"+
			"- {name: b, platform: hq, passwords_dir: d, agents: [{login: '2', number: '2'}]%s}\n", one, other)
	}
	const (
		day     = ", schedule: {sign_in: '0 9 * * *', sign_out: '0 18 * * *', time_zone: UTC}"
		evening = ", schedule: {sign_in: '0 18 * * *', sign_out: '0 22 * * *', time_zone: UTC}"
		moscow  = ", schedule: {sign_in: '0 18 * * *', sign_out: '0 22 * * *', time_zone: Europe/Moscow}"
	)
	for _, test := range []struct{ name, text, want string }{
		{"nothing to say", hq + group, ""},
		{"one failure", "platforms: {hq: {" + vendor + ", lockout: {failures: 1}}}\n" + group,
			"1:72: platforms.hq.lockout.failures of 1 lets one mistyped password stop every log-in of the platform for 15m0s; 2 or more leave the others alone"},
		{"a short stop", "stop_timeout: 10s\n" + hq + group,
			"1:15: a stop_timeout of 10s is short for the agents of hq (1): polls may take 12s to end, and sign-outs, 10 at a time and answered in 100ms each, 100ms more; what is left stays signed in"},
		{"a long hold", "platforms: {hq: {" + vendor + ", options: {hold: 65s}}}\n" + "stop_timeout: 2m\n" + group,
			`1:68: option "hold": a quiet poll takes 1m5s of the window of 2m0s; one that is lost signs the agent out: shorten the hold or lengthen the window, on the platform`},
		{"a short window", "platforms: {hq: {" + vendor + ", window: 15s}}\n" + group,
			`1:60: option "hold": a quiet poll takes 10s of the window of 15s; one that is lost signs the agent out: shorten the hold or lengthen the window, on the platform`},
		{"a long poll_timeout", hq + "groups: [{name: g, platform: hq, options: {poll_timeout: 70s}, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n",
			`2:58: option "poll_timeout": 1m10s of the window of 2m0s leave no time for a second try: stay below 1m0s`},
		{"an option without its like", hq + "groups: [{name: g, platform: hq, options: {force_limit: 2}, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n",
			`2:57: option "force_limit" does nothing here; it goes with taken: force`},
		{"an option that works for one of two", hq + "groups: [{name: g, platform: hq, options: {force_limit: 2}, passwords_dir: d, agents: [{login: '1', number: '2'}, {login: '2', number: '3', options: {taken: force}}]}]\n", ""},
		{"options of other vendors", "platforms: {c: {vendor: huawei-config, url: 'https://h', options: {keep_alive: 50s}}, r: {vendor: runtel, url: 'https://r', options: {probe: none, domain_id: 3}}}\n" +
			"groups: [{name: c, platform: c, passwords_dir: d, agents: [{login: '1'}]}, {name: r, platform: r, passwords_dir: d, agents: [{login: '1'}]}]\n",
			`1:80: option "keep_alive" does nothing here; it goes with probe` + "\n" + `1:159: option "domain_id" does nothing here; it goes with probe other than none`},
		{"a long keep_alive", "platforms: {c: {vendor: huawei-config, url: 'https://h', options: {keep_alive: 90s, probe: /x}}}\n" +
			"groups: [{name: c, platform: c, passwords_dir: d, agents: [{login: '1'}]}]\n", `1:80: option "keep_alive": 1m30s is above half the window of 2m0s; 1m0s is used`},
		{"two at one number", shifts("", day), "4:75: this number is also that of the agent at agentkeeper.yaml:3:54; the platform seats one agent at a number and answers the other that it is taken"},
		{"a number that is handed on", shifts(day, evening), ""},
		{"a number in two zones", shifts(day, moscow), "4:75: this number is also that of the agent at agentkeeper.yaml:3:54; the platform seats one agent at a number and answers the other that it is taken"},
		{"shifts that overlap", hq + "groups:\n- {name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}], schedule: {sign_in: '0 9,12 * * *', sign_out: '0 18 * * *'}}\n",
			"3:102: schedule.sign_in at 12:00 never begins a shift, for one is on already; drop it, or write the sign_out that should come before"},
		{"one of a list", hq + "groups:\n- {name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}], schedule: {sign_in: ['0 9 * * *', '0 12 * * *'], sign_out: ['0 18 * * *', '0 18 * * *']}}\n",
			"3:116: schedule.sign_in at 12:00 never begins a shift, for one is on already; drop it, or write the sign_out that should come before\n" +
				"3:156: schedule.sign_out stands in the list twice; drop one"},
		{"workdays that are holidays, or nothing", hq + "groups:\n- name: g\n  platform: hq\n  passwords_dir: d\n  agents: [{login: '1', number: '2'}]\n  schedule:\n    sign_in: '0 9 * * *'\n    sign_out: '0 18 * * *'\n" +
			"    holidays: [2027-01-04, 2027-01-05, 2027-01-09]\n    workdays:\n    - 2027-01-05\n    - w.txt\n    - 2027-01-06: wed\n    - 2027-01-16\n",
			"12:7: schedule.workdays: 2027-01-05 is also a holiday of this schedule, and counts as a workday; drop one of the two if that is not meant\n" +
				"13:7: schedule.workdays: 2027-01-04 is also a holiday of this schedule, and counts as a workday (and 1 more of these days); drop one of the two if that is not meant\n" +
				"14:7: schedule.workdays: 2027-01-06 is a Wednesday and no holiday, so this changes nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inDir(t, map[string]string{main: test.text, "d/1": "x", "d/2": "x", "w.txt": "2027-01-04\n2027-01-09\n2027-01-12\n"})
			_, warnings, err := Load(main)
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for line := range strings.SplitSeq(test.want, "\n") {
				if line != "" {
					want = append(want, main+":"+line)
				}
			}
			equal(t, lines(warnings), want)
		})
	}
}

func TestComeUp(t *testing.T) {
	t.Setenv("AGENTS", "x")
	c, warnings := mustLoad(t, map[string]string{main: `stop_timeout: 10m
platforms: {hq: {vendor: huawei, url: 'https://h', sign_in: {rate: 0.5, concurrent: 4}}}
groups: [{name: g, platform: hq, passwords_dir: d, agents_file: a.csv}]
`, "a.csv": fleet(601), "d/x": ""})
	equal(t, lines(warnings), []string{"agentkeeper.yaml:2:68: 601 agents at 0.5 per second take 20m0s to sign in; raise platforms.hq.sign_in.rate as far as the platform bears"})
	equal(t, c.ComeUps(), []ComeUp{{Platform: "hq", Agents: 601, Takes: 20 * time.Minute, Answer: 8 * time.Second,
		First: 3, FirstAnswer: 6 * time.Second, AtASecond: 20 * time.Minute, FirstAtASecond: 20 * time.Minute}})
}

// Platforms at one address have one budget, by the strictest rules, of which
// their agents have a part each.
func TestComeUpShared(t *testing.T) {
	c, warnings := mustLoad(t, map[string]string{main: `platforms:
  hq: {vendor: huawei, url: 'https://h'}
  cf: {vendor: huawei, url: 'https://H:443', lockout: {failures: 5}, sign_in: {rate: 20, concurrent: 4}}
  other: {vendor: huawei, url: 'https://h:8443', lockout: {failures: 5}}
groups:
- {name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}, {login: '2', number: '3'}, {login: '3', number: '4'}]}
- {name: c, platform: cf, passwords_dir: d, agents: [{login: '1', number: '2'}]}
- {name: o, platform: other, passwords_dir: d, agents: [{login: '1', number: '2'}]}
`, "d/1": "x", "d/2": "x", "d/3": "x"})
	equal(t, lines(warnings), []string{"agentkeeper.yaml:3:3: platforms hq and cf are at one host and port (h:443), which counts refused log-ins for both, and their lockout differs: the strictest of each is used for both; write the same one"})
	var first []string
	for _, up := range c.ComeUps() {
		first = append(first, fmt.Sprint(up.Platform, " ", up.First, up.FirstAnswer, up.AtASecond, up.FirstAtASecond))
	}
	equal(t, first, []string{"hq 3 150ms 1s 2s", "cf 3 150ms 1s 2s", "other 5 250ms 1s 1s"})
}

// What is said of many rows of a list is said once, with their number.
func TestAdviceOfManyRows(t *testing.T) {
	t.Setenv("AGENTS", "x")
	list := fleet(300)
	for i := range 300 {
		list = strings.ReplaceAll(list, fmt.Sprintf(",5%04d,", i), ",7,")
	}
	_, warnings := mustLoad(t, map[string]string{main: withCSV, "lists/bots.csv": list, "d/x": ""})
	equal(t, lines(warnings), []string{"lists/bots.csv:3:7: this number is also that of the agent at lists/bots.csv:2:1; the platform seats one agent at a number and answers the other that it is taken (and 298 more like it: line 4, 5, 6, 7, 8 …)"})
}

// Advice for every agent of a long list in the configuration itself is cut short.
func TestLimitedAdvice(t *testing.T) {
	files, agents := map[string]string{}, ""
	for i := range 300 {
		files[fmt.Sprintf("d/%d", i)] = "x"
		agents += fmt.Sprintf("  - {login: '%d', number: '7'}\n", i)
	}
	files[main] = oneOf + agents
	_, warnings := mustLoad(t, files)
	if n := len(warnings); n != 101 || warnings[100].String() != "agentkeeper.yaml: 199 more warnings are not shown" {
		t.Errorf("%d warnings, the last %v", n, warnings[n-1])
	}
}

func TestPastHolidays(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{"d/1": "x", "d/2": "x", main: hq + `groups:
- name: g
  platform: hq
  schedule: {sign_in: '0 9 * * *', sign_out: '0 18 * * *', time_zone: UTC, holidays: [2025-12-31]}
  passwords_dir: d
  agents: [{login: '1', number: '1'}, {login: '2', number: '2'}]
`})
	equal(t, lines(c.PastHolidays(time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC))), []string(nil))
	equal(t, lines(c.PastHolidays(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))),
		[]string{"agentkeeper.yaml:5:13: the last of the schedule's holidays was 2025-12-31; add those to come"})
}
