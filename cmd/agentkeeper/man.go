package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
)

type manCmd struct {
	Dir string `placeholder:"DIR" help:"Write agentkeeper.1 and a page per command there instead."`
}

// Help is shown by man --help.
func (manCmd) Help() string {
	return `The pages are made from the same words as --help, for packages and for reading:

    agentkeeper man | man -l -
    agentkeeper man --dir /usr/share/man/man1`
}

// Run prints or writes the pages.
func (c manCmd) Run(ctx *kong.Context) error {
	page := manual(ctx.Model)
	if c.Dir == "" {
		fmt.Print(page)
		return nil
	}
	pages := map[string]string{"agentkeeper.1": page}
	for _, n := range ctx.Model.Children {
		if !n.Hidden {
			pages["agentkeeper-"+n.Name+".1"] = commandPage(n)
		}
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // for everybody to read
			return fmt.Errorf("write a manual page: %w", err)
		}
	}
	return nil
}

// roff builds a page.
type roff struct{ b strings.Builder }

// newPage begins a page. It has no date: the same program makes the same page.
func newPage(name, about string) *roff {
	r := &roff{}
	v, _ := buildVersion()
	r.macro("TH", strings.ToUpper(name), "1", "", "agentkeeper "+v, "User Commands")
	r.macro("SH", "NAME")
	r.line(name + ` \- ` + escape(about))
	return r
}

func (r *roff) line(text string) { r.b.WriteString(text + "\n") }

func (r *roff) macro(name string, args ...string) {
	line := "." + name
	for _, a := range args {
		line += ` "` + strings.ReplaceAll(escape(a), `"`, `\(dq`) + `"`
	}
	r.line(line)
}

// escape makes plain text safe: no escape sequence, no request.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// prose writes a help text: indented lines are examples.
func (r *roff) prose(text string) {
	example := false
	for line := range strings.Lines(text + "\n") {
		line = strings.TrimRight(line, "\n")
		indented := strings.HasPrefix(line, "    ")
		switch {
		case indented && !example:
			r.line(".PP\n.RS 4\n.nf")
		case !indented && example && line != "":
			r.line(".fi\n.RE")
		}
		example = indented || example && line == ""
		switch {
		case line == "" && example:
		case line == "":
			r.line(".PP")
		default:
			r.line(escape(strings.TrimPrefix(line, "    ")))
		}
	}
	if example {
		r.line(".fi\n.RE")
	}
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
				r.macro("BI", name+" ", strings.Trim(f.FormatPlaceHolder(), `"`))
			}
			r.line(escape(helpOf(f.Value)))
		}
	}
}

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
	r := newPage("agentkeeper-"+n.Name, n.Help)
	r.macro("SH", "SYNOPSIS")
	r.line(escape(usageOf(n)))
	if n.Detail != "" {
		r.macro("SH", "DESCRIPTION")
		r.prose(n.Detail)
	}
	r.macro("SH", "OPTIONS")
	r.command(n)
	r.end()
	return r.b.String()
}

// manual is the page about everything.
func manual(m *kong.Application) string {
	r := newPage("agentkeeper", "signs contact-centre agents in and keeps them online")
	r.macro("SH", "SYNOPSIS")
	r.macro("B", "agentkeeper COMMAND [OPTIONS]")
	r.macro("SH", "DESCRIPTION")
	r.line(escape(m.Help))
	r.macro("SH", "COMMANDS")
	for _, n := range m.Children {
		if n.Hidden {
			continue
		}
		r.macro("SS", usageOf(n))
		r.line(escape(n.Help))
		if n.Detail != "" {
			r.line(".PP")
			r.prose(n.Detail)
		}
		r.command(n)
	}
	r.end()
	return r.b.String()
}

// end writes what is the same for every command.
func (r *roff) end() {
	r.macro("SH", "EXIT STATUS")
	for _, c := range []struct{ code, text string }{
		{"0", "good"}, {"1", "failed"}, {"2", "usage"}, {"69", "the service cannot be reached"},
		{"75", "try again later"}, {"77", "not permitted"}, {"78", "the configuration has mistakes"},
	} {
		r.line(".TP")
		r.macro("B", c.code)
		r.line(c.text)
	}
	r.macro("SH", "ENVIRONMENT")
	r.line(".TP")
	r.macro("B", "AGENTKEEPER_CONTROL")
	r.line("the control socket, where --control does not name one")
	r.line(".TP")
	r.macro("B", "NO_COLOR")
	r.line("no colours where it is not empty")
	r.macro("SH", "FILES")
	for _, f := range []struct{ path, text string }{
		{"/etc/agentkeeper/agentkeeper.yaml", "the configuration; agentkeeper check --sample prints one with every key"},
		{"/run/agentkeeper/control.sock", "the control socket"},
		{"/var/lib/agentkeeper", "the store: sessions, parked agents, overrides, events"},
	} {
		r.line(".TP")
		r.macro("I", f.path)
		r.line(escape(f.text))
	}
}
