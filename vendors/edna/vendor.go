package edna

import (
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/rules"
)

// Vendor is everything that the program knows of the vendor.
var Vendor = adapter.Vendor{
	Title:   "edna Chat Center (integrator)",
	Schemes: []string{"https", "http"},
	Options: specs, Window: adapter.FixedWindow(window), Decode: decode, Fingerprint: fingerprint,
	Adopts: true, Renews: true,
	Codes: codes, Rules: rules.Set{Admit: admit, Judge: rules.JudgeStatus}, Commands: commands, Open: newPlatform,
}
