package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// terminal is a stream as its reader sees it.
type terminal struct {
	on     bool // it is a terminal that understands escape sequences
	colour bool
	width  int // columns; 0: unlimited
}

func terminalOf(f *os.File) terminal {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil || os.Getenv("TERM") == "dumb" {
		return terminal{}
	}
	t := terminal{on: true, colour: os.Getenv("NO_COLOR") == "", width: int(size.Col)}
	if t.width == 0 {
		t.width = 80
	}
	return t
}

// The colours, by what they mean.
const (
	good    = "32"
	warning = "33"
	bad     = "31;1"
	faint   = "2"
)

// paint colours text where colours are wanted.
func (t terminal) paint(colour, text string) string {
	if !t.colour || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// stateColour is how a state of an agent or a webhook looks.
func stateColour(state string) string {
	switch state {
	case "online", "delivering":
		return good
	case "parked", "stopped":
		return bad
	case "offline":
		return faint
	}
	return warning
}

// cut shortens text to n columns.
func cut(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	if n < 1 {
		return ""
	}
	return string(runes[:n-1]) + "…"
}

// interactive reports whether a person answers on standard input.
func interactive() bool { return terminalOf(os.Stdin).on && terminalOf(os.Stderr).on }
