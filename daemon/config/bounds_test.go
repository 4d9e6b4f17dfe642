package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/holiday"
	"agentkeeper/session"
)

func TestNameLimits(t *testing.T) {
	if !strict.IsName(strings.Repeat("x", strict.NameLimit)) || strict.IsName(strings.Repeat("x", strict.NameLimit+1)) {
		t.Error("a name")
	}
	if wrongLogin(strings.Repeat("x", session.NameLimit)) != "" || wrongLogin(strings.Repeat("x", session.NameLimit+1)) == "" {
		t.Error("a login")
	}
}

// Each file is read up to its bound, and a larger one is a mistake.
func TestFileLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		limit int
		text  string // names the file a; "" where it is the configuration itself
	}{
		"the configuration": {maxFile, ""},
		"a list of agents":  {maxFile, hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents_file: a}]\n"},
		"a list of days":    {holiday.MaxFile, hq + "groups: [{name: g, platform: hq, passwords_dir: d, schedule: {sign_in: 0 9 * * *, sign_out: 0 18 * * *, holidays: [a]}}]\n"},
		"certificates":      {maxPEM, "platforms: {hq: {vendor: huawei, url: 'https://h', tls: {ca_file: a}}}\n"},
	} {
		dir := t.TempDir()
		path, file := filepath.Join(dir, "agentkeeper.yaml"), filepath.Join(dir, "a")
		if tt.text == "" {
			file = path
		} else if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("#\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(file, int64(tt.limit)); err != nil { // a hole: it costs no disk
			t.Fatal(err)
		}
		if text, _, err := readRegular(file, int64(tt.limit)); err != nil || len(text) != tt.limit {
			t.Errorf("%s at the bound: %d bytes, %v", name, len(text), err)
		}
		if err := os.Truncate(file, int64(tt.limit)+1); err != nil {
			t.Fatal(err)
		}
		_, warnings, err := Load(path, WithVendors(testVendors()))
		if !strings.Contains(fmt.Sprint(err, warnings), tooLarge(int64(tt.limit)).Error()) {
			t.Errorf("%s above the bound: %.300v", name, err)
		}
	}
}

// As many agents as may be are taken, and one more is a mistake.
func TestAgentLimit(t *testing.T) {
	for list, want := range map[string]bool{"login,number\n1,1\n": false, "login,number\n1,1\n2,2\n": true} {
		text := hq + "groups: [{name: g, platform: hq, passwords_dir: d, agents_file: a}]\n"
		l := newLoader("/c", []Option{WithVendors(testVendors()), WithTexts(map[string]string{"/c": text, "/a": list})})
		l.config.Agents = make([]Agent, maxAgents-1)
		l.load("/c")
		said := strings.Contains(Problems(l.Problems).Error(), fmt.Sprintf("more than %d agents", maxAgents))
		if said != want || len(l.config.Agents) != maxAgents {
			t.Errorf("%q: %d agents, %v", list, len(l.config.Agents), l.Problems)
		}
	}
}

// Every count takes its most, and one more is too large, as is what no int holds.
func TestCountLimits(t *testing.T) {
	eachKey(&rootSection, "", func(path string, k strict.Key) {
		if k.Kind != kindCount {
			return
		}
		for text, isTooLarge := range map[string]bool{
			fmt.Sprint(k.Most): false, fmt.Sprint(k.Most + 1): true, "99999999999999999999": true, "-99999999999999999999": false,
		} {
			config, col := nested(path, text)
			inDir(t, map[string]string{main: config})
			_, _, err := load(t)
			want := fmt.Sprintf("%s:1:%d: ", main, col)
			said := slices.ContainsFunc(problemLines(t, err), func(s string) bool {
				return strings.HasPrefix(s, want) && strings.Contains(s, fmt.Sprintf("is too large; write %d or less", k.Most))
			})
			if said != isTooLarge {
				t.Errorf("%s: %s is too large: %v, want %v: %v", path, text, said, isTooLarge, err)
			}
		}
	})
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
