package main

import "strings"

// roff builds a manual page.
type roff struct{ b strings.Builder }

// newPage begins a page of a section of the manual. It has no date: the same program
// makes the same page.
func newPage(name, section, about string) *roff {
	r := &roff{}
	v, _ := buildVersion()
	title := "User Commands"
	switch section {
	case "5":
		title = "File Formats"
	case "8":
		title = "System Administration"
	}
	r.macro("TH", strings.ToUpper(name), section, "", "agentkeeper "+v, title)
	r.macro("SH", "NAME")
	r.line(escape(name) + ` \- ` + escape(about))
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

// item is an entry of a list: a term, set in bold, and what it is.
func (r *roff) item(term, text string) {
	r.line(".TP")
	r.macro("B", term)
	r.line(escape(text))
}

// example is a block of text that stays as it is.
func (r *roff) example(text string) {
	r.line(".PP\n.RS 4\n.nf")
	for line := range strings.Lines(text) {
		r.line(escape(strings.TrimRight(line, "\n")))
	}
	r.line(".fi\n.RE")
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
		example = indented || (example && line == "")
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
