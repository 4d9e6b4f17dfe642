package edna

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// window is how long an account may go unproven; the vendor names no limit.
const window = 5 * time.Minute

// specs describes every option of the vendor.
var specs = []option.Spec{
	{Name: "locale", Kind: option.String, MaxLen: 16, Doc: "language of the session, en or ru; the platform ignores it for integrators (default: none sent)"},
	{Name: "max_age", Kind: option.Duration, Default: "1h", Min: int64(time.Minute), Max: int64(365 * 24 * time.Hour), Doc: "age up to which a token is trusted; it is renewed before (the platform does not tell how long it lives)"},
	{Name: "probe", Kind: option.String, MaxLen: 1024, Doc: "path that answers 200 or 404 while the token lives, for example /api/v1/threads/1 (default: no probe, a dead token is not noticed)"},
}

// Settings are an account's decoded options: what [session.Account.Options]
// holds for this vendor.
type Settings struct {
	Locale string        // "": none sent
	MaxAge time.Duration // positive
	Probe  string        // an escaped path with or without a query; "": none
}

// decode turns an account's merged options into Settings and the terms that
// the driver keeps to.
func decode(set option.Set, _ time.Duration) (any, session.Terms, []option.Problem) {
	r := option.Read(set, specs)
	s := Settings{Locale: r.String("locale"), MaxAge: r.Duration("max_age")}
	var why string
	if s.Probe, why = parsePath(r.String("probe")); why != "" {
		r.Problem("probe", fmt.Sprintf("option \"probe\": %s: write for example /api/v1/threads/1", why))
	}
	// A Next that is cut loses nothing, and nothing can be displaced by force.
	return s, session.Terms{ForceLimit: 3, ForceWithin: 10 * time.Minute}, r.Problems()
}

// fingerprint returns what of the options a sign-in sends: the locale.
func fingerprint(options any) string {
	s, _ := options.(Settings)
	return "locale " + s.Locale
}

// parsePath reads the path of a probe as a person wrote it; why is what is
// wrong with it.
func parsePath(text string) (path, why string) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return "", ""
	case !strings.HasPrefix(text, "/"):
		return "", "no path on the platform"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host != "":
		return "", "no path on the platform"
	case strings.Contains(text, "#"):
		return "", "a path cannot hold a fragment (#)"
	}
	return u.RequestURI(), ""
}
