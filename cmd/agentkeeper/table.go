package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/api"
)

// head is how a column of a table is called.
type head struct {
	title string
	// keep says how long the column stays when there is little room: the lowest
	// go first; negative ones are for terminals with room to spare.
	keep int
}

// column is one column of a table of agents, or of something else.
type column[T any] struct {
	title string
	text  func(row T, now time.Time) string
	keep  int // as in head
}

var columns = []column[api.Agent]{
	{"AGENT", func(a api.Agent, _ time.Time) string { return a.ID }, 9},
	{"LABEL", func(a api.Agent, _ time.Time) string { return dash(a.Label) }, 1},
	{"GROUP", func(a api.Agent, _ time.Time) string { return dash(a.Group) }, -1},
	{"WISH", func(a api.Agent, _ time.Time) string { return a.Wish }, 6},
	{"STATE", func(a api.Agent, _ time.Time) string { return a.State }, 8},
	{"REASON", func(a api.Agent, _ time.Time) string { return dash(a.Reason) }, 7},
	{"CODE", func(a api.Agent, _ time.Time) string { return dash(a.Code) }, 4},
	{"SINCE", func(a api.Agent, now time.Time) string { return ago(now, a.Since.Time()) }, 5},
	{"CONTACT", contactOf, 2},
	{"NEXT TRY", nextTryOf, 3},
	{"DETAIL", func(a api.Agent, _ time.Time) string { return dash(a.Detail) }, -2},
}

func contactOf(a api.Agent, now time.Time) string {
	if a.LastContact == nil || a.Session == nil {
		return "-"
	}
	return ago(now, a.LastContact.Time())
}

func nextTryOf(a api.Agent, now time.Time) string {
	if a.NextAttempt == nil {
		return "-"
	}
	if left := a.NextAttempt.Time().Sub(now).Round(100 * time.Millisecond); left > 0 {
		return "in " + short(left)
	}
	return "now"
}

// grid is a table before it is printed.
type grid struct {
	columns []head
	cells   [][]string // by column, the title first
	widths  []int
}

const gutter = 2 // between two columns

func newGrid[T any](columns []column[T], rows []T, now time.Time, spare bool) *grid {
	g := &grid{}
	for _, c := range columns {
		if c.keep < 0 && !spare {
			continue
		}
		cells, width := make([]string, 0, len(rows)+1), 0
		cells = append(cells, c.title)
		for _, row := range rows {
			cells = append(cells, c.text(row, now))
		}
		for _, cell := range cells {
			width = max(width, len([]rune(cell)))
		}
		g.columns, g.cells, g.widths = append(g.columns, head{c.title, c.keep}), append(g.cells, cells), append(g.widths, width)
	}
	return g
}

func (g *grid) width() int {
	sum := -gutter
	for _, w := range g.widths {
		sum += w + gutter
	}
	return sum
}

// fit leaves columns out until the table is at most width wide, the least
// important first; what is left of the last one is cut.
func (g *grid) fit(width int) {
	for g.width() > width && len(g.columns) > 1 {
		least := 0
		for i, c := range g.columns {
			if c.keep < g.columns[least].keep {
				least = i
			}
		}
		room := g.widths[least] - (g.width() - width)
		if g.columns[least].title == "DETAIL" && room >= 20 {
			g.widths[least] = room
			return
		}
		g.columns = slices.Delete(g.columns, least, least+1)
		g.cells = slices.Delete(g.cells, least, least+1)
		g.widths = slices.Delete(g.widths, least, least+1)
	}
	if over := g.width() - width; over > 0 {
		g.widths[0] = max(g.widths[0]-over, 1)
	}
}

func (g *grid) write(b *strings.Builder, t terminal) {
	for row := range g.cells[0] {
		line := ""
		for i, c := range g.columns {
			cell := cut(g.cells[i][row], g.widths[i])
			pad := strings.Repeat(" ", g.widths[i]-len([]rune(cell))+gutter)
			if i == len(g.columns)-1 {
				pad = ""
			}
			if row > 0 && c.title == "STATE" {
				cell = t.paint(stateColour(cell), cell)
			}
			line += cell + pad
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

// writeTable writes a line per agent and the sum.
func writeTable(b *strings.Builder, t terminal, agents []api.Agent, now time.Time) {
	shown := columns
	if !slices.ContainsFunc(agents, func(a api.Agent) bool { return a.Label != "" }) {
		shown = slices.DeleteFunc(slices.Clone(columns), func(c column[api.Agent]) bool { return c.title == "LABEL" })
	}
	writeGrid(b, t, shown, agents, now)
	b.WriteString("\n" + summary(t, agents) + "\n")
}

// writeGrid writes a line per row. Where the width is unlimited, every column
// that scripts may look for is there.
func writeGrid[T any](b *strings.Builder, t terminal, columns []column[T], rows []T, now time.Time) {
	g := newGrid(columns, rows, now, t.width > 0)
	if t.width > 0 {
		g.fit(t.width)
	}
	g.write(b, t)
}

// summary counts agents by state and reason, and those that are not as they
// are wished.
func summary(t terminal, agents []api.Agent) string {
	states, reasons, other := map[string]int{}, map[string]map[string]int{}, 0
	for _, a := range agents {
		states[a.State]++
		if a.Unmet() {
			other++
		}
		if a.Reason != "" {
			if reasons[a.State] == nil {
				reasons[a.State] = map[string]int{}
			}
			reasons[a.State][a.Reason]++
		}
	}
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		text := fmt.Sprintf("%d %s", states[state], state)
		var why []string
		for _, reason := range slices.Sorted(maps.Keys(reasons[state])) {
			why = append(why, fmt.Sprintf("%s %d", reason, reasons[state][reason]))
		}
		if len(why) > 0 {
			text += " (" + strings.Join(why, ", ") + ")"
		}
		parts = append(parts, t.paint(stateColour(state), text))
	}
	head := plural(len(agents), "agent")
	if len(parts) > 0 {
		head += ": " + strings.Join(parts, ", ")
	}
	if other == 0 {
		return head + "; all as wished"
	}
	return head + fmt.Sprintf("; %d not as wished", other)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
