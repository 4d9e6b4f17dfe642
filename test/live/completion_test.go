package live

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inBash completes a line and prints what bash would put in the place of its
// last word.
const inBash = `
source <(agentkeeper completion bash)
COMP_WORDBREAKS=$' \t\n"\'@><=;|&(:'
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(agentkeeper) COMP_CWORD=1
_agentkeeper
printf '%s\n' "${COMPREPLY[@]}"
`

// tool returns where a program is, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: run test/install.sh", name)
	}
	return path
}

// TestBashCompletion completes commands, flags, values and names of agents,
// those with characters at which bash ends words too.
func TestBashCompletion(t *testing.T) {
	t.Parallel()
	bash := tool(t, "bash")
	names := []string{"bot1@demo", "bot2@demo", "a:b"}
	s := newSite(t, simulate(t, "runtel", names), names)
	writeFile(t, filepath.Join(s.dir, "secrets", "hook"), signingKey)
	hook := ", url: 'http://127.0.0.1:1/', secret_file: secrets/hook}"
	s.top = []string{"events:\n  webhooks:\n  - {name: crm" + hook + "\n  - {name: bi" + hook}
	s.write()
	k := s.run()
	for line, want := range map[string]string{
		"agentkeeper webhooks ":                    "resume skip",
		"agentkeeper webhooks resume ":             "bi crm",
		"agentkeeper webhooks resume crm --reason": "--reason",
		"agentkeeper consumers ":                   "remove",
		"agentkeeper quarantine ":                  "end",
		"agentkeeper trace hq/bot":                 "hq/bot1@demo hq/bot2@demo",
		"agentkeeper trace hq/a:b --l":             "--log-only",
		"agentkeeper quarantine end x --r":         "--reason",
		"agentkeeper consumers remove x y --r":     "--reason",
		"agentkeeper command hq/bot":               "hq/bot1@demo hq/bot2@demo",
		"agentkeeper command hq/a:b --do re":       "ready reject release rest",
		"agentkeeper command hq/a:b --method P":    "POST PUT",
		"agentkeeper st":                           "status",
		"agentkeeper sign":                         "sign-in sign-out",
		"agentkeeper explain hq/b":                 "hq/bot1@demo hq/bot2@demo",
		"agentkeeper explain hq/bot1@":             "demo",
		"agentkeeper explain hq/a:":                "b",
		"agentkeeper pause hq/bot1@demo hq/bot":    "hq/bot2@demo",
		"agentkeeper pause hq/a:b --wait hq/bot1":  "hq/bot1@demo",
		"agentkeeper status --platform ":           "hq",
		"agentkeeper status --group=b":             "bots",
		"agentkeeper status --state p":             "parked",
		"agentkeeper status --work not":            "not_ready",
		"agentkeeper work r":                       "ready rest",
		"agentkeeper work ready hq/bot1":           "hq/bot1@demo",
		"agentkeeper status -o ":                   "json table",
		"agentkeeper sign-in --reas":               "--reason",
		"agentkeeper sign-in --reason ":            "",
		"agentkeeper check -c " + s.dir + "/agent": s.path(),
		"agentkeeper completion z":                 "zsh",
		"agentkeeper nonsense ":                    "",
		"agentkeeper explain --control /no/where ": "",
	} {
		cmd := exec.Command(bash, "--norc", "-c", inBash, "bash", line)
		cmd.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "AGENTKEEPER_CONTROL="+k.socket())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got := strings.Fields(string(out))
		if strings.Join(slices.Sorted(slices.Values(got)), " ") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// TestOtherShells has zsh and fish read their scripts, and fish complete.
func TestOtherShells(t *testing.T) {
	t.Parallel()
	env := append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
	for shell, tt := range map[string][]string{
		"zsh":  {"-f", "-c", `autoload -U compinit; compinit -u -D; source <(agentkeeper completion zsh); print $_comps[agentkeeper]`, "_agentkeeper"},
		"fish": {"--no-config", "-c", `agentkeeper completion fish | source; complete -C "agentkeeper sign-o"`, "sign-out\tSign agents out, until the schedule's next change."},
	} {
		t.Run(shell, func(t *testing.T) {
			cmd := exec.Command(tool(t, shell), tt[:len(tt)-1]...)
			cmd.Env = env
			out, err := cmd.CombinedOutput()
			if err != nil || strings.TrimSpace(string(out)) != tt[len(tt)-1] {
				t.Errorf("%v: %q, want %q", err, out, tt[len(tt)-1])
			}
		})
	}
}

// TestManualPages formats every page without a warning; each command is there.
func TestManualPages(t *testing.T) {
	t.Parallel()
	groff := tool(t, "groff")
	dir := t.TempDir()
	finished(t, "agentkeeper", "man", "--dir", dir).wantCode(patience, 0)
	pages, err := filepath.Glob(filepath.Join(dir, "man?", "*"))
	if err != nil || len(pages) < 15 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		cmd := exec.Command(groff, "-man", "-Tascii", "-P-cbu", "-ww", page)
		var warned output
		cmd.Stderr = &warned
		text, err := cmd.Output()
		if err != nil || warned.String() != "" {
			t.Errorf("%s: %v %s", page, err, warned.String())
		}
		if !strings.Contains(string(text), "SEE ALSO") {
			t.Errorf("%s:\n%s", page, text)
		}
	}
	all := finished(t, "agentkeeper", "man").out.String()
	for _, page := range pages {
		name, ok := strings.CutPrefix(strings.TrimSuffix(filepath.Base(page), ".1"), "agentkeeper-")
		if ok && !strings.Contains(all, fmt.Sprintf(".TP\n.B \"%s\"\n", strings.ReplaceAll(name, "-", `\-`))) {
			t.Errorf("agentkeeper(8) lacks %s", name)
		}
	}
}
