// Package vendors is the table of vendors that the program can keep agents on, by
// their names in the configuration. Each vendor's package holds all that the program
// knows of it; README.md tells how to add one.
package vendors

import (
	"maps"
	"slices"

	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/ecss"
	"agentkeeper/vendors/edna"
	"agentkeeper/vendors/huawei"
	"agentkeeper/vendors/huaweiconfig"
	"agentkeeper/vendors/runtel"
)

// Vendor is one line of the table.
type Vendor = adapter.Vendor

// Table holds every vendor by its name in the configuration.
var Table = map[string]Vendor{
	"huawei":        huawei.Vendor,
	"ecss":          ecss.Vendor,
	"huawei-config": huaweiconfig.Vendor,
	"edna":          edna.Vendor,
	"runtel":        runtel.Vendor,
}

// Names returns the vendors' names, sorted.
func Names() []string { return slices.Sorted(maps.Keys(Table)) }
