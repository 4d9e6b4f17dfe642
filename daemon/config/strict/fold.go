package strict

import (
	"fmt"
	"strings"

	"agentkeeper/vendors/option"
)

// folding makes one problem of many of one kind: a column that is wrong is
// Wrong in every row, and a list has thousands of them.
type folding struct {
	rows map[string]bool // files of rows, of which each kind is told once
	seen map[alike]*fold
}

// alike is what problems that are told once have in common.
type alike struct {
	file, kind string
	warning    bool
}

// fold is one problem that stands for several.
type fold struct {
	first int // its index among the problems, or the warnings
	more  int // places beside the first
	last  option.Pos
	lines []string // of the first few of them
}

// foldLines is how many lines are named beside the first.
const foldLines = 5

// AsRows makes the problems of a file fold.
func (f *folding) AsRows(file string) {
	if f.rows == nil {
		f.rows = map[string]bool{}
	}
	f.rows[file] = true
}

func (f *folding) isRow(pos option.Pos) bool { return f.rows[pos.File] }

// isFirst reports whether a problem is the first of its kind and is to be told;
// if not it has been counted. index is where it will stand among its like.
func (f *folding) isFirst(of alike, index int, pos option.Pos) bool {
	if f.seen == nil {
		f.seen = map[alike]*fold{}
	}
	known, ok := f.seen[of]
	if !ok {
		f.seen[of] = &fold{first: index, last: pos}
		return true
	}
	if pos == known.last {
		return false // said of this place already
	}
	known.last = pos
	if known.more++; known.more <= foldLines {
		known.lines = append(known.lines, fmt.Sprint(pos.Line))
	}
	return false
}

// kindOfText is what a text says, numbers aside: places and counts differ from
// row to row.
func kindOfText(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return -1
		}
		return c
	}, text)
}

// tellFolded adds to each problem that stands for several how many they are.
// It is called once, before the problems are sorted.
func (r *Report) tellFolded() {
	for of, f := range r.seen {
		if f.more == 0 {
			continue
		}
		list := r.Problems
		if of.warning {
			list = r.Warnings
		}
		dots := ""
		if f.more > foldLines {
			dots = " …"
		}
		list[f.first].Text += fmt.Sprintf(" (and %d more like it: line %s%s)", f.more, strings.Join(f.lines, ", "), dots)
	}
}
