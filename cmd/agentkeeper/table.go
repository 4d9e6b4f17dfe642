package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/view"
)

// column is one column of a table of agents, or of something else.
type column[T any] struct {
	title string
	text  func(row T, now time.Time) string
	// keep says how long the column stays when there is little room: the lowest
	// go first; negative ones are for terminals with room to spare.
	keep int
}

var columns = []column[view.Agent]{
	{"AGENT", func(a view.Agent, _ time.Time) string { return a.ID }, 9},
	{"LABEL", func(a view.Agent, _ time.Time) string { return dash(a.Label) }, 1},
	{"GROUP", func(a view.Agent, _ time.Time) string { return dash(a.Group) }, -1},
	{"WISH", func(a view.Agent, _ time.Time) string { return a.Wish }, 6},
	{"STATE", func(a view.Agent, _ time.Time) string { return a.State }, 8},
	{"REASON", func(a view.Agent, _ time.Time) string { return dash(a.Reason) }, 7},
	{"CODE", func(a view.Agent, _ time.Time) string { return dash(a.Code) }, 4},
	{"WORK", workOf, 6},
	{"SINCE", func(a view.Agent, now time.Time) string { return ago(now, a.Since.Time()) }, 5},
	{"CONTACT", contactOf, 2},
	{"NEXT TRY", nextTryOf, 3},
	{"DETAIL", func(a view.Agent, _ time.Time) string { return dash(a.Detail) }, -2},
}

func contactOf(a view.Agent, now time.Time) string {
	if a.LastContact == nil || a.Session == nil {
		return "-"
	}
	return ago(now, a.LastContact.Time())
}

func nextTryOf(a view.Agent, now time.Time) string {
	next := a.NextAttempt
	if next == nil && a.NotReady() {
		next = a.Work.NextAttempt
	}
	if next == nil {
		return "-"
	}
	if left := next.Time().Sub(now).Round(100 * time.Millisecond); left > 0 {
		return "in " + short(left)
	}
	return "now"
}

// grid is a table that is measured before it is printed. It keeps no rows: who has
// too many to hold at once hands them in parts, twice.
type grid[T any] struct {
	columns []column[T]
	widths  []int
	now     time.Time
}

const gutter = 2 // between two columns

// newGrid returns a grid without rows; spare tells that there is room to spare.
func newGrid[T any](columns []column[T], now time.Time, spare bool) *grid[T] {
	g := &grid[T]{now: now}
	for _, c := range columns {
		if c.keep >= 0 || spare {
			g.columns, g.widths = append(g.columns, c), append(g.widths, letters(c.title))
		}
	}
	return g
}

func letters(s string) int { return len([]rune(s)) }

// measure makes the columns wide enough for the rows.
func (g *grid[T]) measure(rows []T) {
	for _, row := range rows {
		for i, c := range g.columns {
			g.widths[i] = max(g.widths[i], letters(c.text(row, g.now)))
		}
	}
}

// drop leaves a column out.
func (g *grid[T]) drop(title string) {
	if i := slices.IndexFunc(g.columns, func(c column[T]) bool { return c.title == title }); i >= 0 {
		g.columns, g.widths = slices.Delete(slices.Clone(g.columns), i, i+1), slices.Delete(g.widths, i, i+1)
	}
}

func (g *grid[T]) width() int {
	sum := -gutter
	for _, w := range g.widths {
		sum += w + gutter
	}
	return sum
}

// fit leaves columns out until the table is at most width wide, the least
// important first; what is left of the last one is cut.
func (g *grid[T]) fit(width int) {
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
		g.drop(g.columns[least].title)
	}
	if over := g.width() - width; over > 0 {
		g.widths[0] = max(g.widths[0]-over, 1)
	}
}

// head writes the titles.
func (g *grid[T]) head(b *strings.Builder) {
	g.line(b, func(i int) string { return g.columns[i].title }, func(_, cell string) string { return cell })
}

