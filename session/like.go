package session

import "strings"

// Like matches an agent's full name, or another name, as a whole: * is any text,
// slashes included, ? any one character. A name that is the pattern matches
// whatever it contains.
func Like(pattern, name string) bool {
	if pattern == name {
		return true
	}
	p, n := []rune(pattern), []rune(name)
	star := -1 // the last one's place
	mark, i := 0, 0
	for j := 0; j < len(n); {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i, j = i+1, j+1
		case star >= 0: // the last star takes one more
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(string(p[i:]), "*") == ""
}

// MatchesAny reports whether a name is one of the patterns, or begins like one
// that ends with "*"; no other sign means anything. No patterns choose every name.
func MatchesAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if start, open := strings.CutSuffix(p, "*"); p == name || (open && strings.HasPrefix(name, start)) {
			return true
		}
	}
	return len(patterns) == 0
}
