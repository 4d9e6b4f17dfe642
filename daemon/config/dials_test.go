package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestDials(t *testing.T) {
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf("127.0.%d.%d", i/250, i%250+1))
		}
		return strings.Join(list, ", ")
	}
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"addresses of this machine", "source_addresses: [127.0.0.2, '127.0.0.3']", ""},
		{"one of another machine", "source_addresses: [127.0.0.2, 203.0.113.7]", "1:89: this machine does not have the address 203.0.113.7"},
		{"a name", "source_addresses: [localhost]", "1:78: platforms.hq.source_addresses holds what is no address of a machine"},
		{"a network", "source_addresses: [10.0.0.0/8]", "holds what is no address of a machine"},
		{"a list", "source_addresses: [[127.0.0.1]]", "holds what is no address of a machine"},
		{"every address", "source_addresses: [0.0.0.0]", "holds what is no address of a machine"},
		{"one twice", "source_addresses: [127.0.0.2, '::ffff:127.0.0.2']", "1:89: platforms.hq.source_addresses has this address twice"},
		{"the other family", "source_addresses: ['::1']", "has an address that cannot reach 10.0.0.5: one is IPv4, the other IPv6"},
		{"as many as may be", "source_addresses: [" + many(maxSources) + "]", ""},
		{"too many", "source_addresses: [" + many(maxSources+1) + "]", "platforms.hq.source_addresses has 257 addresses; write at most 256"},
		{"few at once", "concurrent_dials: 1", ""},
		{"as many at once as may be", fmt.Sprintf("concurrent_dials: %d", maxDials), ""},
		{"too many at once", fmt.Sprintf("concurrent_dials: %d", maxDials+1), "platforms.hq.concurrent_dials is too large; write 1000 or less"},
		{"none at once", "concurrent_dials: 0", "platforms.hq.concurrent_dials is no whole number above 0"},
	} {
		text := "platforms: {hq: {vendor: huawei, url: 'https://10.0.0.5', " + test.text + "}}\n" +
			"groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n"
		inDir(t, map[string]string{main: text, "d/1": "secret"})
		_, warnings, err := load(t)
		said := fmt.Sprint(warnings)
		if err != nil {
			said = err.Error()
		}
		if (test.want == "" && said != "[]") || !strings.Contains(said, test.want) {
			t.Errorf("%s: said %s, want %q", test.name, said, test.want)
		}
	}
	inDir(t, map[string]string{main: "platforms: {hq: {vendor: huawei, url: 'https://h', source_addresses: ['::1', 127.0.0.2]}}\n" +
		"groups: [{name: g, platform: hq, passwords_dir: d, agents: [{login: '1', number: '2'}]}]\n", "d/1": "secret"})
	c, _, err := load(t)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, fmt.Sprint(c.Platforms[0].Dials), fmt.Sprint(Dials{32, []netip.Addr{netip.IPv6Loopback(), netip.MustParseAddr("127.0.0.2")}}))
}
