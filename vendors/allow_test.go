package vendors

import (
	"strings"
	"testing"
)

func TestWhatMayBeAllowed(t *testing.T) {
	for _, test := range []struct{ vendor, entry, wrong string }{
		{"huawei", "do:busy", ""},
		{"huawei", "POST onlineagent", ""},
		{"huawei", "POST onlineagent/291/saybusy", ""},
		{"huawei", "GET /", ""},
		{"huawei", "DELETE onlineagent/291", ""}, // what is behind it may be sent
		{"huawei", "POST onlineagent/291/logout", "never sent"},
		{"huawei", "GET agentevent", "never sent"},
		{"huawei", "POST account/modifyaccountpwdex", "never sent"},
		{"huawei", "call/accept", "HTTP"},
		{"huawei", "do:dance", "names no verb"},
		{"ecss", "call/accept", ""},
		{"ecss", "operator/break", ""},
		{"ecss", "operator/forceLogout", "never sent"},
		{"ecss", "do:busy", "no documented way"},
		{"ecss", "POST call/accept", "frames"},
		{"runtel", "POST api/", ""},
		{"runtel", "do:busy", "no documented way"},
		{"edna", "PUT api/v1/agents", ""},
		{"edna", "POST api/auth/login", "never sent"},
		{"edna", "do:ready", "no documented way"},
		{"huawei-config", "GET config", ""},
	} {
		v, known := Table[test.vendor]
		if !known {
			t.Errorf("there is no vendor %s: %v", test.vendor, Names())
			continue
		}
		err := v.CheckAllow(test.entry)
		if (err == nil) != (test.wrong == "") || (err != nil && !strings.Contains(err.Error(), test.wrong)) {
			t.Errorf("%s, %s: %v", test.vendor, test.entry, err)
		}
	}
}
