package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"agentkeeper/daemon/config"
	"agentkeeper/test/manual"
)

// grammar is what the command line understands.
func grammar(t *testing.T) *kong.Application {
	t.Helper()
	var c cli
	parser, err := newParser(&c)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// The manual has a page of all commands, with the words of --help, and tells of each
// on the page about operating.
func TestCommandsPage(t *testing.T) {
	var out strings.Builder
	operating, err := os.ReadFile("../../daemon/docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range grammar(t).Children {
		if n.Hidden {
			continue
		}
		named := regexp.MustCompile("(?m)^\\|.*`" + n.Name + "[ `]")
		if !named.Match(operating) {
			t.Errorf("daemon/docs/operating.md does not tell of %s", n.Name)
		}
		commandSection(&out, n)
	}
	manual.Generated(t, "../../daemon/docs/commands.md", "commands", "go test ./cmd/agentkeeper -run TestCommandsPage -update", strings.TrimRight(out.String(), "\n")+"\n")
}

// commandSection writes what the page says of one command.
func commandSection(out *strings.Builder, n *kong.Node) {
	fmt.Fprintf(out, "## %s\n\n%s\n\n```\n%s\n```\n\n", n.Name, n.Help, usageOf(n))
	if n.Detail != "" {
		asMarkdown(out, n.Detail)
	}
	if len(n.Positional) == 0 && len(n.Flags) == 0 {
		return
	}
	out.WriteString("| argument or flag | |\n|---|---|\n")
	for _, p := range n.Positional {
		fmt.Fprintf(out, "| `%s` | %s |\n", p.Name, manual.Cell(helpOf(p)))
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Name == "help" {
				continue
			}
			name := "--" + f.Name
			if f.Short != 0 {
				name = "-" + string(f.Short) + ", " + name
			}
			if !f.IsBool() {
				name += " " + placeholderOf(f)
			}
			fmt.Fprintf(out, "| `%s` | %s |\n", name, manual.Cell(helpOf(f.Value)))
		}
	}
	out.WriteString("\n")
}

// asMarkdown writes a help text: indented lines are examples.
func asMarkdown(out *strings.Builder, text string) {
	example := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		code, indented := strings.CutPrefix(line, "    ")
		if indented != example && line != "" {
			out.WriteString(map[bool]string{true: "```sh\n", false: "```\n\n"}[indented])
			example = indented
		}
		if line == "" && example {
			continue
		}
		out.WriteString(map[bool]string{true: code, false: prose(line)}[indented] + "\n")
	}
	if example {
		out.WriteString("```\n")
	}
	out.WriteString("\n")
}

// prose is a line of text that Markdown leaves as it is.
func prose(line string) string { return strings.NewReplacer("*", `\*`, "<", "&lt;").Replace(line) }

// The pages of the manual have the sections that people look for, and the
// configuration that one shows is good.
func TestManualSections(t *testing.T) {
	pages := manualPages(grammar(t))
	for name, sections := range map[string][]string{
		"agentkeeper":        {"SYNOPSIS", "COMMANDS", "SIGNALS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"},
		"agentkeeper.yaml":   {"DESCRIPTION", "KEYS", "OPTIONS OF THE VENDORS", "EXAMPLES", "FILES", "SEE ALSO"},
		"agentkeeper-status": {"SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"},
	} {
		for _, section := range sections {
			if !strings.Contains(pages[name].text, "\n.SH \""+section+"\"\n") {
				t.Errorf("%s has no section %s", name, section)
			}
		}
	}
	referred := regexp.MustCompile(`\.BR "(agentkeeper[^"]*)" "\((\d)`)
	for name, page := range pages {
		for _, found := range referred.FindAllStringSubmatch(page.text, -1) {
			if to := pages[strings.ReplaceAll(found[1], `\-`, "-")]; to.section != found[2] {
				t.Errorf("%s: there is no page %s(%s)", name, found[1], found[2])
			}
		}
	}
	if _, _, err := config.Load("/c/c.yaml", config.WithTexts(map[string]string{"/c/c.yaml": exampleConfiguration})); err != nil {
		t.Error(err)
	}
}
