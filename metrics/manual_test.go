package metrics

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"agentkeeper/test/manual"
)

// means is the first sentence of what an alert's heading in the runbook begins with.
var means = regexp.MustCompile(`(?s)^\n+\*\*Means\*\* (.+?\.)(?:\s|$)`)

// linked is a link within the runbook, which leads nowhere from another page.
var linked = regexp.MustCompile(`\[([^\]]+)\]\(#[^)]+\)`)

// README.md has a table of the alerts, with what the runbook says first of each.
func TestTableOfAlerts(t *testing.T) {
	runbook := read(t, "runbook.md")
	var out strings.Builder
	out.WriteString("| alert | severity | after | means |\n|---|---|---|---|\n")
	for _, r := range rules(t, "alerts.yaml") {
		if r.Alert == "" {
			continue
		}
		_, chapter, _ := strings.Cut(runbook, "\n## "+r.Alert+"\n")
		found := means.FindStringSubmatch(chapter)
		if found == nil {
			t.Errorf("runbook.md does not say what %s means", r.Alert)
			continue
		}
		after := r.For
		if after == "" {
			after = "at once"
		}
		fmt.Fprintf(&out, "| [`%s`](runbook.md#%s) | %s | %s | %s |\n", r.Alert, strings.ToLower(r.Alert), r.Labels["severity"], after, manual.Cell(linked.ReplaceAllString(found[1], "$1")))
	}
	manual.Generated(t, "README.md", "alerts", "go test ./metrics -run TestTableOfAlerts -update", out.String())
}
