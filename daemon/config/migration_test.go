package config

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The manual's way from a contact centre's export to agents works as written.
func TestMigrationInTheManual(t *testing.T) {
	for _, tool := range []string{"iconv", "python3", "shred"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("this machine has no %s, which the manual's script needs", tool)
		}
	}
	manual, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(manual), "### Bring a list from a contact centre")
	_, export, _ := strings.Cut(chapter, "```text\n")
	export, rest, _ := strings.Cut(export, "```")
	_, script, _ := strings.Cut(rest, "```sh\n")
	script, _, _ = strings.Cut(script, "```")
	script, _, found := strings.Cut(script, "agentkeeper check")
	if !found {
		t.Fatal("the script does not end with a check")
	}
	inDir(t, map[string]string{"export.utf8": export, main: `stop_timeout: 1m
platforms: {hq: {vendor: huawei, url: "https://10.0.0.5:8043"}}
groups: [{name: bots, platform: hq, passwords_dir: secrets/hq, agents_file: bots.csv}]
`})
	run(t, "iconv -f UTF-8 -t CP1251 export.utf8 > export.csv\n"+script)
	c, warnings, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, lines(warnings), []string(nil))
	if len(c.Agents) != 1 || c.Agents[0].ID.Login != "291" || c.Agents[0].Number != "40038" || c.Agents[0].Password.Reveal() != `q;W"1` {
		t.Errorf("%+v", c.Agents)
	}
}

func run(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
