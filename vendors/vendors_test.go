package vendors

import (
	"slices"
	"testing"
)

// A vendor that lacks a part fails here and not at a user: without proxy rules, for
// example, the local proxy would answer 501.
func TestVendorsAreWhole(t *testing.T) {
	for name, vendor := range Table {
		for _, part := range vendor.Lacks() {
			t.Errorf("%s has no %s", name, part)
		}
		_, terms, problems := vendor.Decode(nil, vendor.Window(nil))
		if len(problems) > 0 || terms.Grace < 0 {
			t.Errorf("%s: its own defaults are no good: %v", name, problems)
		}
	}
	if names := Names(); len(names) != len(Table) || !slices.IsSorted(names) {
		t.Error(names)
	}
}
