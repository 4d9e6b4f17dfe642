package rules

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parseQuery decodes each parameter once.
func parseQuery(encoded string) ([]Pair, error) { return pairsOf(encoded, MaxQuery) }

// pairsOf reads key=value&key=value.
func pairsOf(encoded string, limit int) ([]Pair, error) {
	if encoded == "" {
		return nil, nil
	}
	if len(encoded) > limit {
		return nil, notPlain("its query is longer than %d bytes", limit)
	}
	parts := strings.Split(encoded, "&")
	if len(parts) > MaxPairs {
		return nil, notPlain("its query has more than %d parameters", MaxPairs)
	}
	pairs := make([]Pair, 0, len(parts))
	for i, part := range parts {
		p, err := parsePair(part)
		if err != nil {
			return nil, notPlain("parameter %d of the query %s", i+1, err.Error())
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// fault is why a part is not plain.
type fault string

// Error implements error.
func (f fault) Error() string { return string(f) }

func parsePair(part string) (p Pair, err error) {
	key, value, written := strings.Cut(part, "=")
	p.Bare = !written
	if p.Key, err = url.QueryUnescape(key); err != nil || p.Key == "" || strings.ContainsFunc(p.Key, func(c rune) bool { return !isWord(c) && !strings.ContainsRune("-_.", c) }) {
		return Pair{}, fault("has a name of something else than ASCII letters, digits, - _ and .")
	}
	if p.Value, err = url.QueryUnescape(value); err != nil || !printable(p.Value) || nested.MatchString(p.Value) {
		return Pair{}, fault("has a value that is not printable UTF-8, or that is encoded twice")
	}
	// Some servers divide at ; as well as at &.
	for name := range strings.SplitSeq(p.Key+"="+p.Value, ";") {
		name, _, _ = strings.Cut(name, "=")
		if isOverride(strings.TrimSpace(name)) {
			return Pair{}, fault("names another method or path than the request's own; write the request as it is meant")
		}
	}
	return p, nil
}

// nested matches what a server that decodes twice would decode.
var nested = regexp.MustCompile(`%[0-9A-Fa-f]{2}|%u[0-9A-Fa-f]{4}`)

func isOverride(name string) bool {
	return strings.EqualFold(name, "_method") || slices.Contains(overrides(), HeaderName(name))
}

// printable reports whether text is valid UTF-8 without control characters and
// without ones that nobody sees.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) || c == utf8.RuneError })
}

// RawQuery is the query's normal form, without the question mark. A semicolon
// stays one: Huawei's lists of skills are written with it (vendor page: reset
// skills).
func (r Request) RawQuery() string {
	var out strings.Builder
	for i, p := range r.Query {
		if i > 0 {
			out.WriteByte('&')
		}
		escape(&out, p.Key, "-._~")
		if !p.Bare {
			out.WriteByte('=')
			escape(&out, p.Value, "-._~@;,:")
		}
	}
	return out.String()
}
