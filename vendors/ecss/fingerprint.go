package ecss

import "fmt"

// fingerprint returns what of the options a log-in sends: agents whose
// fingerprints differ need sessions made anew.
func fingerprint(options any) string {
	s, ok := options.(*settings)
	if !ok {
		s = &settings{}
	}
	return fmt.Sprintf("%q", []string{s.profile, s.domain, s.role, fmt.Sprint(s.byPost), s.path, s.tokenIn, s.origin})
}
