package ecss

import (
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/rules"
)

// Vendor is everything that the program knows of the vendor.
var Vendor = adapter.Vendor{
	Title:       "Eltex ECSS-10 contact centre",
	NeedsNumber: true, Schemes: []string{"wss", "ws", "https", "http"},
	Options: specs, Window: windowOf, Decode: decode, Fingerprint: fingerprint,
	Codes: codes, Rules: rules.Set{AdmitAction: admitAction}, Commands: commands, Work: &working, Open: newPlatform,
}
