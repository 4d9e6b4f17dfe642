package api

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"agentkeeper/vendors/option"
)

const (
	// nearestLimit is how many names are suggested for a mistyped one.
	nearestLimit = 3
	// nearestCost is how many pairs of letters are compared for it: some 10 ms of
	// a core. Behind that, a name is near only if it contains the mistyped one.
	nearestCost = 1_000_000
	// farthest is how many letters a suggestion is away at most.
	farthest = 8
)

// DidYouMean suggests the names nearest to a mistyped one: those that contain
// it, then those that are few letters away. It returns "" where none is near,
// and for a name beyond option.DistanceLimit. Its cost is bounded, however many
// names are known.
func DidYouMean(name string, known []string) string {
	if len(name) > option.DistanceLimit {
		return ""
	}
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	low, limit := strings.ToLower(name), min(max(2, len([]rune(name))/3), farthest)
	left := nearestCost
	for _, k := range known {
		d, other := limit+1, strings.ToLower(k)
		switch pairs := len(low) * len(other); {
		case strings.Contains(other, low):
			d = 0
		case max(len(low)-len(other), len(other)-len(low)) > limit*utf8.UTFMax: // further away than limit, whatever they are
		case pairs <= left:
			left -= pairs
			d = option.Distance(low, other)
		}
		if d <= limit {
			near = append(near, candidate{k, d})
		}
	}
	if len(near) == 0 {
		return ""
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	names := make([]string, 0, nearestLimit)
	for _, c := range near[:min(len(near), nearestLimit)] {
		names = append(names, c.name)
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}
