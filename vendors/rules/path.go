package rules

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// marks are what a segment may hold beside ASCII letters and digits. None of
// them divides, ends or encodes anything for any server.
const marks = "-._~@+*,:=!$'()"

func isWord(c rune) bool {
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
}

// IsDots reports whether a decoded segment means this directory or the one
// above.
func IsDots(segment string) bool { return segment == "." || segment == ".." }

// parsePath divides an encoded path and decodes each segment once.
func parsePath(encoded string) ([]string, error) {
	encoded = strings.TrimPrefix(encoded, "/")
	if len(encoded) > MaxPath {
		return nil, notPlain("its path is longer than %d bytes", MaxPath)
	}
	segments := strings.Split(encoded, "/")
	if len(segments) > MaxSegments {
		return nil, notPlain("its path has more than %d segments", MaxSegments)
	}
	for i, s := range segments {
		plain, err := url.PathUnescape(s)
		switch {
		case err != nil || strings.ContainsFunc(plain, func(c rune) bool { return !isWord(c) && !strings.ContainsRune(marks, c) }):
			return nil, notPlain("segment %d of the path holds something else than ASCII letters, digits and %s", i+1, marks)
		case IsDots(plain), plain == "" && i < len(segments)-1:
			return nil, notPlain("segment %d of the path is empty, . or ..; write the path without it", i+1)
		}
		segments[i] = plain
	}
	return segments, nil
}

// Path is the path's normal form, with a leading slash: letters, digits and
// "-._~@" as they are, all else percent-encoded.
func (r Request) Path() string {
	var out strings.Builder
	for _, s := range r.Segments {
		out.WriteByte('/')
		escape(&out, s, "-._~@")
	}
	return out.String()
}

// escape writes text with all but ASCII letters, digits and keep
// percent-encoded.
func escape(out *strings.Builder, text, keep string) {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		if c < utf8.RuneSelf && (isWord(rune(c)) || strings.IndexByte(keep, c) >= 0) {
			out.WriteByte(c)
			continue
		}
		out.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
}

// Names returns the segments as they are compared with the names of a
// platform's functions: some servers make no difference between capital and
// small letters, drop marks at the ends ("logout+", "logout."), or take what
// follows a dot for a format ("logout.json"). Empty ones are left out.
func (r Request) Names() []string {
	list := make([]string, 0, len(r.Segments))
	for _, s := range r.Segments {
		name, _, _ := strings.Cut(strings.TrimFunc(s, isMark), ".")
		if name = strings.TrimFunc(strings.ToLower(name), isMark); name != "" {
			list = append(list, name)
		}
	}
	return list
}

func isMark(c rune) bool { return !isWord(c) }
