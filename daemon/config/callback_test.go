package config

import (
	"os"
	"strings"
	"testing"

	"agentkeeper/session"
	"agentkeeper/test/sim"
)

const callbackLine = "callback: {listen: ':9466', cert_file: good.pem, key_file: good-key.pem}\n"

// pushing is a configuration whose one agent's events are pushed.
func pushing(section, url string) string {
	return section + "platforms: {hq: {vendor: huawei, url: 'https://h'}}\ngroups:\n- name: g\n  platform: hq\n  passwords_dir: d\n" +
		"  options: {events: push, service_token_file: token, callback_url: '" + url + "'}\n  agents: [{login: '1', number: '2'}, {login: '2', number: '3'}]\n"
}

func inCallbackDir(t *testing.T, text string) {
	t.Helper()
	inDir(t, map[string]string{main: text, "d/1": "x", "d/2": "x", "token": "abc-1\n", "long": strings.Repeat("t", 51), "empty": ""})
	ca, err := sim.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Write("."); err != nil {
		t.Fatal(err)
	}
}

func TestCallback(t *testing.T) {
	inCallbackDir(t, pushing(callbackLine, "https://keeper:9466/callback/hq"))
	c, warnings, err := Load(main)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, lines(warnings))
	}
	equal(t, c.Callback, Callback{Listen: ":9466", CertFile: "good.pem", KeyFile: "good-key.pem"})
	for _, a := range c.Agents {
		if a.Token != session.NewSecret("abc-1") || a.TokenSource.Path != "token" || a.TokenSource.Key != "service_token_file" {
			t.Errorf("%v: %+v", a.ID, a.TokenSource)
		}
		fresh, err := a.TokenSource.Read()
		if err != nil || fresh != a.Token {
			t.Errorf("read again: %v", err)
		}
	}
}

// The path of a token is relative to the file that names it.
func TestTokenInACSV(t *testing.T) {
	inCallbackDir(t, "")
	if err := os.MkdirAll("list", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		main: callbackLine + "platforms: {hq: {vendor: huawei, url: 'https://h', options: {events: push, callback_url: 'https://k/callback/hq'}}}\n" +
			"groups:\n- {name: g, platform: hq, passwords_dir: d, agents_file: list/bots.csv}\n",
		"list/bots.csv": "login,number,service_token_file\n1,2,mine\n", "list/mine": "of-1",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, _, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	if a := c.Agents[0]; a.Token != session.NewSecret("of-1") || a.TokenSource.Path != "list/mine" {
		t.Errorf("%+v", a.TokenSource)
	}
}

func TestCallbackMistakes(t *testing.T) {
	good := pushing(callbackLine, "https://keeper:9466/callback/hq")
	for name, tt := range map[string]struct{ text, wrong, warned string }{
		"no section":   {text: pushing("", "https://k/callback/hq"), wrong: "6:68: a callback needs the section callback"},
		"no key pair":  {text: pushing("callback: {listen: ':9466'}\n", "https://k/callback/hq"), wrong: "1:20: callback.listen needs cert_file and key_file"},
		"no address":   {text: pushing("callback: {listen: '9466', plain_http: true}\n", "https://k/callback/hq"), wrong: "1:20: callback.listen is no address"},
		"both":         {text: pushing(strings.Replace(callbackLine, "}", ", plain_http: true}", 1), "https://k/callback/hq"), wrong: "callback.plain_http is true beside a certificate"},
		"no such file": {text: strings.Replace(good, "good.pem", "none.pem", 1), wrong: "1:40: callback.cert_file none.pem: "},
		"no pair":      {text: strings.Replace(good, "good-key.pem", "expired-key.pem", 1), wrong: "callback.cert_file and key_file are no certificate in PEM form"},
		"token long":   {text: strings.Replace(good, "file: token", "file: long", 1), wrong: "service_token_file long: 51 characters, the platform takes at most 50"},
		"token empty":  {text: strings.Replace(good, "file: token", "file: empty", 1), wrong: "service_token_file empty: the secret is empty"},
		"no token":     {text: strings.Replace(good, "file: token", "file: nowhere", 1), wrong: "service_token_file nowhere: "},
		"only poll":    {text: strings.Replace(good, "events: push, ", "", 1), wrong: "\"callback_url\" belongs to events: push"},
		"plain":        {text: pushing("callback: {listen: ':9466', plain_http: true}\n", "http://k/callback/hq"), warned: "1:41: callback.plain_http lets anybody in between read events"},
		"plain url":    {text: pushing(callbackLine, "http://k/callback/hq"), warned: "7:68: the callback by http:// sends events"},
		"other path":   {text: pushing(callbackLine, "https://k/events/other"), warned: "the callback's path does not end with /callback/hq"},
		"nobody":       {text: callbackLine + oneOf + "  - {login: '1', number: '2'}\n", warned: "callback.listen is set, and no agent's platform is told"},
	} {
		t.Run(name, func(t *testing.T) {
			inCallbackDir(t, tt.text)
			_, warnings, err := Load(main)
			wrong, warned := strings.Join(problemLines(t, err), "\n"), strings.Join(lines(warnings), "\n")
			if !strings.Contains(wrong, tt.wrong) || (tt.wrong == "" && wrong != "") || !strings.Contains(warned, tt.warned) {
				t.Errorf("wrong:\n%s\nwarned:\n%s", wrong, warned)
			}
			if strings.Count(wrong, tt.wrong) > 1 && tt.wrong != "" {
				t.Errorf("said more than once:\n%s", wrong)
			}
			if strings.Contains(wrong+warned, "ttttt") || strings.Contains(wrong+warned, "abc-1") {
				t.Error("a token is told")
			}
		})
	}
}
