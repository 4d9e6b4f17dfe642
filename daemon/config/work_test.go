package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"agentkeeper/session/work"
)

const busyHours = `sign_in: "0 9 * * *", sign_out: "0 18 * * *", time_zone: UTC`

// Each key of the nearest section counts, and a schedule's section while its shift
// runs.
func TestWork(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{"d/1": "x", "d/2": "x", "d/3": "x", "d/4": "x", "d/5": "x", "more.csv": "login,number\n5,15\n", main: `platforms:
  hq: {vendor: huawei, url: 'https://h', work: {wish: busy, code: 201, restore_limit: 3, restore: [phone]}}
groups:
  - name: g
    platform: hq
    passwords_dir: d
    schedule: {` + busyHours + `, work: {wish: ready}}
    work: {restore_after: 7s, code: "210"}
    agents:
      - {login: 1, number: 11}
      - {login: 2, number: 12, work: {wish: rest, wrap_up_max: 30s, restore: []}}
      - {login: 3, number: 13, schedule: {` + busyHours + `}}
      - {login: 4, number: 14, schedule: {` + busyHours + `, work: {wish: as_is}}, work: {restore_within: 24h}}
    agents_file: more.csv
`})
	off := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	phone := []work.Cause{work.Phone}
	busy := work.Policy{Wish: work.WishBusy, Code: "210", Restore: phone, After: 7 * time.Second, Limit: 3, Within: time.Hour}
	ready := busy
	rest := busy
	asIs := busy
	day := busy
	ready.Wish, ready.Code = work.WishReady, ""
	rest.Wish, rest.WrapUpMax = work.WishRest, 30*time.Second
	rest.Restore = []work.Cause{}
	restReady := rest
	restReady.Wish, restReady.Code = work.WishReady, ""
	day.Within = 24 * time.Hour
	asIs.Wish, asIs.Code = work.AsIs, ""
	asIs.Within = 24 * time.Hour
	for i, want := range []struct {
		off, on work.Policy
		turns   bool
	}{{busy, ready, true}, {rest, restReady, true}, {busy, busy, false}, {day, asIs, true}, {busy, ready, true}} {
		w := c.Agents[i].Work
		got, next := w.At(off)
		equal(t, got, want.off)
		if want.turns != next.Equal(off.Add(time.Hour)) || !w.Wishes() {
			t.Errorf("agent %d: the next policy comes at %v", i, next)
		}
		got, _ = w.At(off.Add(2 * time.Hour))
		equal(t, got, want.on)
	}
	if c.Agents[0].Work != c.Agents[4].Work {
		t.Error("agents without a section of their own do not share their group's")
	}
}

// Without a section nothing is kept, and everything has its default.
func TestNoWork(t *testing.T) {
	var w *Work
	if p, next := w.At(time.Now()); !next.IsZero() || w.Wishes() {
		t.Error(next)
	} else {
		equal(t, p, work.DefaultPolicy())
	}
	c, _ := mustLoad(t, map[string]string{"d/1": "x", main: hq + "groups: [{name: g, platform: hq, passwords_dir: d, work: {wish: as_is}, agents: [{login: 1, number: 11}]}]\n"})
	if c.Agents[0].Work.Wishes() {
		t.Error("as_is wishes something")
	}
	p, _ := c.Agents[0].Work.At(time.Now())
	equal(t, p, work.DefaultPolicy())
	c, _ = mustLoad(t, map[string]string{"d/1": "x", main: hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: 1, number: 11}]}]\n"})
	if c.Agents[0].Work != nil {
		t.Error("an agent without any section has one")
	}
}

