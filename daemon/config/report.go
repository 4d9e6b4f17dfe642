package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"agentkeeper/vendors/option"
)

// Problems is every mistake of a configuration, sorted by file, line and
// column. It is the only type of error that Load returns.
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

// report collects what is wrong or unwise while decoding goes on.
type report struct {
	problems, warnings []option.Problem
	folding
}

func (r *report) wrong(pos option.Pos, format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	if !r.isRow(pos) || r.isFirst(alike{file: pos.File, kind: kindOfText(text)}, len(r.problems), pos) {
		r.problems = append(r.problems, option.Problem{Pos: pos, Text: text})
	}
}

func (r *report) warn(pos option.Pos, format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	if !r.isRow(pos) || r.isFirst(alike{file: pos.File, kind: kindOfText(text), warning: true}, len(r.warnings), pos) {
		r.warnings = append(r.warnings, option.Problem{Pos: pos, Text: text})
	}
}

// wrongAlike reports a mistake of which those of the same file and kind are
// counted at the first of them, wherever they stand.
func (r *report) wrongAlike(file, kind string, pos option.Pos, text string) {
	if r.isFirst(alike{file: file, kind: kind}, len(r.problems), pos) {
		r.problems = append(r.problems, option.Problem{Pos: pos, Text: oneLine(text)})
	}
}

// warnAlike is wrongAlike for advice.
func (r *report) warnAlike(file, kind string, pos option.Pos, text string) {
	if r.isFirst(alike{file: file, kind: kind, warning: true}, len(r.warnings), pos) {
		r.warnings = append(r.warnings, option.Problem{Pos: pos, Text: oneLine(text)})
	}
}

// sorted orders problems by place and drops repetitions: a mistake at a
// platform is found again by each of its agents.
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

// DidYouMean returns a suggestion for a mistyped name, "; did you mean …?", or "".
func DidYouMean(name string, known []string) string { return didYouMean(name, known) }

func didYouMean(name string, known []string) string {
	best, bestDistance := "", 1+max(1, len([]rune(name))/3)
	for _, k := range known {
		if d := option.Distance(strings.ToLower(name), strings.ToLower(k)); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}
