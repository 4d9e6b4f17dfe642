package trace

import (
	"regexp"
	"slices"
	"strings"
)

// secretParts are what the name of a secret has in it, and secretWords are such
// names as a whole; both in lower case, without - and _.
var (
	secretParts = []string{"password", "passwd", "pwd", "passphrase", "secret", "token", "guid", "sessionid", "cookie", "authorization", "credential",
		"apikey", "accesskey", "privatekey", "jwt", "bearer", "ticket"}
	secretWords = []string{"auth", "pass", "pw", "pin", "otp", "key", "session", "sid", "xauth"}
)

func folded(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(strings.TrimSpace(name)))
}

// secretName reports whether what has this name is a secret.
func secretName(name string) bool {
	name = folded(name)
	return slices.Contains(secretWords, name) || slices.ContainsFunc(secretParts, func(part string) bool { return strings.Contains(name, part) })
}

// idName reports whether what has this name only looks like a secret: the ids of
// calls and requests are what a vendor asks for.
func idName(name string) bool {
	name = folded(name)
	return strings.HasSuffix(name, "id") || name == "traceparent" || name == "etag" || name == "secwebsocketkey" || name == "secwebsocketaccept"
}

// named matches a secret with its name in a text that is no JSON as a whole: a
// form, a query, JSON within a string, a page, a header as programs print it. The
// value is the last group.
var named = regexp.MustCompile(`(?i)((?:password|passwd|pwd|secret|token|guid|session_?id|cookie|authorization|credential|api[_-]?key|jwt|ticket)[a-z0-9_-]*` +
	`["'\\]*\s*(?:[:=]|%3d|%3a)\s*\[?)` +
	`((?:bearer|basic)\s+[^\s,;&"'<>\]}]+|\\+"[^"\\]*(?:\\+")?|"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s,;&"'<>\]}]+)`)

// shaped matches what looks like a secret, whoever's it is.
var (
	anyGuid  = regexp.MustCompile(`[^\s"'=,;:\[\]{}<>]+\.AgentGateway\w*`)
	anyJWT   = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*`)
	anyToken = regexp.MustCompile(`[A-Za-z0-9_~+=-]{32,}`)
)
