// Package bound is how a package tells of its bounds: what a stranger, a
// vendor or a file can take of the service at most, and what happens beyond it.
//
// A package that has some exports
//
//	// Bounds returns this package's rows of the table of bounds.
//	func Bounds() []bound.Bound
//
// with a row made from each constant, and is named in daemon/bounds.go. The
// table in the documentation is made of all rows, in that order; a test compares
// them, and writes the table anew with
//
//	go test ./daemon -run TestTableOfBounds -update
//
// Each row names the test that tries the bound and one above it. That test
// stands in the same package's directory, which the table's test checks.
package bound

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bound is one row of the table.
type Bound struct {
	Where string // what is bounded belongs there: "every listener", "the event API"
	What  string // what is bounded, as a noun: "connections", "a request's body"
	Limit string // as Count, Bytes or Time write it
	// Beyond says what happens to the one too many, or too long.
	Beyond string
	// Test is the name of the Go test that tries the bound and one above.
	Test string
}

// Count is a number of things.
func Count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Bytes is a size, in the largest unit that divides it.
func Bytes(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d %s", n/unit.size, unit.name)
		}
	}
	return Count(int(n)) + " bytes"
}

// Time is a duration, in the largest unit that divides it.
func Time(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%d ms", d/time.Millisecond)
}

// Table returns the rows as a table in Markdown.
func Table(rows []Bound) string {
	var out strings.Builder
	out.WriteString("| where | what | at most | beyond it |\n|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", r.Where, r.What, r.Limit, r.Beyond)
	}
	return out.String()
}