// A mistake says where it is, once, and what to do.
func TestWorkMistakes(t *testing.T) {
	const two = "groups: [{name: g, platform: hq, passwords_dir: d, %s agents: [{login: 1, number: 11}, {login: 2, number: 12, %s}]}]\n"
	const plain = "platforms: {hq: {vendor: huawei, url: 'https://h', work: {%s}}}\n"
	const other = "platforms: {hq: {vendor: ecss, url: 'wss://h', %s}}\n"
	none := fmt.Sprintf(two, "", "")
	for _, test := range []struct{ name, text, want string }{
		{"a wish that a vendor cannot keep", fmt.Sprintf(other, "work: {wish: ready}") + none, "1:61: work: the vendor ecss has no documented way to set an agent's working state; leave wish out, or write as_is"},
		{"such a wish of a platform without agents", fmt.Sprintf(other, "work: {wish: ready}"), "1:61: work: the vendor ecss has no documented way"},
		{"such a wish of a group", fmt.Sprintf(other, "") + fmt.Sprintf(two, "work: {wish: rest},", ""), "2:65: work: the vendor ecss has no documented way"},
		{"such a wish of an agent", fmt.Sprintf(other, "") + fmt.Sprintf(two, "", "work: {wish: busy}"), "work: the vendor ecss has no documented way"},
		{"such a wish of a schedule", fmt.Sprintf(other, "") + fmt.Sprintf(two, "schedule: {"+busyHours+", work: {wish: ready}},", ""), "work: the vendor ecss has no documented way"},
		{"a vendor of which the rest is no mistake", fmt.Sprintf(other, "work: {wish: as_is, restore_limit: 3}") + none, ""},
		{"an unknown wish", fmt.Sprintf(plain, "wish: free") + none, "1:65: work.wish is none of its values; write one of as_is, ready, busy, rest"},
		{"a code of busy that there is not", fmt.Sprintf(plain, "wish: busy, code: 199") + none, "1:77: work: code is no reason for busy; write a number from 200 to 250"},
		{"a code of busy for a rest", fmt.Sprintf(plain, "wish: busy, code: 250") + fmt.Sprintf(two, "", "work: {wish: rest}"), ""},
		{"a code that does not fit an agent's wish", fmt.Sprintf(plain, "wish: rest, code: 7") + fmt.Sprintf(two, "", "work: {wish: busy}"), "1:77: work: code is no reason for busy"},
		{"a code that an agent's wish does not need", fmt.Sprintf(plain, "wish: rest, code: 7") + fmt.Sprintf(two, "", "work: {wish: ready}"), ""},
		{"a code beside ready", fmt.Sprintf(plain, "wish: ready, code: 7") + none, "1:78: work.code does nothing beside wish: ready; it goes with busy and rest"},
		{"an unknown cause", fmt.Sprintf(plain, "restore: [phone, inspector]") + none, "1:76: work.restore holds what is none of its values; write some of no_answer, rejected, phone"},
		{"a cause twice", fmt.Sprintf(plain, "restore: [phone, phone]") + none, "1:76: work.restore has phone twice; keep one"},
		{"a restore at once", fmt.Sprintf(plain, "restore_after: 999ms") + none, "1:74: work.restore_after is below 1s; write more"},
		{"a late restore", fmt.Sprintf(plain, "restore_after: 5m1s") + none, "work.restore_after is above 5m; write less"},
		{"restores over days", fmt.Sprintf(plain, "restore_within: 25h") + none, "work.restore_within is above 24h; write less"},
		{"no end of restores", fmt.Sprintf(plain, "restore_limit: 101") + none, "work.restore_limit is too large; write 100 or less"},
		{"a wrap-up of days", fmt.Sprintf(plain, "wrap_up_max: 24h1s") + none, "work.wrap_up_max is above 24h; write less"},
		{"a wrap-up in reverse", fmt.Sprintf(plain, "wrap_up_max: -1s") + none, "work.wrap_up_max is no duration; write for example 0s, 30s or 1m30s"},
		{"everything at its bound", fmt.Sprintf(plain, "restore_after: 1s, restore_limit: 100, restore_within: 24h, wrap_up_max: 24h") + none, ""},
		{"the other bounds", fmt.Sprintf(plain, "restore_after: 5m, restore_limit: 1, restore_within: 1ns, wrap_up_max: 0") + none, ""},
		{"no section", "platforms: {hq: {vendor: huawei, url: 'https://h', work: ready}}\n" + none, "1:58: work is a single value; write a mapping"},
		{"a key beside", fmt.Sprintf(plain, "limit: 3") + none, `1:59: unknown key "limit"; did you mean "restore_limit"?`},
	} {
		inDir(t, map[string]string{main: test.text, "d/1": "x", "d/2": "x"})
		_, warnings, err := load(t)
		said := lines(warnings)
		said = slices.DeleteFunc(said, func(s string) bool { return strings.Contains(s, "no agents") || strings.Contains(s, "no agent in") })
		if err != nil {
			said = problemLines(t, err)
		}
		if test.want == "" && len(said) > 0 {
			t.Errorf("%s: said %q", test.name, said)
		}
		if test.want != "" && (len(said) != 1 || !strings.Contains(said[0], test.want)) {
			t.Errorf("%s: said %q, want once %q", test.name, said, test.want)
		}
	}
}

// The table of keys has the defaults that the program uses without a section.
func TestWorkDefaults(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{"d/1": "x", main: hq + "groups: [{name: g, platform: hq, passwords_dir: d, work: {code: 7}, agents: [{login: 1, number: 11}]}]\n"})
	p, _ := c.Agents[0].Work.At(time.Now())
	equal(t, p, work.DefaultPolicy())
}
