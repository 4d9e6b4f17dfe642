package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
)

// decodedOptions is what the tests' vendor decodes to.
type decodedOptions struct {
	Status int
	Hold   time.Duration
	Skills []string
}

// testVendors is a table with one vendor of each shape.
func testVendors() map[string]vendors.Vendor {
	specs := []option.Spec{
		{Name: "status", Kind: option.Int, Default: "4", Min: 3, Max: 5},
		{Name: "hold", Kind: option.Duration, Default: "10s"},
		{Name: "skills", Kind: option.List, Default: "all"},
		{Name: "taken", Kind: option.String, Default: "wait", Enum: []string{"wait", "force"}},
	}
	seated := vendors.Vendor{
		Options: specs, NeedsNumber: true, Schemes: []string{"https", "http"},
		Window: func(option.Set) time.Duration { return 2 * time.Minute },
		Decode: func(set option.Set, window time.Duration) (any, session.Terms, []option.Problem) {
			r := option.Read(set, specs)
			o := decodedOptions{r.Int("status"), r.Duration("hold"), r.List("skills")}
			if o.Hold >= window {
				r.Problem("hold", "hold is not below the window; lower it")
			}
			return o, session.Terms{Force: r.String("taken") == "force"}, r.Problems()
		},
	}
	free := seated
	seated.WrongWish = vendors.Table["huawei"].WrongWish
	free.NeedsNumber, free.Schemes = false, []string{"wss", "ws"}
	free.WrongLogin = func(login string) string {
		if login == "impossible" {
			return "is no operator's; write one"
		}
		return ""
	}
	free.Window = func(set option.Set) time.Duration { return 3 * option.Read(set, specs).Duration("hold") }
	return map[string]vendors.Vendor{"huawei": seated, "ecss": free}
}

const main = "agentkeeper.yaml"

