package huaweiconfig

import (
	"agentkeeper/vendors/adapter"
	"agentkeeper/vendors/rules"
)

// Vendor is everything that the program knows of the vendor.
var Vendor = adapter.Vendor{
	Title:   "Huawei CC-Gateway configuration login (C5)",
	Schemes: []string{"https", "http"},
	Options: specs, Window: adapter.FixedWindow(window), Decode: decode, Advise: advise, WrongLogin: wrongLogin,
	Fingerprint: func(any) string { return "" }, // a sign-in sends none of the options
	Adopts:      true, Renews: true,
	Codes: codes, Rules: rules.Set{Admit: admit, Judge: judgeAnswer}, Commands: commands, Open: newPlatform,
}
