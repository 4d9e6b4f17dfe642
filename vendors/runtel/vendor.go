package runtel

import (
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/rules"
)

// Vendor is everything that the program knows of the vendor.
var Vendor = adapter.Vendor{
	Title:   "Runtel",
	Schemes: []string{"https", "http"},
	Options: specs, Window: adapter.FixedWindow(window), Decode: decode,
	Fingerprint: func(any) string { return "" }, // a log-in sends none of the options
	Adopts:      true, Renews: true,
	Codes: codes, Rules: rules.Set{Admit: admit, Judge: judgeAnswer}, Commands: commands, Open: newPlatform,
}
