package vendors

import (
	"fmt"
	"strings"
	"testing"

	"agentkeeper/test/manual"
)

// Each vendor's page has the table of options that the decoder uses.
func TestTablesOfOptions(t *testing.T) {
	for name, vendor := range Table {
		var out strings.Builder
		out.WriteString("| option | default | |\n|---|---|---|\n")
		for _, spec := range vendor.Options {
			fallback := ""
			if spec.Default != "" {
				fallback = "`" + spec.Default + "`"
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s |\n", spec.Name, fallback, manual.Cell(spec.Text()))
		}
		manual.Generated(t, "docs/"+name+".md", "options", "go test ./vendors -run TestTablesOfOptions -update", out.String())
	}
}
