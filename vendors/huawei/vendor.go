package huawei

import (
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/rules"
)

// Vendor is everything that the program knows of the vendor.
var Vendor = adapter.Vendor{
	Title:       "Huawei AICC / CC-Gateway agents",
	NeedsNumber: true, WrongWish: wrongWish, Schemes: []string{"https", "http"},
	Options: specs, Window: adapter.FixedWindow(window), Decode: decode, Advise: advise, OddLogin: oddLogin,
	Fingerprint: fingerprint, Adopts: true,
	Codes: codes, Rules: rules.Set{Admit: admit, Judge: judgeAnswer}, Commands: commands, Work: &working, Open: newPlatform,
}
