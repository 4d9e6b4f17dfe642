package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"agentkeeper/session"
)

// sizeUnits are the suffixes of a size, longest first.
var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// parseSize reads a number of bytes above zero: 1GiB, 1.5 GB, 4096.
func parseSize(text string) (int64, bool) {
	number, unit := text, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = strings.TrimRight(rest, " "), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	bytes := n * float64(unit)
	if err != nil || !(bytes >= 1) || bytes >= math.MaxInt64 || strings.Trim(number, "0123456789.") != "" {
		return 0, false
	}
	return int64(bytes), true
}

// isAddress reports whether text is host:port, where host may be empty.
func isAddress(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil && !strings.ContainsFunc(host, func(c rune) bool {
		return unicode.IsSpace(c) || unicode.IsControl(c) || c == '/' || c == '@'
	})
}

// isHost reports whether text is a host's name or address as a URL has it,
// without a port; a dot before it stands for all names below.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "."), ".")
	return text != "" && len(text) <= 253 && !strings.Contains(text, "..") && !strings.ContainsFunc(text, func(c rune) bool {
		return c > unicode.MaxASCII || (!unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.", c))
	})
}

// isName reports whether text can name a platform or a group. Names become
// part of addresses and labels.
func isName(text string) bool {
	return text != "" && text != "." && text != ".." && len(text) <= nameLimit && !strings.ContainsFunc(text, func(c rune) bool {
		return c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.", c)
	})
}

// nameLimit is the longest name of a platform or a group, in bytes.
const nameLimit = 128

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
	case u.Port() != "" && !isAddress(u.Host) || strings.HasSuffix(u.Host, ":"):
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
