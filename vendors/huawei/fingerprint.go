package huawei

import "fmt"

// Fingerprint tells what of the options a sign-in sends (the fields and the
// skills): agents whose fingerprints differ need sessions made anew.
func Fingerprint(options any) string {
	s, _ := options.(Settings)
	return fmt.Sprintf("%+v skills %v %q", s.Fields, s.SkillsAll, s.Skills)
}
