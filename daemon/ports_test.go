package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
)

// More agents than there are ports are told, with what to write.
func TestPortAdvice(t *testing.T) {
	for _, tt := range []struct {
		agents, sources int
		want            string
	}{
		{100, 0, ""},
		{101, 0, "101 agents of platform hq connect from 1 address(es)"},
		{101, 1, "write at least 2 addresses into platforms.hq.source_addresses"},
		{200, 2, ""},
		{201, 2, "write at least 3 addresses"},
	} {
		cfg := &config.Config{Platforms: []config.Platform{{Name: "hq"}, {Name: "pbx"}}}
		for i := range tt.agents {
			cfg.Agents = append(cfg.Agents, config.Agent{ID: session.ID{Platform: "hq", Login: fmt.Sprint(i)}})
		}
		for i := range tt.sources {
			cfg.Platforms[0].Dials.Sources = append(cfg.Platforms[0].Dials.Sources, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		}
		got := strings.Join(portAdvice(cfg, 100), "\n")
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%d agents, %d addresses: %q, want %q", tt.agents, tt.sources, got, tt.want)
		}
	}
	for text, want := range map[string]int{"32768\t60999\n": 28232, "1024 65535\n": 64512, "": usualPorts, "5 1": usualPorts} {
		if got := portsIn(text); got != want {
			t.Errorf("%q: %d ports, want %d", text, got, want)
		}
	}
}