// rows writes the rows. What has grown wider since it was measured is cut.
func (g *grid[T]) rows(b *strings.Builder, t terminal, rows []T) {
	paint := func(title, cell string) string {
		if title == "STATE" {
			return t.paint(stateColour(cell), cell)
		}
		return cell
	}
	for _, row := range rows {
		g.line(b, func(i int) string { return g.columns[i].text(row, g.now) }, paint)
	}
}

func (g *grid[T]) line(b *strings.Builder, text func(column int) string, paint func(title, cell string) string) {
	line := ""
	for i, c := range g.columns {
		cell := cut(text(i), g.widths[i])
		pad := strings.Repeat(" ", g.widths[i]-letters(cell)+gutter)
		if i == len(g.columns)-1 {
			pad = ""
		}
		line += paint(c.title, cell) + pad
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// printList prints a list as the API has it, or a line per row; none is what is
// said of an empty one. Where the width is unlimited, every column that scripts may
// look for is there.
func printList[T any](output, name string, rows []T, columns []column[T], none string) error {
	if output == "json" {
		return printJSON(map[string][]T{name: rows})
	}
	if len(rows) == 0 {
		fmt.Println(none)
		return nil
	}
	var b strings.Builder
	writeGrid(&b, terminalOf(os.Stdout), columns, rows, time.Now())
	_, err := os.Stdout.WriteString(b.String())
	return err
}

// writeGrid writes a line per row.
func writeGrid[T any](b *strings.Builder, t terminal, columns []column[T], rows []T, now time.Time) {
	g := newGrid(columns, now, t.width > 0)
	g.measure(rows)
	if t.width > 0 {
		g.fit(t.width)
	}
	g.head(b)
	g.rows(b, t, rows)
}

// writeColumns writes rows without titles, as wide as they are, cell below cell.
func writeColumns(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], letters(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-letters(cell)+gutter)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// totals counts agents by state and reason, and those that are not as they are
// wished.
type totals struct {
	agents, other int
	states        map[string]int
	reasons       map[string]map[string]int // by state
	labels        bool                      // any of them has one
	works         works
}

func (n *totals) add(agents []view.Agent) {
	if n.states == nil {
		n.states, n.reasons = map[string]int{}, map[string]map[string]int{}
	}
	for _, a := range agents {
		n.agents++
		n.states[a.State]++
		n.labels = n.labels || a.Label != ""
		n.works.add(a)
		if a.Unmet() {
			n.other++
		}
		if a.Reason == "" {
			continue
		}
		if n.reasons[a.State] == nil {
			n.reasons[a.State] = map[string]int{}
		}
		n.reasons[a.State][a.Reason]++
	}
}

// text is the sum in one line, or in two where the terminal is too narrow.
func (n *totals) text(t terminal) string {
	states, able := n.byState(t), n.works.text(t)
	if able == "" {
		return states
	}
	between := "; "
	if plain := n.byState(terminal{}) + between + n.works.text(terminal{}); t.width > 0 && letters(plain) > t.width {
		between = "\n"
	}
	return states + between + able
}

// byState counts the agents in each state.
func (n *totals) byState(t terminal) string {
	var parts []string
	for _, state := range slices.Sorted(maps.Keys(n.states)) {
		text := fmt.Sprintf("%d %s", n.states[state], state)
		var why []string
		for _, reason := range slices.Sorted(maps.Keys(n.reasons[state])) {
			why = append(why, fmt.Sprintf("%s %d", reason, n.reasons[state][reason]))
		}
		if len(why) > 0 {
			text += " (" + strings.Join(why, ", ") + ")"
		}
		parts = append(parts, t.paint(stateColour(state), text))
	}
	head := plural(n.agents, "agent")
	if len(parts) > 0 {
		head += ": " + strings.Join(parts, ", ")
	}
	if n.other == 0 {
		return head + "; all as wished"
	}
	return head + fmt.Sprintf("; %d not as wished", n.other)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
