package api

import (
	"strings"

	"agentkeeper/vendors/option"
)

// DidYouMean suggests the names nearest to a mistyped one, as [option.Nearest]
// finds them; "" where none is near. Its cost is bounded.
func DidYouMean(name string, known []string) string {
	names := option.Nearest(name, known)
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}
