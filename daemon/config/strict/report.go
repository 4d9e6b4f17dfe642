package strict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"agentkeeper/vendors/option"
)

// Problems is every mistake of what was read, sorted by file, line and column.
type Problems []option.Problem

// Error returns one line per problem, FILE:LINE:COL: what is wrong and what to
// do.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Report collects what is wrong or unwise while decoding goes on. The zero Report
// is empty.
type Report struct {
	Problems []option.Problem // in the order in which they were found
	Warnings []option.Problem
	folding
}

// End returns the warnings, the first hundred of them, and the mistakes as a
// [Problems], nil where there is none; both sorted, with repetitions dropped. It
// is called once. file is what was read.
func (r *Report) End(file string) (warnings []option.Problem, err error) {
	r.tellFolded()
	warnings = limited(file, sorted(r.Warnings))
	if len(r.Problems) > 0 {
		err = Problems(sorted(r.Problems))
	}
	return warnings, err
}

// Wrong reports a mistake. In a file that AsRows names, only the first of its
// kind is told, with how many more there are.
func (r *Report) Wrong(pos option.Pos, format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	if !r.isRow(pos) || r.isFirst(alike{file: pos.File, kind: kindOfText(text)}, len(r.Problems), pos) {
		r.Problems = append(r.Problems, option.Problem{Pos: pos, Text: text})
	}
}

// Warn is Wrong for advice.
func (r *Report) Warn(pos option.Pos, format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	if !r.isRow(pos) || r.isFirst(alike{file: pos.File, kind: kindOfText(text), warning: true}, len(r.Warnings), pos) {
		r.Warnings = append(r.Warnings, option.Problem{Pos: pos, Text: text})
	}
}

// WrongAlike reports a mistake of which those of the same file and kind are
// counted at the first of them, wherever they stand.
func (r *Report) WrongAlike(file, kind string, pos option.Pos, text string) {
	if r.isFirst(alike{file: file, kind: kind}, len(r.Problems), pos) {
		r.Problems = append(r.Problems, option.Problem{Pos: pos, Text: oneLine(text)})
	}
}

// WarnAlike is WrongAlike for advice.
func (r *Report) WarnAlike(file, kind string, pos option.Pos, text string) {
	if r.isFirst(alike{file: file, kind: kind, warning: true}, len(r.Warnings), pos) {
		r.Warnings = append(r.Warnings, option.Problem{Pos: pos, Text: oneLine(text)})
	}
}

// sorted orders problems by place and drops repetitions: a mistake in what many
// share is found again by each of them.
func sorted(problems []option.Problem) []option.Problem {
	slices.SortStableFunc(problems, func(a, b option.Problem) int {
		return cmp.Or(
			strings.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			strings.Compare(a.Text, b.Text),
		)
	})
	return slices.Compact(problems)
}

// maxWarnings is how many pieces of advice are of use at once: they are logged
// at every start and reload, and a column of a CSV may give one for each row.
const maxWarnings = 100

// limited drops warnings beyond the first hundred, and says so.
func limited(path string, warnings []option.Problem) []option.Problem {
	more := len(warnings) - maxWarnings
	if more <= 0 {
		return warnings
	}
	return append(warnings[:maxWarnings], option.Problem{Pos: option.Pos{File: path},
		Text: fmt.Sprintf("%d more warnings are not shown", more)})
}

// oneLine keeps the promise of one line per problem whatever a name contains.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
}
