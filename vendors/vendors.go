// Package vendors is the table of platforms that the program can keep agents
// on: vendor name -> how to read its options and open its adapter. Adding a
// vendor means adding a package and a line here.
package vendors

import (
	"slices"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/ecss"
	"agentkeeper/vendors/edna"
	"agentkeeper/vendors/huawei"
	"agentkeeper/vendors/huaweiconfig"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/runtel"
	"agentkeeper/vendors/wire"
)

// Vendor is one line of the table.
type Vendor struct {
	// Title names the product for people.
	Title string
	// Options describes every option of the vendor.
	Options []option.Spec
	// NeedsNumber tells whether an agent without `number` is a mistake.
	NeedsNumber bool
	// WrongLogin tells what is wrong with a login that the vendor can never know,
	// and what to write; "" for a possible one. nil where every text is possible.
	WrongLogin func(login string) string
	// OddLogin tells what is strange about a login that the vendor may know all the
	// same, "" for a usual one. nil where every text is usual.
	OddLogin func(login string) string
	// Schemes lists the URL schemes that the adapter speaks.
	Schemes []string
	// Window returns the vendor's default window for the platform's options.
	Window func(platform option.Set) time.Duration
	// Decode turns an agent's merged options into the adapter's own type and
	// the terms that the driver keeps to. window is the platform's.
	Decode func(set option.Set, window time.Duration) (options any, terms session.Terms, problems []option.Problem)
	// Advise tells what of an agent's merged options is good and yet unwise; nil
	// where there is nothing to tell.
	Advise func(set option.Set, window time.Duration) []option.Problem
	// Fingerprint tells what of an agent's options a sign-in sends; a change of
	// it needs the session made anew, any other change does not.
	Fingerprint func(options any) string
	// Adopts tells whether a session outlives its connection, so that another
	// keeper can go on with it.
	Adopts bool
	// Renews tells whether a live session is renewed by a new sign-in beside it
	// (a token), without a sign-out.
	Renews bool
	// Rules are what other programs may send on an agent's session.
	Rules rules.Set
	// Open makes the adapter for one platform. It does no I/O.
	Open func(p wire.Place) session.Platform
	// Explain looks up a vendor code for people: what it means and what they
	// can do. ok is false for unknown codes.
	Explain func(code string) (text, action string, ok bool)
}

// Table holds every vendor by its name in the configuration.
var Table = map[string]Vendor{
	"huawei": {
		Title: "Huawei AICC / CC-Gateway agents", Options: huawei.Options, NeedsNumber: true,
		Schemes: []string{"https", "http"}, Window: huawei.Window, Decode: huawei.Decode, OddLogin: huawei.OddLogin,
		Advise: huawei.Advise, Fingerprint: huawei.Fingerprint, Adopts: true, Rules: huawei.Rules(), Open: huawei.Open, Explain: huawei.Explain,
	},
	"ecss": {
		Title: "Eltex ECSS-10 contact centre", Options: ecss.Options, NeedsNumber: true,
		Schemes: []string{"wss", "ws", "https", "http"}, Window: ecss.Window, Decode: ecss.Decode,
		Fingerprint: ecss.Fingerprint, Adopts: false, Rules: ecss.Rules(), Open: ecss.Open, Explain: ecss.Explain,
	},
	"huawei-config": {
		Title: "Huawei CC-Gateway configuration login (C5)", Options: huaweiconfig.Options, WrongLogin: huaweiconfig.WrongLogin,
		Schemes: []string{"https", "http"}, Window: huaweiconfig.Window, Decode: huaweiconfig.Decode,
		Advise: huaweiconfig.Advise, Fingerprint: huaweiconfig.Fingerprint, Adopts: true, Renews: true, Rules: huaweiconfig.Rules(), Open: huaweiconfig.Open, Explain: huaweiconfig.Explain,
	},
	"edna": {
		Title: "edna Chat Center (integrator)", Options: edna.Options,
		Schemes: []string{"https", "http"}, Window: edna.Window, Decode: edna.Decode,
		Fingerprint: edna.Fingerprint, Adopts: true, Renews: true, Rules: edna.Rules(), Open: edna.Open, Explain: edna.Explain,
	},
	"runtel": {
		Title: "Runtel", Options: runtel.Options,
		Schemes: []string{"https", "http"}, Window: runtel.Window, Decode: runtel.Decode,
		Fingerprint: runtel.Fingerprint, Adopts: true, Renews: true, Rules: runtel.Rules(), Open: runtel.Open, Explain: runtel.Explain,
	},
}

// Names returns the vendors' names, sorted.
func Names() []string {
	names := make([]string, 0, len(Table))
	for name := range Table {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
