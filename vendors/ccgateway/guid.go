package ccgateway

import (
	"net/http"
	"regexp"
	"strings"

	"agentkeeper/session"
)

// GuidIn returns the Guid that an answer's headers carry, "" for none. Set-GUID
// counts before Guid (vendor page: sign-in lists both).
func GuidIn(h http.Header) string {
	for _, name := range []string{"Set-Guid", "Guid"} {
		values := h[name]
		for i := len(values) - 1; i >= 0; i-- {
			if guid := ParseGuid(values[i]); guid != "" {
				return guid
			}
		}
	}
	return ""
}

const guidName = "JSESSIONID="

// ParseGuid reads a value such as `JSESSIONID=<uuid>.AgentGateway0`, with or
// without the name, quotes and cookie attributes. The tail belongs to the Guid.
// "" means that there is none that could be sent back.
func ParseGuid(value string) string {
	parts := strings.Split(value, ";")
	chosen := parts[0]
	for _, part := range parts {
		if part = unquote(part); hasPrefixFold(part, guidName) {
			chosen = part
			break
		}
	}
	chosen = unquote(chosen)
	if hasPrefixFold(chosen, guidName) {
		chosen = unquote(chosen[len(guidName):])
	}
	if !ValidGuid(chosen) {
		return ""
	}
	return chosen
}

// guidLimit is far above any Guid seen (about 50 characters).
const guidLimit = 512

// ValidGuid reports whether guid can be sent in a header.
func ValidGuid(guid string) bool {
	return guid != "" && len(guid) <= guidLimit && !strings.ContainsFunc(guid, notToken)
}

func notToken(c rune) bool { return c <= ' ' || c >= 0x7f || c == ';' || c == ',' || c == '"' }

func unquote(text string) string { return strings.Trim(strings.TrimSpace(text), `"' `) }

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// anyGuid matches what looks like a Guid.
var anyGuid = regexp.MustCompile(`[^\s"'=,;]+\.AgentGateway\w*`)

// HideGuids replaces what looks like a Guid, whoever's it is, by "***".
func HideGuids(text string) string { return anyGuid.ReplaceAllString(text, session.Redacted) }
