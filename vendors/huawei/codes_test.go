package huawei

import (
	"strings"
	"testing"
)

func TestExplain(t *testing.T) {
	for name, want := range map[string]string{
		"100-004": "password", "http 404": "gateway", "no-guid": "Guid", "timeout": "answer",
		codeShutdown: "signed out", codeKey: "key", codeUnverified: "sign-out",
	} {
		text, action, ok := codes.Explain(name)
		if !ok || !strings.Contains(text, want) || action == "" {
			t.Errorf("%s: %q, %q, %v", name, text, action, ok)
		}
	}
	if text, _, ok := codes.Explain("nonsense"); ok {
		t.Errorf("explained as %q", text)
	}
}
