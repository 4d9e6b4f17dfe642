package fleet

import (
	"cmp"

	"agentkeeper/session"
)

// compareIDs orders agents by platform, then by login, both in natural order: 9
// comes before 10. It is never 0 for two different agents.
func compareIDs(a, b session.ID) int {
	return cmp.Or(naturally(a.Platform, b.Platform), naturally(a.Login, b.Login),
		cmp.Compare(a.Platform, b.Platform), cmp.Compare(a.Login, b.Login))
}

// naturally compares texts in which numbers count as such, whatever their length
// and their leading zeros. All else is compared byte by byte. It allocates
// nothing: a fleet is sorted by it whenever somebody looks.
func naturally(a, b string) int {
	for i, j := 0, 0; ; {
		switch {
		case i == len(a) || j == len(b):
			return cmp.Compare(len(a)-i, len(b)-j)
		case digit(a[i]) && digit(b[j]):
			var m, n string
			m, i = number(a, i)
			n, j = number(b, j)
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
		case a[i] != b[j]:
			return cmp.Compare(a[i], b[j])
		default:
			i, j = i+1, j+1
		}
	}
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// number returns the number that begins at i without its leading zeros, and
// where it ends.
func number(s string, i int) (digits string, end int) {
	for i < len(s) && s[i] == '0' {
		i++
	}
	for end = i; end < len(s) && digit(s[end]); {
		end++
	}
	return s[i:end], end
}
