package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"agentkeeper/daemon/view"
	"agentkeeper/session"
)

type explainCmd struct {
	controlFlag
	Agent  string `arg:"" help:"Full name of the agent, for example hq/291."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
}

// Help is shown by explain --help.
func (explainCmd) Help() string {
	return `Prints the state of the agent and since when, who wants it online or offline and
until when, the vendor's code in words, what comes next, what you can do, what is
wrong with its platform, and its last ten changes of state.

    agentkeeper explain hq/294
    agentkeeper explain hq/294 -o json | jq -r '.explanation[]'

Exit codes: 0 good, 1 unknown agent, 69 the service cannot be reached, 77 not
permitted.`
}

// Run asks the service, which composes the text.
func (c explainCmd) Run() error {
	cl := c.client()
	id, err := session.ParseID(c.Agent)
	if err != nil {
		all, err := cl.agents(context.Background())
		if err != nil {
			return err
		}
		return unknownAgent(c.Agent, all)
	}
	body, err := cl.call(context.Background(), http.MethodGet, agentPath(id.Platform, id.Login), nil)
	if err != nil {
		return err
	}
	if c.Output == "json" {
		_, err := os.Stdout.Write(body)
		return err
	}
	var a view.Agent
	if err := decode(body, &a); err != nil {
		return err
	}
	return tellStory(os.Stdout, terminalOf(os.Stdout), a)
}

// proseWidth is how wide prose is read with ease.
const proseWidth = 88

func tellStory(w io.Writer, t terminal, a view.Agent) error {
	if a.Story == nil {
		return fmt.Errorf("the service is of another version: it explains nothing")
	}
	width := proseWidth
	if t.width > 0 {
		width = min(width, t.width)
	}
	for i, sentence := range a.Explanation {
		lines := wrap(sentence, width-2)
		if i == 0 {
			lines = wrap(sentence, width)
			lines[0] = t.paint(stateColour(a.State), lines[0])
			fmt.Fprintln(w, strings.Join(lines, "\n")+"\n")
			continue
		}
		fmt.Fprintln(w, "  "+strings.Join(lines, "\n  "))
	}
	label := ""
	if a.Label != "" {
		label = fmt.Sprintf(", label %q", a.Label)
	}
	fmt.Fprintf(w, "\n  %s, group %s%s; %s, %s.\n\nThe last changes:\n", a.Vendor, a.Group, label,
		plural(int(a.SignIns), "sign-in"), plural(int(a.Events), "event"))
	rows := make([][]string, len(a.History))
	for i, change := range a.History {
		rows[i] = []string{"  " + localTime(change.At.Time()), change.State, change.Reason, change.Code}
	}
	return writeColumns(w, rows)
}

// wrap breaks prose into lines of at most n columns where it can.
func wrap(text string, n int) []string {
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(text) {
		size := len([]rune(word))
		if line != "" && length+1+size > n {
			lines = append(lines, line)
			line, length = "", 0
		}
		if line != "" {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+size
	}
	return append(lines, line)
}
