package trace

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"

	"agentkeeper/session"
)

// secrets are those of one traced agent, as far as they are known. Safe for
// concurrent use.
type secrets struct {
	mu    sync.Mutex
	known []string // in the order in which they were learned
	form  *regexp.Regexp
}

// Bounds of what is remembered: a session's secrets of an hour are few.
const (
	shortest   = 4 // characters
	mostKnown  = 128
	mostLength = 256 // bytes; of a longer one the beginning is looked for, and what follows it is hidden with it
)

// longMark ends what is remembered of a secret that is longer.
const longMark = "\x00"

// learn adds a secret, to be hidden wherever it stands from now on.
func (s *secrets) learn(secret string) {
	secret = strings.TrimSpace(secret)
	if len(secret) > mostLength {
		secret = strings.ToValidUTF8(secret[:mostLength], "") + longMark
	}
	if len(secret) < shortest || strings.Trim(secret, "*") == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.known, secret) {
		return
	}
	if len(s.known) == mostKnown {
		s.known = slices.Delete(s.known, 0, 1)
	}
	s.known, s.form = append(s.known, secret), nil
}

// forms matches every known secret in every encoding; nil: none is known.
func (s *secrets) forms() *regexp.Regexp {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.form == nil && len(s.known) > 0 {
		// Longest first, so that a secret within a secret leaves no tail behind.
		list := slices.SortedFunc(slices.Values(s.known), func(a, b string) int { return len(b) - len(a) })
		for i, secret := range list {
			list[i] = formOf(secret)
		}
		s.form = regexp.MustCompile(strings.Join(list, "|"))
	}
	return s.form
}

// What encodings put in the place of a character, or before it, each in all of
// their nestings.
const (
	backslash = `(?:\\|%(?:25)*5[cC])`
	ampersand = `(?:&|%(?:25)*26|` + backslash + `+u0026)(?:amp` + semicolon + `)*`
	semicolon = `(?:;|%(?:25)*3[bB])`
)

// formOf returns a pattern of a secret as JSON, URLs, HTML and one within the
// other write it.
func formOf(secret string) string {
	var b strings.Builder
	secret, long := strings.CutSuffix(secret, longMark)
	for _, c := range secret {
		if letter(c) || (c >= '0' && c <= '9') {
			b.WriteRune(c)
			continue
		}
		forms := []string{regexp.QuoteMeta(string(c)), percented(c), entity(c)}
		switch c {
		case ' ':
			forms = append(forms, `\+`, `%(?:25)*2[bB]`)
		case '\n':
			forms = append(forms, backslash+`n`)
		case '\t':
			forms = append(forms, backslash+`t`)
		}
		b.WriteString("(?:" + backslash + "*(?:" + strings.Join(forms, "|") + ")|" + unicoded(c) + ")")
	}
	if long {
		b.WriteString(`[^\s"'<>,;&]*`)
	}
	return b.String()
}

// percented is a character as URLs write it, once or more often.
func percented(c rune) string {
	var b strings.Builder
	for _, octet := range []byte(string(c)) {
		fmt.Fprintf(&b, "%%(?:25)*(?i:%02x)", octet)
	}
	return b.String()
}

// entity is a character as HTML writes it, by number and by name.
func entity(c rune) string {
	by := fmt.Sprintf("(?:#|%%(?:25)*23)(?:0*%d|(?i:x0*%x))", c, c)
	if name, ok := map[rune]string{'&': "amp", '<': "lt", '>': "gt", '"': "quot", '\'': "apos"}[c]; ok {
		by = "(?:" + by + "|" + name + ")"
	}
	return ampersand + by + semicolon
}

// unicoded is a character as JSON writes it by its number.
func unicoded(c rune) string {
	var b strings.Builder
	for _, unit := range utf16.AppendRune(nil, c) {
		fmt.Fprintf(&b, `%s+u(?i:%04x)`, backslash, unit)
	}
	return b.String()
}

// hide replaces every known secret.
func (s *secrets) hide(text string) string {
	form := s.forms()
	if form == nil {
		return text
	}
	return form.ReplaceAllLiteralString(text, session.Redacted)
}

// shapes replaces what looks like a secret.
func shapes(text string) string {
	text = anyGuid.ReplaceAllLiteralString(text, session.Redacted)
	text = anyJWT.ReplaceAllLiteralString(text, session.Redacted)
	return anyToken.ReplaceAllStringFunc(text, func(word string) string {
		if strings.ContainsAny(word, "0123456789") && strings.ContainsFunc(word, letter) {
			return session.Redacted
		}
		return word // a number, a line of dashes, a long name
	})
}

func letter(c rune) bool { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') }

// text hides the secrets in a text of no known form.
func (s *secrets) text(text string) string {
	text = named.ReplaceAllStringFunc(text, func(found string) string {
		parts := named.FindStringSubmatch(found)
		name, value := parts[1], parts[2]
		bare := strings.Trim(value, `\"'`)
		at := strings.Index(value, bare)
		return name + value[:at] + s.value(bare) + value[at+len(bare):]
	})
	return s.hide(shapes(text))
}

// value learns a value that its name tells to be secret, and returns what is
// shown in its place: "***", behind the word that says what kind it is.
func (s *secrets) value(value string) string {
	if bare := strings.TrimSpace(value); bare == "" || bare == "null" || bare == session.Redacted {
		return value
	}
	s.learn(value)
	if plain, err := url.QueryUnescape(value); err == nil {
		s.learn(plain)
	}
	if _, after, found := strings.Cut(value, "="); found { // JSESSIONID=…
		s.learn(after)
	}
	kind, after, found := strings.Cut(value, " ")
	if word := strings.ToLower(kind); found && (word == "bearer" || word == "basic" || word == "token") {
		s.learn(after)
		return kind + " " + session.Redacted
	}
	return session.Redacted
}
