package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// progress is a bar on the standard error where that is a terminal, and a line
// now and then elsewhere. Its methods are for one goroutine.
type progress struct {
	label string
	total int
	began time.Time
	drawn time.Time
	shown bool
	out   *os.File
}

// lineEvery is the time between two lines where there is no terminal: what takes
// less says nothing.
const lineEvery = 5 * time.Second

const (
	redraw    = 100 * time.Millisecond
	showAfter = 300 * time.Millisecond // what takes less needs no bar
)

func newProgress(label string, total int) *progress {
	return &progress{label: label, total: total, began: time.Now(), out: os.Stderr}
}

// show draws the bar if it is time to.
func (p *progress) show(done, failed int) {
	now := time.Now()
	if now.Sub(p.began) < showAfter || now.Sub(p.drawn) < redraw {
		return
	}
	t := terminalOf(p.out)
	if !t.on {
		p.tell(done, failed, now)
		return
	}
	p.drawn, p.shown = now, true
	fmt.Fprint(p.out, "\r"+p.line(t, done, failed, now)+"\x1b[K")
}

// tell writes a line if it is time to.
func (p *progress) tell(done, failed int, now time.Time) {
	if now.Sub(p.began) < lineEvery || now.Sub(p.drawn) < lineEvery {
		return
	}
	p.drawn = now
	fmt.Fprintln(p.out, p.label+": "+p.counts(done, failed, now))
}

// counts says how far it is.
func (p *progress) counts(done, failed int, now time.Time) string {
	lost := ""
	if failed > 0 {
		lost = fmt.Sprintf("  %d failed", failed)
	}
	return fmt.Sprintf("%d/%d%s  %s", done, p.total, lost, short(now.Sub(p.began).Truncate(time.Second)))
}

// clear takes the bar away; what is printed next stands in its place.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

// line is the bar, one column narrower than the terminal, so that it never
// wraps.
func (p *progress) line(t terminal, done, failed int, now time.Time) string {
	head := p.label + " "
	tail := " " + p.counts(done, failed, now)
	room := min(t.width-1-len(head)-len(tail)-2, 50)
	if room < 5 {
		return cut(head+strings.TrimSpace(tail), t.width-1)
	}
	full, lost := room*done/max(p.total, 1), room*failed/max(p.total, 1)
	return head + "[" + t.paint(good, strings.Repeat("=", full)) + t.paint(bad, strings.Repeat("!", lost)) +
		strings.Repeat(" ", max(room-full-lost, 0)) + "]" + tail
}
