package main

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/view"
)

// parsed returns the grammar after a command line was read.
func parsed(t *testing.T, args ...string) (*cli, error) {
	t.Helper()
	var c cli
	parser, err := kong.New(&c, kong.Name("agentkeeper"), kong.Exit(func(int) { t.Fatal("it exits") }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &c, err
}

func TestWaitFlag(t *testing.T) {
	tests := []struct {
		args   []string
		want   waitFlag
		agents []string
		fails  bool
	}{
		{[]string{"--wait", "hq/1"}, waitFlag{on: true}, []string{"hq/1"}, false},
		{[]string{"hq/1", "--wait"}, waitFlag{on: true}, []string{"hq/1"}, false},
		{[]string{"--wait", "30s", "hq/1"}, waitFlag{true, 30 * time.Second}, []string{"hq/1"}, false},
		{[]string{"--wait=2m", "hq/1"}, waitFlag{true, 2 * time.Minute}, []string{"hq/1"}, false},
		{[]string{"--wait", "--yes", "hq/1"}, waitFlag{on: true}, []string{"hq/1"}, false},
		{[]string{"hq/1"}, waitFlag{}, []string{"hq/1"}, false},
		{[]string{"--wait=soon", "hq/1"}, waitFlag{}, nil, true},
		{[]string{"--wait", "-5s", "hq/1"}, waitFlag{}, nil, true},
		{[]string{"--wait=0s", "hq/1"}, waitFlag{}, nil, true},
	}
	for _, tt := range tests {
		c, err := parsed(t, append([]string{"sign-in", "--reason", "x"}, tt.args...)...)
		if (err != nil) != tt.fails {
			t.Errorf("%v: %v", tt.args, err)
			continue
		}
		if !tt.fails && (c.SignIn.Wait != tt.want || !cmp.Equal(c.SignIn.Agents, tt.agents)) {
			t.Errorf("%v: %+v %v", tt.args, c.SignIn.Wait, c.SignIn.Agents)
		}
	}
}

func some5() []view.Agent {
	var all []view.Agent
	for _, a := range [][3]string{{"hq/291", "hq", "bots"}, {"hq/292", "hq", "bots"}, {"hq/301", "hq", "people"}, {"pbx/101", "pbx", "seats"}, {"pbx/1*", "pbx", "seats"}} {
		all = append(all, view.Agent{Identity: view.Identity{ID: a[0], Platform: a[1], Group: a[2]}})
	}
	return all
}

func TestChoose(t *testing.T) {
	tests := []struct {
		s    selection
		want []string
		err  string
	}{
		{selection{All: true}, []string{"hq/291", "hq/292", "hq/301", "pbx/101", "pbx/1*"}, ""},
		{selection{Agents: []string{"hq/292", "hq/291"}}, []string{"hq/291", "hq/292"}, ""},
		{selection{Agents: []string{"hq/29*", "pbx/101"}}, []string{"hq/291", "hq/292", "pbx/101"}, ""},
		{selection{Group: "bots"}, []string{"hq/291", "hq/292"}, ""},
		{selection{Platform: "hq", Agents: []string{"*1"}}, []string{"hq/291", "hq/301"}, ""},
		{selection{Platform: "pbx", Group: "bots"}, nil, "no agent is all of that"},
		{selection{Group: "bot"}, nil, "no such group: bot; did you mean bots? (there are: bots, people, seats)"},
		{selection{Agents: []string{"hq/29l"}}, nil, "no such agent: hq/29l; did you mean hq/291 or hq/292"},
		{selection{Agents: []string{"x*"}}, nil, "no agent's name is like x*"},
		{selection{Agents: []string{"hq/291", "hq/2"}}, nil, "no such agent: hq/2;"},
		{selection{}, nil, "for which agents?"},
		{selection{All: true, Agents: []string{"hq/291"}}, nil, "--all and hq/291 together"},
	}
	for _, tt := range tests {
		err := tt.s.check()
		var chosen []view.Agent
		if err == nil {
			chosen, err = tt.s.choose(some5())
		}
		var got []string
		for _, a := range chosen {
			got = append(got, a.ID)
		}
		if !cmp.Equal(got, tt.want) || (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %v, %v; want %v, %q", tt.s, got, err, tt.want, tt.err)
		}
	}
}

func TestExitCodes(t *testing.T) {
	later, failed := &exit{exitTryLater, errors.New("later")}, errors.New("failed")
	tests := []struct {
		err  error
		want int
		text string
	}{
		{nil, 0, ""},
		{failed, 1, "agentkeeper: failed\n"},
		{&exit{3, nil}, 3, ""},
		{together(later, failed), 1, ""},
		{together(failed, later), 1, ""},
		{together(later, nil), 75, "agentkeeper: later\n"},
		{usage("no %s", "way"), 2, "agentkeeper: no way\n"},
		{store.ErrLocked, 75, ""},
		{fs.ErrPermission, 77, ""},
		{mistakes("f:1:1: a\nf:2:1: b"), 78, "f:1:1: a\nf:2:1: b\n"},
		{config.Problems{{}}, 78, ""},
	}
	for _, tt := range tests {
		if got := report(tt.err); got != tt.want {
			t.Errorf("%v: exit code %d, want %d", tt.err, got, tt.want)
		}
		if text, _ := describe(tt.err); tt.text != "" && text != tt.text {
			t.Errorf("%v: %q, want %q", tt.err, text, tt.text)
		}
	}
}

func TestWithPosition(t *testing.T) {
	for _, tt := range [][3]string{
		{`{"a":1}`, "7", `{"a":1,"position":7}`}, {`{"a":1}`, "", `{"a":1}`}, {"nonsense", "7", "nonsense"},
	} {
		if got := withPosition(tt[0], tt[1]); got != tt[2] {
			t.Errorf("%v: %s", tt, got)
		}
	}
}

func TestWrap(t *testing.T) {
	text := "Nobody knows what a very-long-word-that-fits-nowhere does. ok"
	for width := range 40 {
		lines := wrap(text, width)
		if strings.Join(lines, " ") != text {
			t.Errorf("%d: %q", width, lines)
		}
		for _, line := range lines {
			if len(line) > width && strings.Contains(line, " ") {
				t.Errorf("%d: %q is too long", width, line)
			}
		}
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// The table is never wider than the terminal, and says who and what in any
// width; unlimited, it has every column that scripts know.
func TestTableFits(t *testing.T) {
	now := time.Now()
	agents := some5()
	for i := range agents {
		agents[i].Wish, agents[i].State = "online", "online"
	}
	agents[1].State, agents[1].Reason = "parked", "refused"
	agents[1].Code, agents[1].Detail = "100-004", strings.Repeat("a wrong user or password ", 5)
	for width := range 220 {
		for _, colour := range []bool{false, true} {
			var b strings.Builder
			tabulate(t, &b, terminal{on: true, colour: colour, width: width}, agents, now)
			text := b.String()
			if strings.Contains(text, "\x1b") != colour {
				t.Fatalf("width %d, colour %v:\n%q", width, colour, text)
			}
			table, _, _ := strings.Cut(colours.ReplaceAllString(text, ""), "\n\n")
			for line := range strings.Lines(table) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); width > 0 && n > width {
					t.Fatalf("width %d: a line has %d columns:\n%s", width, n, table)
				}
			}
			if width >= 30 && (!strings.Contains(table, "hq/292") || !strings.Contains(table, "parked")) {
				t.Errorf("width %d:\n%s", width, table)
			}
			if !strings.HasSuffix(colours.ReplaceAllString(text, ""), "\n\n5 agents: 4 online, 1 parked (refused 1); 1 not as wished\n") {
				t.Errorf("width %d:\n%s", width, text)
			}
		}
	}
	var b strings.Builder
	tabulate(t, &b, terminal{}, agents, now)
	if !strings.HasPrefix(b.String(), "AGENT    WISH    STATE   REASON   CODE     SINCE") || !strings.Contains(b.String(), "NEXT TRY") {
		t.Error(b.String())
	}
}

func TestProgressLine(t *testing.T) {
	p := &progress{label: "sign-in", total: 200, began: time.Now().Add(-3 * time.Second)}
	for width := range 200 {
		line := p.line(terminal{on: true, width: width}, 100, 10, time.Now())
		if n := len([]rune(line)); width > 0 && n >= width {
			t.Errorf("width %d: %d columns: %q", width, n, line)
		}
		if width >= 60 && (!strings.Contains(line, "100/200  10 failed  3s") || !strings.Contains(line, "[==")) {
			t.Errorf("width %d: %q", width, line)
		}
	}
}

func TestSplitLine(t *testing.T) {
	for line, want := range map[string][]string{
		"agentkeeper":                          {"agentkeeper"},
		"agentkeeper ":                         {"agentkeeper", ""},
		"agentkeeper  status --gr":             {"agentkeeper", "status", "--gr"},
		`agentkeeper pause 'hq/a b' --reason `: {"agentkeeper", "pause", "hq/a b", "--reason", ""},
		`agentkeeper explain hq/a\ b"c d`:      {"agentkeeper", "explain", "hq/a bc d"},
	} {
		if diff := cmp.Diff(want, splitLine(line)); diff != "" {
			t.Errorf("%q: %s", line, diff)
		}
	}
}

// Every command teaches: a sentence, an example, and the exit codes where it
// asks the service.
func TestHelpTeaches(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("agentkeeper"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range parser.Model.Children {
		if n.Hidden {
			continue
		}
		if !strings.HasSuffix(n.Help, ".") {
			t.Errorf("%s: %q is no sentence", n.Name, n.Help)
		}
		for _, group := range n.AllFlags(true) {
			for _, f := range group {
				if f.Help == "" {
					t.Errorf("%s --%s has no help", n.Name, f.Name)
				}
				if f.Name == "control" && (!strings.Contains(n.Detail, "\n    agentkeeper "+n.Name) || !strings.Contains(n.Detail, "Exit codes:")) {
					t.Errorf("%s: no example or no exit codes:\n%s", n.Name, n.Detail)
				}
			}
		}
	}
}
