package huawei

import "fmt"

// fingerprint returns what of the options a sign-in sends (the fields, the
// skills and where events go): agents whose fingerprints differ need sessions made anew.
func fingerprint(options any) string {
	s, _ := options.(Settings)
	text := fmt.Sprintf("%+v skills %v %q", s.Fields, s.SkillsAll, s.Skills)
	if s.Push.On() {
		text += " push " + s.Push.CallbackURL
	}
	return text
}