// inDir makes a fresh working directory with these files, all 0600, so that
// names in messages are short.
func inDir(t testing.TB, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func load(t testing.TB) (*Config, []option.Problem, error) {
	t.Helper()
	return Load(main, WithVendors(testVendors()))
}

func mustLoad(t testing.TB, files map[string]string) (*Config, []option.Problem) {
	t.Helper()
	inDir(t, files)
	c, warnings, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	// What the decoder takes the schema takes.
	if err := compiled(t, schemaOf(testVendors())).Validate(plain(t, files[main])); err != nil {
		t.Error(err)
	}
	return c, warnings
}

func lines(problems []option.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

// problemLines returns err's lines, after checking that it is a Problems.
func problemLines(t testing.TB, err error) []string {
	t.Helper()
	var problems Problems
	if err == nil {
		return nil
	}
	if !errors.As(err, &problems) {
		t.Fatalf("error is %T, want Problems", err)
	}
	return strings.Split(err.Error(), "\n")
}

func TestMissingConfiguration(t *testing.T) {
	inDir(t, nil)
	_, _, err := load(t)
	want := "agentkeeper.yaml: the configuration cannot be read: no such file or directory; create it or correct the path"
	if got := problemLines(t, err); len(got) != 1 || got[0] != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestSourceRead(t *testing.T) {
	for _, test := range []struct{ name, text, want, wrong string }{
		{name: "plain", text: "x1", want: "x1"},
		{name: "one newline is dropped", text: "x1\n", want: "x1"},
		{name: "one CRLF is dropped", text: "x1\r\n", want: "x1"},
		{name: "a second newline stays", text: "x1\n\n", want: "x1\n"},
		{name: "a bare CR stays", text: "x1\r", want: "x1\r"},
		{name: "a byte order mark is dropped", text: "\ufeffx1\r\n", want: "x1"},
		{name: "a byte order mark only", text: "\ufeff\n", wrong: "password_file secret: the secret is empty; write it there"},
		{name: "spaces stay", text: " x 1 \n", want: " x 1 "},
		{name: "empty", text: "", wrong: "password_file secret: the secret is empty; write it there"},
		{name: "newline only", text: "\n", wrong: "password_file secret: the secret is empty; write it there"},
		{name: "as large as may be", text: strings.Repeat("x", maxSecret), want: strings.Repeat("x", maxSecret)},
		{name: "too large", text: strings.Repeat("x", maxSecret+1), wrong: "password_file secret: larger than 65536 bytes; is it the right file?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inDir(t, map[string]string{"secret": test.text})
			got, err := Source{Key: keyFile, Path: "secret"}.Read()
			if test.wrong != "" {
				if err == nil || err.Error() != test.wrong {
					t.Errorf("error %v, want %s", err, test.wrong)
				}
			} else if err != nil || got.Reveal() != test.want {
				t.Errorf("got %q, %v, want %q", got.Reveal(), err, test.want)
			}
		})
	}
}

// Who may not read the secrets can read the rest.
func TestWithoutSecrets(t *testing.T) {
	inDir(t, map[string]string{main: hq + `groups:
- {name: a, platform: hq, passwords_dir: nowhere, agents: [{login: "1", number: "1"}]}
- {name: b, platform: hq, agents: [{login: "2", number: "2", password_credential: none}, {login: "3", number: "3", password_file: none}]}
`})
	c, _, err := Load(main, WithVendors(testVendors()), WithoutSecrets())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Agents) != 3 || !c.Agents[0].Password.IsZero() {
		t.Errorf("%+v", c.Agents)
	}
}

func TestSourceReadAgain(t *testing.T) {
	c, _ := mustLoad(t, map[string]string{"pw": "old\n", main: `
platforms: {hq: {vendor: huawei, url: "https://h:1"}}
groups: [{name: g, platform: hq, agents: [{login: "1", number: "2", password_file: pw}]}]
`})
	if err := os.WriteFile("pw", []byte("new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Agents[0].Source.Read(); err != nil || got.Reveal() != "new" {
		t.Errorf("got %q, %v, want new", got.Reveal(), err)
	}
	if got := c.Agents[0].Password.Reveal(); got != "old" {
		t.Errorf("Password is %q, want what Load read", got)
	}
	if err := os.Remove("pw"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Agents[0].Source.Read(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

func TestSourceStringHoldsNoSecret(t *testing.T) {
	for _, test := range []struct {
		source Source
		want   string
	}{
		{Source{Key: keyFile, Path: "/x"}, "password_file /x"},
		{Source{Key: keyEnv, Name: "X"}, "password_env X"},
		{Source{Key: keyInline, Inline: session.NewSecret("hunter2")}, "password"},
	} {
		if got := test.source.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	const platform = `platforms: {hq: {vendor: huawei, url: "https://h:1"}}` + "\n"
	for _, test := range []struct {
		name, text string
		open       []string // files that others may read
		want       []string
	}{
		{name: "empty fleet", text: "platforms: {}\n",
			want: []string{"agentkeeper.yaml:1:1: there is no agent in this configuration; nothing will be signed in"}},
		{name: "nothing at all", text: "{}\n",
			want: []string{"agentkeeper.yaml:1:1: there is no agent in this configuration; nothing will be signed in"}},
		{name: "group without agents", text: platform + "groups:\n  - {name: a, platform: hq}\n" +
			"  - {name: b, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}\n",
			want: []string{`agentkeeper.yaml:3:5: group "a" has no agents`}},
		{name: "plain addresses and tls without use", text: "platforms:\n  a: {vendor: huawei, url: 'http://h', tls: {server_name: x}}\n" +
			"  b:\n    vendor: ecss\n    url: ws://h\n  c:\n    vendor: ecss\n    url: wss://h\n    tls:\n      insecure_skip_verify: true\n      legacy: true\n" +
			"groups: [{name: b, platform: a, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n",
			want: []string{
				"agentkeeper.yaml:2:28: http:// sends passwords in clear text; use https:// where the platform offers it",
				"agentkeeper.yaml:2:45: platforms.a.tls has no effect with http://; remove it",
				`agentkeeper.yaml:3:3: platform "b" has no agents`,
				"agentkeeper.yaml:5:10: ws:// sends passwords in clear text; use wss:// where the platform offers it",
				`agentkeeper.yaml:6:3: platform "c" has no agents`,
				"agentkeeper.yaml:10:29: platforms.c.tls.insecure_skip_verify lets anybody in between read the passwords; set ca_file or pin_sha256 instead",
				"agentkeeper.yaml:11:15: platforms.c.tls.legacy lets whoever is in between break the encryption and read the passwords; have the server brought up to date instead",
			}},
		{name: "exposed secrets", open: []string{"d/1", "d/2", main, "x"}, text: platform + "allow_inline_secrets: true\n" +
			"groups:\n- name: b\n  platform: hq\n  passwords_dir: d\n  agents:\n  - {login: '1', number: '1'}\n  - {login: '2', number: '2'}\n" +
			"  - {login: '3', number: '3', password_file: x}\n  - {login: '4', number: '4', password: y}\n",
			want: []string{
				"agentkeeper.yaml:8:5: d/1 and 1 more files beside it can be read by other users (mode 0644); chmod 0600",
				"agentkeeper.yaml:10:46: x can be read by other users (mode 0644); chmod 0600",
				"agentkeeper.yaml:11:41: agentkeeper.yaml holds passwords and can be read by other users (mode 0644); chmod 0600",
				"agentkeeper.yaml:11:41: agentkeeper.yaml holds passwords itself (1), and so does every copy and backup of it; password_file or passwords_dir keep them apart",
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inDir(t, map[string]string{main: test.text, "d/1": "p", "d/2": "p", "x": "p"})
			for _, file := range test.open {
				if err := os.Chmod(file, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, warnings, err := load(t)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, lines(warnings), test.want)
		})
	}
}
