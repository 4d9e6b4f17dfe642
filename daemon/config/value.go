package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"agentkeeper/daemon/address"
	"agentkeeper/session"
)

const nameRule = "use letters, digits, -, _ and . only"

// wrongLogin says what is wrong with a login or a number, or "".
func wrongLogin(text string) string {
	switch {
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "contains a control character; remove it"
	case strings.TrimSpace(text) != text:
		return "begins or ends with a space; remove it"
	case len(text) > session.NameLimit:
		return fmt.Sprintf("is longer than %d bytes; check the quotes", session.NameLimit)
	}
	return ""
}

// parseURL reads a platform's address, or says what is wrong with it without
// repeating it, for a password may stand in it.
func parseURL(text string, schemes []string) (u *url.URL, why string) {
	example := schemes[0] + "://10.0.0.5:8043"
	u, err := url.Parse(text)
	switch {
	case strings.Contains(text, "@"):
		return nil, "contains credentials; remove them, each agent has its own login and password"
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, "is no URL; write scheme, host and port, for example " + example
	case !slices.Contains(schemes, u.Scheme):
		return nil, "has a scheme that this vendor does not speak; write one of " + strings.Join(schemes, ", ") +
			", for example " + example
	case (u.Port() != "" && !address.Valid(u.Host)) || strings.HasSuffix(u.Host, ":"):
		return nil, "has no valid port; write for example " + example
	case u.Path != "" && u.Path != "/":
		return nil, "has a path; write scheme, host and port only, the program adds the vendor's path"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "has a query or fragment; write scheme, host and port only"
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, ""
}

// isPlain reports whether a scheme sends passwords in clear text.
func isPlain(scheme string) bool { return scheme == "http" || scheme == "ws" }
