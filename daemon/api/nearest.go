package api

import (
	"cmp"
	"slices"
	"strings"

	"agentkeeper/vendors/option"
)

// nearestLimit is how many names are suggested for a mistyped one.
const nearestLimit = 3

// DidYouMean suggests the names nearest to a mistyped one: those that contain
// it, then those that are few letters away. It returns "" where none is near.
func DidYouMean(name string, known []string) string {
	type candidate struct {
		name     string
		distance int
	}
	var near []candidate
	low, limit := strings.ToLower(name), max(2, len([]rune(name))/3)
	for _, k := range known {
		d := option.Distance(low, strings.ToLower(k))
		if strings.Contains(strings.ToLower(k), low) {
			d = 0
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
