package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"agentkeeper/vendors/trace"
)

// traced is a configuration of n agents whose log is.
func traced(log string, n int) map[string]string {
	var agents strings.Builder
	for i := range n {
		fmt.Fprintf(&agents, "{login: '%d', number: '%d'}, ", i+1, i+1)
	}
	files := map[string]string{main: "log: " + log + "\n" + hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents: [" + agents.String() + "]}]\n"}
	for i := range n {
		files[fmt.Sprintf("d/%d", i+1)] = "x"
	}
	return files
}

func TestTrace(t *testing.T) {
	inDir(t, traced("{trace: {agents: ['hq/1*', hq/2], for: 5m}}", 12))
	c, warnings, err := load(t)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if got := fmt.Sprint(c.Log.Trace.Agents, c.Log.Trace.For); got != "[hq/1 hq/10 hq/11 hq/12 hq/2] 5m0s" {
		t.Error(got)
	}
	inDir(t, traced("{trace: {agents: ['*']}}", trace.MostAgents))
	c, warnings, err = load(t)
	if err != nil || len(c.Log.Trace.Agents) != trace.MostAgents || c.Log.Trace.For != 10*time.Minute {
		t.Fatal(err, c.Log.Trace)
	}
	equal(t, lines(warnings), []string{main + ":1:23: log.trace.agents without for: after each start and reload these agents' exchange is written into the log for 10m0s; write for, and take the trace out when it is not needed"})
}

func TestTraceMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"{trace: {agents: [hq/3]}}":            `1:24: log.trace.agents: "hq/3" is no agent of this configuration; did you mean`,
		"{trace: {agents: ['pbx/*']}}":         `1:24: log.trace.agents: "pbx/*" is no agent of this configuration; correct it or take it out`,
		"{trace: {agents: ['*']}}":             "1:23: log.trace.agents are 51 agents; 50 at most can be traced at once",
		"{trace: {agents: [hq/1], for: 61m}}":  "1:36: log.trace.for is longer than 1h0m0s",
		"{trace: {for: 1m}}":                   "log.trace",
		"{trace: {agents: [{a: b}], for: 1m}}": "1:24: log.trace.agents is no agent's name",
		"{trace: {agent: hq/1}}":               "did you mean",
	} {
		n := 2
		if strings.Contains(text, "'*'") {
			n = trace.MostAgents + 1
		}
		inDir(t, traced(text, n))
		_, _, err := load(t)
		if said := problemLines(t, err); len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("%s\n got %q\nwant %s", text, said, want)
		}
	}
}

func TestOrigins(t *testing.T) {
	inDir(t, map[string]string{main: "cors_origins: ['https://Board.example.com', 'http://10.0.0.7:8080/', 'https://b:443', 'http://[::1]:3000']\n" + hq})
	c, _, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, c.CORSOrigins, []string{"https://board.example.com", "http://10.0.0.7:8080", "https://b", "http://[::1]:3000"})
	many := strings.Repeat("'https://b', ", maxOrigins+1)
	for _, wrong := range []string{"['*']", "['null']", "[board.example.com]", "['https://b/path']", "['https://u:p@b']", "['ftp://b']", "['https://b?x']", "[" + many + "]"} {
		inDir(t, map[string]string{main: "cors_origins: " + wrong + "\n" + hq})
		if _, _, err := load(t); len(problemLines(t, err)) != 1 {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
