// Package adapter says what a vendor is made of: one value that holds everything the
// program knows of it. Each vendor's package makes that value, and package
// vendors puts them into the table that the configuration, the fleet and the local
// proxy read. vendors/README.md tells how to add one.
package adapter

import (
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/command"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// Vendor is one vendor: its options, its adapter, its codes and its proxy rules. All
// functions may be called from any goroutine. Lacks tells which parts are missing.
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
	// WrongWish tells what is wrong with a wish for an agent's working state, other
	// than work.AsIs, and its code ("" for none), and what to write; "" for one that
	// can be kept. nil where the vendor has no documented way to set any.
	WrongWish func(w work.Wish, code string) string
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
	// Codes says what the platform's answers mean; every fault of the adapter has a
	// code that is in it.
	Codes code.Table
	// Rules are what other programs may send on an agent's session.
	Rules rules.Set
	// Work is what the vendor tells of its agents' working state; nil: nothing.
	Work *Work
	// Commands are what programs may ask for by the service, one at a time.
	Commands command.Set
	// Open makes the adapter for one platform. It does no I/O.
	Open func(p wire.Place) session.Platform
}

// FixedWindow is the Window of a vendor whose options do not change it.
func FixedWindow(d time.Duration) func(option.Set) time.Duration {
	return func(option.Set) time.Duration { return d }
}

// Lacks names the parts that every vendor needs and that v has not; none is none.
func (v Vendor) Lacks() (parts []string) {
	_, answered := v.Codes.Line(code.Status(999))
	overHTTP := v.Rules.Admit != nil && v.Rules.Judge != nil
	for _, part := range []struct {
		name  string
		there bool
	}{
		{"Title", v.Title != ""},
		{"Schemes", len(v.Schemes) > 0},
		{"Window", v.Window != nil},
		{"Decode", v.Decode != nil},
		{"Fingerprint", v.Fingerprint != nil},
		{"Open", v.Open != nil},
		{`Codes with a line "http ###"`, answered},
		{"Rules with Admit and Judge, or with AdmitAction for a vendor that is not spoken over HTTP", overHTTP != (v.Rules.AdmitAction != nil)},
		{"Commands with Read, for a vendor that is spoken over HTTP", !overHTTP || v.Commands.Read != nil},
	} {
		if !part.there {
			parts = append(parts, part.name)
		}
	}
	return append(parts, v.undocumented()...)
}

// undocumented names the options and codes that people would be told nothing of.
func (v Vendor) undocumented() (parts []string) {
	for _, spec := range v.Options {
		if strings.TrimSpace(spec.Doc) == "" {
			parts = append(parts, "Doc of the option "+spec.Name)
		}
	}
	for name, line := range v.Codes.Lines {
		if line.Text == "" && line.On != code.Always(code.Done) {
			parts = append(parts, "Text of the code "+name)
		}
	}
	return parts
}
