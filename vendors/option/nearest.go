package option

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	nearestLimit = 3 // names that are suggested
	farthest     = 8 // letters that a suggestion is away at most

	// NearestCost is how many pairs of letters [Nearest] compares: some 10 ms of a
	// core. After so many, a name is near only if it contains the mistyped one.
	NearestCost = 1_000_000
)

// DidYouMean returns a suggestion for a mistyped name, `; did you mean "a" or
// "b"?`, of the names that Nearest finds; "" where it finds none.
func DidYouMean(name string, known []string) string {
	names := Nearest(name, known)
	if len(names) == 0 {
		return ""
	}
	for i := range names {
		names[i] = strconv.Quote(names[i])
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// Nearest returns the known names nearest to a mistyped one, case aside, three at
// most: those that contain it, then those that are few letters away. There is none
// for a name beyond [DistanceLimit]. Its cost is bounded, however many names are
// known.
func Nearest(name string, known []string) []string {
	if name == "" || len(name) > DistanceLimit {
		return nil
	}
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	low, limit := strings.ToLower(name), min(max(2, len([]rune(name))/3), farthest)
	left := NearestCost
	for _, k := range known {
		d, other := limit+1, strings.ToLower(k)
		switch pairs := len(low) * len(other); {
		case strings.Contains(other, low):
			d = 0
		case max(len(low)-len(other), len(other)-len(low)) > limit*utf8.UTFMax: // further away than limit, whatever they are
		case pairs <= left:
			left -= pairs
			d = Distance(low, other)
		}
		if d <= limit {
			near = append(near, candidate{k, d})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	names := make([]string, 0, nearestLimit)
	for _, c := range near[:min(len(near), nearestLimit)] {
		names = append(names, c.name)
	}
	return names
}

// DistanceLimit is the longest name that Distance compares, in bytes: the cost
// is the product of both lengths, and a longer name is no slip of the fingers.
const DistanceLimit = 128

// Distance is the number of single-character edits between a and b, for
// suggesting the name that a person meant. Names beyond DistanceLimit are not
// compared: they are as far from each other as the longer one is long.
func Distance(a, b string) int {
	if longer := max(len(a), len(b)); longer > DistanceLimit {
		return longer
	}
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, c := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j, d := range y {
			cost := diagonal
			if c != d {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
