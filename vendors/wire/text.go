package wire

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"agentkeeper/session"
)

// Redact replaces every occurrence of the secrets in text, as they are and as
// URL or JSON encoding writes them, by "***". Empty secrets are ignored.
func Redact(text string, secrets ...string) string {
	forms := make([]string, 0, 4*len(secrets))
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), jsonEscape(secret))
	}
	// Longest first, so that a secret within a secret leaves no tail behind.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, form := range forms {
		text = replace(text, form)
	}
	return text
}

// replace keeps the marks of earlier replacements whole: a secret such as "*"
// must not turn "***" into nine stars.
func replace(text, secret string) string {
	parts := strings.Split(text, session.Redacted)
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(part, secret, session.Redacted)
	}
	return strings.Join(parts, session.Redacted)
}

func jsonEscape(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil || len(quoted) < 2 {
		return text
	}
	return string(quoted[1 : len(quoted)-1])
}

// plainLimit is the longest foreign text that is shown to people, in characters.
const plainLimit = 200

// Plain makes foreign text fit for a log line or a page: one line, printable
// characters only, at most 200 of them.
func Plain(text string) string {
	var b strings.Builder
	count := 0
	for _, c := range strings.Join(strings.Fields(text), " ") {
		if !unicode.IsPrint(c) {
			continue
		}
		if count == plainLimit {
			b.WriteString("…")
			break
		}
		b.WriteRune(c)
		count++
	}
	return b.String()
}

// Text is a JSON scalar as text, for platforms whose types wander: a string's
// characters, a number's or a boolean's digits and letters as written; null,
// objects and arrays are "".
type Text string

// UnmarshalJSON accepts every JSON value and never fails on a valid one.
func (t *Text) UnmarshalJSON(data []byte) error {
	data = bytes.TrimSpace(data)
	*t = ""
	if len(data) == 0 {
		return nil
	}
	switch data[0] {
	case '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = Text(s)
	case '{', '[', 'n':
	default:
		*t = Text(data)
	}
	return nil
}
