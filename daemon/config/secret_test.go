package config

import (
	"fmt"
	"strings"
	"testing"
)

// What an editor or a shell did to a secret is told before it is sent, without
// repeating any of it.
func TestOddSecrets(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"plain", "zq7canary\n", ""},
		{"a blank within", "zq7 canary\n", ""},
		{"letters of other languages", "zq7пароль\n", ""},
		{"a byte order mark", "\ufeffzq7canary\r\n", ""},
		{"UTF-16 of PowerShell", "\xff\xfez\x00q\x007\x00c\x00a\x00n\x00a\x00r\x00y\x00\r\x00\n\x00", "looks like UTF-16"},
		{"UTF-16, big end first", "\xfe\xff\x00z\x00q\x007", "looks like UTF-16"},
		{"UTF-16 without a mark", "z\x00q\x007\x00", "looks like UTF-16"},
		{"CP1251", "zq7canary\xef\xe0\xf0\n", "is no UTF-8"},
		{"a second newline", "zq7canary\n\n", "ends with a second newline"},
		{"a second newline of Windows", "zq7canary\r\n\r\n", "ends with a second newline"},
		{"a blank before", " zq7canary\n", "begins or ends with a blank"},
		{"a blank behind", "zq7canary \n", "begins or ends with a blank"},
		{"a tab behind", "zq7canary\t", "begins or ends with a blank"},
		{"a bare CR", "zq7canary\r", "begins or ends with a blank"},
		{"two lines", "zq7canary\nzq7canary\n", "has several lines"},
		{"blanks only", "  \n", "nothing but blanks"},
		{"a byte order mark within", "zq7\ufeffcanary", "byte order mark within"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, warnings := mustLoad(t, map[string]string{"d/1": test.text, main: hq +
				"groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n"})
			got := strings.Join(lines(warnings), "\n")
			if (test.want == "" && got != "") || !strings.Contains(got, test.want) || len(warnings) > 1 {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if strings.Contains(got, "zq7") {
				t.Error(got)
			}
			advice := c.Agents[0].Source.Advice(c.Agents[0].Password)
			if (advice == "") != (test.want == "") || !strings.Contains(advice, test.want) {
				t.Errorf("advice %q, want %q", advice, test.want)
			}
		})
	}
}

// A directory of files that one script wrote is one warning.
func TestOddSecretsOfADirectory(t *testing.T) {
	files, agents := map[string]string{}, ""
	for i := range 40 {
		files[fmt.Sprintf("d/%d", i)] = "x\n\n"
		agents += fmt.Sprintf("  - {login: '%d', number: '1%d'}\n", i, i)
	}
	files[main] = oneOf + agents
	_, warnings := mustLoad(t, files)
	equal(t, lines(warnings), []string{"agentkeeper.yaml:7:5: passwords_dir d, the file named as this login: the secret ends with a second newline, which is sent with it; remove the empty line (and 39 more like it: line 8, 9, 10, 11, 12 …)"})
}

// A secret that cannot be read is a mistake, and no odd one.
func TestUnreadSecretIsNotOdd(t *testing.T) {
	inDir(t, map[string]string{"d/2": "x", main: oneOf + "  - {login: '1', number: '1'}\n"})
	_, warnings, err := load(t)
	equal(t, lines(warnings), []string(nil))
	equal(t, len(problemLines(t, err)), 1)
}

// Webhooks' secrets and the tokens of users are secrets as well.
func TestOddSecretsOfOthers(t *testing.T) {
	_, warnings := mustLoad(t, map[string]string{"d/1": "x", "w": strings.Repeat("x", 32) + " \n", "t": " t\n", main: hq +
		"events: {listen: 'localhost:1', users: [{name: a, token_file: t}], webhooks: [{url: 'https://h', secret_file: w}]}\n" +
		"groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n"})
	got := strings.Join(lines(warnings), "\n")
	for _, want := range []string{"password_file t: the secret begins", "secret_file w: the secret begins"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}
