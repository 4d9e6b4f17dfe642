package ccgateway

import (
	"strings"
	"testing"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
)

// documented returns codes of the vendor's tables, with what they mean at a
// sign-in, a poll and a sign-out.
func documented() map[string][3]session.Kind {
	const (
		o = session.Outage
		l = session.Lost
		r = session.Refused
		k = session.Taken
		b = session.Busy
		d = session.OK
	)
	all := map[string][3]session.Kind{}
	for codes, kinds := range map[string][3]session.Kind{
		"000-000 000-004 000-007 100-003 100-005 100-007 105-002 105-003 107-001 107-004 107-005 110-003 999-001": {o, o, o},
		"000-001 000-002 000-005 000-006 100-001 100-012 100-013 100-014 100-016 100-017 100-018 100-060 107-002": {r, o, o},
		"100-004 100-061 100-062 107-003 110-016 110-021":                                                         {r, o, o},
		"100-002 100-011 100-015": {k, o, o},
		"000-003 105-001 105-004 105-005 105-006 105-007 107-000 107-007": {o, l, l},
		"100-006 100-008": {o, l, d},
		"100-009 100-010": {o, o, b},
		"101-001 104-001 106-001 107-010 107-067 110-002 110-012 110-017 200-017 210-001 300-002 900-001 120-001 nonsense": {o, o, o},
	} {
		for _, c := range strings.Fields(codes) {
			all[c] = kinds
		}
	}
	return all
}

// isRetcode tells the vendor's codes from families, HTTP statuses and our own.
func isRetcode(name string) bool {
	return len(name) == len("100-004") && strings.Trim(name, "0123456789-") == ""
}

func TestEveryCode(t *testing.T) {
	for c, kinds := range documented() {
		for r, want := range kinds {
			f := Codes.Fault(code.Request(r), c, "")
			if want == session.OK {
				if f != nil {
					t.Errorf("%s at request %d: %v, want none", c, r, f)
				}
				continue
			}
			if f == nil || f.Kind != want || f.Code != c || f.Text == "" || f.Action == "" {
				t.Errorf("%s at request %d: %+v, want %v", c, r, f, want)
			}
		}
	}
	all := documented()
	for c := range Codes.Lines {
		if _, ok := all[c]; !ok && isRetcode(c) {
			t.Errorf("%s is in the table but in no test", c)
		}
	}
}

// A refusal counts towards the lock-out guard only where it is about the
// password, and is never made of anything unknown.
func TestRefusalsHaveACause(t *testing.T) {
	credentials := "100-004 100-061 100-062 107-003 110-016 110-021"
	for c, line := range Codes.Lines {
		for r, v := range line.On {
			want := session.CauseSetting
			if strings.Contains(credentials, c) {
				want = session.CauseCredential
			}
			if v.Kind == session.Refused && (v.Cause != want || code.Request(r) != code.SignIn) {
				t.Errorf("%s at request %d: %v, %v", c, r, v.Kind, v.Cause)
			}
		}
	}
}

func TestExplain(t *testing.T) {
	for name, want := range map[string]string{
		"100-004": "password", "105-001": "record", "200-017": "call-control", "107-045": "configuration",
		"http 404": "gateway", "http 302": "redirect", "http 418": "unexpected", "unreadable": "envelope", "timeout": "answer", "certificate": "certificate",
	} {
		text, action, ok := Codes.Explain(name)
		if !ok || !strings.Contains(text, want) || action == "" {
			t.Errorf("%s: %q, %q, %v", name, text, action, ok)
		}
	}
	for _, name := range []string{"", "0", "120-001", "http x", "nonsense"} {
		if text, _, ok := Codes.Explain(name); ok {
			t.Errorf("%q is explained as %q", name, text)
		}
	}
}
