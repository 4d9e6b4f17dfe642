package config

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"agentkeeper/daemon/shift"
	"agentkeeper/vendors/option"
)

// placed fails unless every problem is one line with a place in the text.
func placed(t *testing.T, problems []option.Problem, texts ...string) {
	t.Helper()
	highest := 1
	for _, text := range texts {
		highest = max(highest, strings.Count(text, "\n")+1+strings.Count(text, "\r")+strings.Count(text, "\u0085"))
	}
	for _, p := range problems {
		if p.Pos.File == "" || p.Pos.Line < 1 || p.Pos.Line > highest || p.Pos.Col < 1 {
			t.Errorf("no place in a text of %d lines: %s", highest, p)
		}
		if strings.ContainsAny(p.String(), "\r\n") || p.Text == "" {
			t.Errorf("not one line: %q", p.Text)
		}
	}
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		"", "{}", withCSV, oneOf + "  - {login: '1', number: '2'}\n", "a: &a [*a]\n", "<<: &x {<<: *x}\n",
		"platforms: &p\n  hq: &h {<<: *p, vendor: huawei}\n  b: *h\n",
		"platforms:\n  hq:\n    vendor: ecss\n    url: wss://h\n    options: {skills: [1, 2], hold: 5s}\n",
		hq + "groups:\n- {name: g, platform: hq, schedule: {sign_in: '0 9 * * *', sign_out: '0 18 * * *', holidays: [2026-12-31]}}\n",
		hq + "groups:\n- {name: g, platform: hq, schedule: {sign_in: ['0 9 * * 1-5', '0 10 * * sat'], sign_out: ['0 18 * * *'], workdays: [2027-01-16: fri, 2026-12-27, 2027-01-17: 7]}}\n",
		"events: {max_bytes: 1GiB, max_age: 1h}\n---\n", "\ufeff{}", "%YAML 1.2\n---\n{}\n", "? [a]\n: b\n",
	} {
		f.Add(seed)
	}
	schema := compiled(f, schemaOf(testVendors()))
	f.Fuzz(func(t *testing.T, text string) {
		l := newLoader(main, []Option{WithVendors(testVendors())})
		l.decode(main, []byte(text))
		// A tag changes the type of what is written, an anchor may hold itself.
		if len(l.Problems) == 0 && !strings.ContainsAny(text, "!&") {
			if err := schema.Validate(plain(t, text)); err != nil {
				t.Errorf("the decoder takes what the schema refuses: %v", err)
			}
		}
		placed(t, l.Problems, text)
		placed(t, l.Warnings, text)
		for _, a := range l.config.Agents {
			if len(l.Problems) == 0 && (a.ID.Login == "" || a.Password.IsZero() || a.Options == nil) {
				t.Errorf("no problem, and no agent: %+v", a)
			}
		}
	})
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{
		"", "login,number\n1,2\n", "login;number;status\r\n1;2;3\r\n", "\ufefflogin\n1\n", "login,password\n1,x\n",
		"login,number\n\"1,2\n", "login\n\n,\n", "login,hold\n1,5m\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := newLoader(main, []Option{WithVendors(testVendors())})
		l.decode(main, []byte(hq))
		g := &group{Group: Group{Name: "g", Platform: "hq"}, place: l.places["hq"], options: option.Set{}}
		l.readAgents(g, agentsList{path: "bots.csv"}, []byte(text))
		placed(t, l.Problems, text)
	})
}

func FuzzCron(f *testing.F) {
	for _, seed := range []string{"", "0 9 * * 1-5", "0 9 30 2 *", "*/5 * * * *", "@every 1h", "TZ=X 0 9 * * *", "60 * * * *", "0 0 29 2 */2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		said := sayings(schedule("sign_in: " + strconv.Quote(text) + ", sign_out: '0 18 * * *'"))
		list := sayings(schedule("sign_in: ['0 10 * * 6', " + strconv.Quote(text) + "], sign_out: '0 18 * * *'"))
		if strings.Contains(said, "sign_in is") != strings.Contains(list, "sign_in is") {
			t.Errorf("%q alone: %s, in a list: %s", text, said, list)
		}
		if good := shift.Fires(text) == nil; good && strings.Contains(said, "sign_in is no") {
			t.Errorf("%q: %s", text, said)
		}
	})
}

func FuzzURL(f *testing.F) {
	for _, seed := range []string{"https://h:1", "https://[::1]:8043/", "https://u:p@h", "https://h:99999", "://", "https://h/%zz", "https:h", "https://:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, why := parseURL(text, []string{"https", "http"})
		if (u == nil) == (why == "") {
			t.Fatalf("%q: %v, %q", text, u, why)
		}
		if u != nil && (u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "") {
			t.Errorf("%q was let pass as %v", text, u)
		}
	})
}

// What isFileName lets pass stays in its directory.
func FuzzFileName(f *testing.F) {
	for _, seed := range []string{"291", "..", ".", "a/b", "../x", "", "\x00", "a..b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if isFileName(name) && filepath.Dir(filepath.Join("dir", name)) != "dir" {
			t.Errorf("%q leaves the directory", name)
		}
	})
}
