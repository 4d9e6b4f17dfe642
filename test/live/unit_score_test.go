package live

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// worstScore is what `systemd-analyze security` may say, 0 being best.
const worstScore = 1.2

var scoreLine = regexp.MustCompile(`exposure level for agentkeeper\.service: ([0-9.]+)`)

// TestUnitScore asks systemd what it thinks of the units: no complaint, and
// little exposure, as a package installs them and as the unit stands alone.
func TestUnitScore(t *testing.T) {
	t.Parallel()
	onMachines(t, func(t *testing.T, m *machine) {
		m.installUnit()
		// The page is a package's.
		if out := m.run("systemd-analyze", "verify", "--man=no", unit, socketUnit); out != "" {
			t.Errorf("systemd-analyze verify: %s", out)
		}
		for _, user := range []string{"user", "dynamic user"} {
			out := m.run("systemd-analyze", "security", "--no-pager", unit)
			found := scoreLine.FindStringSubmatch(out)
			if found == nil {
				t.Fatalf("no score in %s", out)
			}
			if score, err := strconv.ParseFloat(found[1], 64); err != nil || score > worstScore {
				t.Errorf("%s: the score is %s, want %v at most:\n%s", user, found[1], worstScore, leftOpen(out))
			}
			t.Logf("systemd %s, %s: exposure level %s; left are\n%s", m.version, user, found[1], leftOpen(out))
			m.run("rm", "-f", "/usr/lib/systemd/system/agentkeeper.service.d/10-user.conf")
			m.run("systemctl", "daemon-reload")
		}
	})
}

// leftOpen is what the table of a unit's security leaves open.
func leftOpen(table string) string {
	var lines []string
	for line := range strings.Lines(table) {
		if strings.HasPrefix(line, "✗") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return strings.Join(lines, "\n")
}
