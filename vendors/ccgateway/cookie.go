package ccgateway

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cookie is one cookie of the load balancer.
type Cookie struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Cookies are those of one session, each name once, in the order in which they
// were first set. Copies share nothing that is changed later.
type Cookies []Cookie

// cookieLimit bounds how many cookies a platform may set, and the length of each.
const (
	cookieLimit  = 32
	cookieLength = 4096
)

// Update takes over an answer's Set-Cookie lines: it replaces cookies by name,
// drops those that are emptied or expired, and reports whether anything changed.
func (l *Cookies) Update(lines []string, now time.Time) bool {
	changed := false
	for _, line := range lines {
		c, alive, ok := parseCookie(line, now)
		if ok && l.set(c, alive) {
			changed = true
		}
	}
	return changed
}

func (l *Cookies) set(c Cookie, alive bool) bool {
	all := *l
	i := slices.IndexFunc(all, func(old Cookie) bool { return old.Name == c.Name })
	switch {
	case !alive && i < 0, i < 0 && len(all) >= cookieLimit, alive && i >= 0 && all[i] == c:
		return false
	case !alive:
		*l = slices.Delete(slices.Clone(all), i, i+1)
	case i < 0:
		*l = append(slices.Clip(all), c)
	default:
		*l = slices.Clone(all)
		(*l)[i] = c
	}
	return true
}

// Header returns the Cookie header's value, "" for no cookies.
func (l Cookies) Header() string {
	pairs := make([]string, len(l))
	for i, c := range l {
		pairs[i] = c.Name + "=" + c.Value
	}
	return strings.Join(pairs, "; ")
}

// Secrets lists the values, which must not be shown.
func (l Cookies) Secrets() []string {
	list := make([]string, len(l))
	for i, c := range l {
		list[i] = c.Value
	}
	return list
}

// parseCookie reads one Set-Cookie line. alive is false where it deletes the
// cookie; ok is false where the line is none.
func parseCookie(line string, now time.Time) (c Cookie, alive, ok bool) {
	pair, attributes, _ := strings.Cut(line, ";")
	name, value, found := strings.Cut(pair, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !found || name == "" || len(pair) > cookieLength ||
		strings.ContainsFunc(name, notToken) || strings.ContainsFunc(value, notCookie) {
		return Cookie{}, false, false
	}
	return Cookie{Name: name, Value: value}, value != "" && !expired(attributes, now), true
}

// notCookie is more lenient than notToken: quotes and commas are met in the wild.
func notCookie(c rune) bool { return c < ' ' || c >= 0x7f || c == ';' }

// expired reads Max-Age, which counts before Expires.
func expired(attributes string, now time.Time) bool {
	var expires time.Time
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(attribute), "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "max-age":
			if seconds, err := strconv.Atoi(unquote(value)); err == nil {
				return seconds <= 0
			}
		case "expires":
			expires = cookieTime(unquote(value))
		}
	}
	return !expires.IsZero() && !expires.After(now)
}

func cookieTime(text string) time.Time {
	for _, layout := range []string{time.RFC1123, "Mon, 02-Jan-2006 15:04:05 MST", time.RFC850, time.ANSIC} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}
