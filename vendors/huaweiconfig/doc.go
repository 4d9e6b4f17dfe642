// Package huaweiconfig keeps the configuration login of Huawei AICC /
// CC-Gateway ("C5") alive: it logs in with a number and a password, keeps the
// Guid from lapsing by a cheap request, and hands the Guid on to the programs
// that configure the gateway.
//
// It exports one value, [Vendor], for the table in package vendors. What it shares with
// package huawei, the other interface of the same gateway, is package ccgateway's.
//
// # The Guid
//
// A good login's answer carries a Guid in the header Guid and in its body
// (vendor page: configuration login). Each request with it compares now with the
// Guid's time: after a gap of more than the window (CONFIG_GUIDTIMEOUT, 2
// minutes) it is dead and only a new login helps (vendor page: dynamic
// authentication). Whether it is ever replaced is not documented, so any other Guid in
// a later answer's headers is adopted and used from the next request on.
//
// # With a probe
//
// No request made for keeping the Guid alive is known; the option `probe` names
// a cheap query for it. [session.Session]'s Step sends it at once after a login
// or an adoption and then at least every `keep_alive` (and every half window).
// A new login is needed only when an answer says that the Guid is dead (107-000,
// 107-007, HTTP 401): Lost, expired. Faults of the transport and of the platform
// say nothing about the Guid.
//
// A probe that cannot work must not cause a login after another: one whose first
// answer after a login already says "dead", or that it is no such request, is
// switched off for that login with a warning.
//
// # Without a probe
//
// Without a probe, or with one that was switched off, nothing can keep the Guid
// alive or prove it. Step then asks for a renewal once, at a random instant of
// 70 to 90 % of the window after the login, and again every 10 s until there is
// a new login; the Guid counts as lost when the window has passed. In between it
// returns without an error at least every half window: that is no proof.
//
// There is no logout. Signing out sends nothing and lets the Guid lapse.
package huaweiconfig
