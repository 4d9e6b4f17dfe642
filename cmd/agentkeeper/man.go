package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct {
	Page string `arg:"" optional:"" default:"agentkeeper" help:"The page: agentkeeper, agentkeeper.yaml, or agentkeeper-COMMAND (default: ${default})."`
	Dir  string `placeholder:"DIR" help:"Instead, write all pages into the directories man1, man5 and man8 below DIR."`
}

// Help is shown by man --help.
func (manCmd) Help() string {
	return `The pages are made from the texts of --help and from the table of configuration
keys:

    agentkeeper man | man -l -
    agentkeeper man agentkeeper.yaml | man -l -
    agentkeeper man --dir /usr/local/share/man`
}

// manualPage is one page of the manual.
type manualPage struct{ section, text string }

// Run prints a page or writes all.
func (c manCmd) Run(ctx *kong.Context) error {
	pages := manualPages(ctx.Model)
	if c.Dir == "" {
		page, ok := pages[c.Page]
		if !ok {
			return usage("there is no page %q; the pages are %s", c.Page, strings.Join(slices.Sorted(maps.Keys(pages)), ", "))
		}
		fmt.Print(page.text)
		return nil
	}
	for name, page := range pages {
		dir := filepath.Join(c.Dir, "man"+page.section)
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("write a manual page: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+"."+page.section), []byte(page.text), 0o644); err != nil { //nolint:gosec // likewise
			return fmt.Errorf("write a manual page: %w", err)
		}
	}
	return nil
}

// manualPages makes every page, by its name.
func manualPages(m *kong.Application) map[string]manualPage {
	pages := map[string]manualPage{
		"agentkeeper":      {"8", serviceManual(m)},
		"agentkeeper.yaml": {"5", configurationManual()},
	}
	for _, n := range m.Children {
		if !n.Hidden {
			pages["agentkeeper-"+n.Name] = manualPage{"1", commandPage(n)}
		}
	}
	return pages
}

func (r *roff) flags(n *kong.Node) {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			name := "--" + f.Name
			if f.Short != 0 {
				name = "-" + string(f.Short) + ", " + name
			}
			r.line(".TP")
			if f.IsBool() {
				r.macro("B", name)
			} else {
				r.macro("BI", name+" ", placeholderOf(f))
			}
			r.line(escape(helpOf(f.Value)))
		}
	}
}

func placeholderOf(f *kong.Flag) string { return strings.Trim(f.FormatPlaceHolder(), `"`) }

func helpOf(v *kong.Value) string { return kong.DefaultHelpValueFormatter(v) }

func (r *roff) command(n *kong.Node) {
	for _, p := range n.Positional {
		r.line(".TP")
		r.macro("I", p.Name)
		r.line(escape(helpOf(p)))
	}
	r.flags(n)
}

// usageOf is a command as one types it.
func usageOf(n *kong.Node) string { return "agentkeeper " + n.Summary() }

func commandPage(n *kong.Node) string {
	r := newPage("agentkeeper-"+n.Name, "1", n.Help)
	r.macro("SH", "SYNOPSIS")
	r.line(escape(usageOf(n)))
	if n.Detail != "" {
		r.macro("SH", "DESCRIPTION")
		r.prose(n.Detail)
	}
	r.macro("SH", "OPTIONS")
	r.command(n)
	r.exitStatus()
	r.environment()
	r.seeAlso("agentkeeper(8)", "agentkeeper.yaml(5)")
	return r.b.String()
}

func (r *roff) exitStatus() {
	r.macro("SH", "EXIT STATUS")
	for _, c := range exitCodes {
		r.item(c.code, c.text)
	}
}

// exitCodes are those of every command.
var exitCodes = []struct{ code, text string }{
	{"0", "good"},
	{"1", "failed: an unknown agent, a wish that failed, agents that had to be left signed in"},
	{"2", "the command line is wrong"},
	{"69", "the service cannot be reached"},
	{"75", "try again later: another process has the store, there is no session now, a wish is not fulfilled in time"},
	{"76", "in doubt: a command was sent and nobody knows what became of it"},
	{"77", "not permitted"},
	{"78", "the configuration has mistakes; systemd does not try again"},
}

func (r *roff) environment() {
	r.macro("SH", "ENVIRONMENT")
	r.item("AGENTKEEPER_CONTROL", "the control socket, where --control does not name one")
	r.item("AGENTKEEPER_CONFIG", "the configuration for run, check and schedule, where -c does not name one")
	r.item("NO_COLOR", "no colours where it is not empty")
}

// seeAlso lists other pages, of which the manual has those of this program.
func (r *roff) seeAlso(pages ...string) {
	r.macro("SH", "SEE ALSO")
	for i, page := range pages {
		name, section, _ := strings.Cut(page, "(")
		end := ","
		if i == len(pages)-1 {
			end = ""
		}
		r.macro("BR", name, "("+section+end)
	}
	r.line(".PP")
	r.line("The manual: /usr/share/doc/agentkeeper/README.md")
}
