// Package huawei keeps agents on Huawei AICC / CC-Gateway ("agentgateway"): it
// signs in with a password and a number, proves the session by a long poll that
// also brings the agent's events, and signs out.
//
// It exports one value, [Vendor], for the table in package vendors. What it shares with
// package huaweiconfig, the other interface of the same gateway, is package ccgateway's.
//
// # The Guid
//
// A sign-in's answer carries the session's Guid in the header Set-GUID, and any
// later answer may replace it (vendor page: authentication mode; by default it
// is replaced every 60 s and dies after 120 s). The Guid and the load
// balancer's cookies are taken from every answer before anybody looks at the
// rest, whatever its status or retcode, and used from the next request on.
// They are the session's [session.Key].
//
// # What an answer means
//
// Package ccgateway judges every answer. A poll that the transport lost, or that
// was answered with anything but a well-formed envelope, is never "signed out":
// polls go on with the same Guid.
//
// # Pushed events
//
// A sign-in that names a callback and a service token makes a session whose
// events the gateway sends to us; it may not poll and is kept by handshakes. What
// came is handed to Receive by whoever listens, waits in the session's inbox until
// Step fetches it, and is answered when the driver says what became of it. The
// token is part of the key, so that an adopted session takes callbacks at once. A
// token that changes needs a new sign-in: that a handshake replaces it is one
// reading of the vendor's page only.
//
// # Goroutines
//
// None while an agent waits: Step begins a poll and comes back for the answer, and
// an inbox sets a signal when something came. Setting the agent's skills after a
// sign-in takes a second, short-lived connection and goroutine beside the poll,
// joined by Close.
package huawei
