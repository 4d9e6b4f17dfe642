package holiday

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// Bounds of a calendar.
const (
	maxDepth  = 16
	maxEvents = 20_000
	maxRules  = 500 // one that never matches costs up to 80 ms
	maxLength = 366 // of one event, in days
)

// property is one content line, unfolded.
type property struct {
	line   int
	name   string // in capitals
	params string // in capitals, each with a ; before it
	value  string
}

// calendar reads iCalendar.
func (r *reader) calendar(text []byte) {
	c := &calendar{reader: r, moved: map[string][]time.Time{}}
	for _, p := range c.properties(text) {
		c.take(p)
	}
	if n := len(c.open); n > 0 && len(r.mistakes) == 0 {
		r.wrong(c.open[n-1].line, "what begins here is not ended; the file is cut off, fetch it again")
	}
	if len(r.mistakes) == 0 {
		c.spread()
	}
	if len(r.mistakes) == 0 && len(r.days) == 0 {
		r.wrong(1, "the calendar holds no all-day event from 2000 to 2099; export one of holidays")
	}
}

// calendar is one under decode.
type calendar struct {
	*reader
	open   []property // the components that are open, outermost first
	events []*event
	rules  int
	moved  map[string][]time.Time // instances that stand by themselves, by uid
}

// properties splits the text into unfolded lines: one that begins with a blank
// goes on with the one before.
func (c *calendar) properties(text []byte) (list []property) {
	var whole strings.Builder
	line, start := 0, 0
	flush := func() {
		if whole.Len() == 0 {
			return
		}
		if p, ok := parseProperty(whole.String()); ok {
			p.line = start
			list = append(list, p)
		} else {
			c.wrong(start, "no line of a calendar; fetch the file again")
		}
		whole.Reset()
	}
	for raw := range bytes.Lines(text) {
		line++
		raw = bytes.TrimRight(raw, "\r\n")
		if len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t') && whole.Len() > 0 {
			whole.Write(raw[1:])
			continue
		}
		flush()
		start = line
		whole.Write(bytes.TrimSpace(raw))
	}
	flush()
	return list
}

// parseProperty reads NAME;PARAM="x:y":value.
func parseProperty(text string) (p property, ok bool) {
	quoted := false
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			head := strings.ToUpper(text[:i])
			name, params, more := strings.Cut(head, ";")
			if more {
				params = ";" + params
			}
			return property{name: strings.TrimSpace(name), params: params, value: text[i+1:]}, name != ""
		}
	}
	return property{}, false
}

// take obeys one line.
func (c *calendar) take(p property) {
	depth := len(c.open)
	switch {
	case p.name == "BEGIN":
		if depth == maxDepth {
			c.wrong(p.line, "components nest deeper than %d; is it the right file?", maxDepth)
			return
		}
		c.begin(p)
	case p.name == "END":
		c.end(p)
	case depth > 0 && strings.EqualFold(c.open[depth-1].value, "VEVENT"):
		c.events[len(c.events)-1].take(c.reader, p)
	}
}

func (c *calendar) begin(p property) {
	if len(c.open) == 0 && !strings.EqualFold(p.value, "VCALENDAR") {
		c.wrong(p.line, "the file begins with something else; a calendar begins with BEGIN:VCALENDAR")
	}
	c.open = append(c.open, p)
	if !strings.EqualFold(p.value, "VEVENT") {
		return
	}
	if len(c.events) == maxEvents {
		c.wrong(p.line, "more than %d events; is it the right file?", maxEvents)
	}
	c.events = append(c.events, &event{line: p.line})
}

func (c *calendar) end(p property) {
	depth := len(c.open)
	if depth == 0 || !strings.EqualFold(c.open[depth-1].value, p.value) {
		c.wrong(p.line, "this END ends nothing that is open; fetch the file again")
		return
	}
	c.open = c.open[:depth-1]
	if !strings.EqualFold(p.value, "VEVENT") {
		return
	}
	e := c.events[len(c.events)-1]
	e.check(c.reader)
	if !e.instance.IsZero() {
		c.moved[e.uid] = append(c.moved[e.uid], e.instance)
	}
}

// spread adds the days of every event, once all are known.
func (c *calendar) spread() {
	marks := slices.ContainsFunc(c.events, func(e *event) bool { return e.kind != Unsaid })
	for _, e := range c.events {
		if e.rule != nil {
			c.rules++
		}
		switch {
		case e.cancelled:
			c.left.Cancelled++
			continue
		case e.timed:
			c.left.Timed++
			continue
		case marks && e.kind == Unsaid:
			c.left.Unmarked++
			continue
		case c.rules > maxRules:
			c.wrong(e.line, "more than %d recurring events; is it the right file?", maxRules)
			return
		}
		except := e.days(e.except, c.zone)
		if e.instance.IsZero() {
			except = append(except, c.moved[e.uid]...)
		}
		if !e.spread(c.reader, except) {
			c.wrong(e.line, "more than %d days; is it the right file?", maxDays)
			return
		}
	}
}
