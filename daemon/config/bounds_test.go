package config

import (
	"strings"
	"testing"

	"agentkeeper/session"
)

func TestNameLimits(t *testing.T) {
	if !isName(strings.Repeat("x", nameLimit)) || isName(strings.Repeat("x", nameLimit+1)) {
		t.Error("a name")
	}
	if wrongLogin(strings.Repeat("x", session.NameLimit)) != "" || wrongLogin(strings.Repeat("x", session.NameLimit+1)) == "" {
		t.Error("a login")
	}
}

func TestHostNames(t *testing.T) {
	for text, good := range map[string]bool{
		"keeper.example.com": true, ".example.com": true, "keeper": true, "10.0.0.7": true, "::1": true, "a_b-c.example.": true,
		"": false, ".": false, "https://keeper.example.com": false, "keeper:9464": false, "[::1]": false, "a..b": false, "*.example.com": false,
		"ключ.example": false, strings.Repeat("x", 253): true, strings.Repeat("x", 254): false,
	} {
		if isHost(text) != good {
			t.Errorf("%.40q: %v", text, !good)
		}
	}
}
