// Package proxy is the local authenticating proxy: a program at the site sends
// its requests to /{platform}/{login}/… and they reach the platform as that
// agent, with the session's Guid and cookies or its bearer put in. The program
// never sees a secret, and never has to know when one changes.
//
//	POST http://127.0.0.1:9465/hq/291/agentgateway/resource/onlineagent/291/saybusy
//
// Login is one path segment: what a login holds beside letters, digits and
// -._~@ is percent-encoded, a slash too. What follows is decoded once, judged by
// the vendor's rules, and put behind the platform's address in the normal form
// that was judged; what is not plain is refused. See package vendors/rules.
//
// # Its place in the house
//
// Credentials and places of platforms come from package fleet, what a vendor lets
// through is its rule set in vendors/rules; the transports to the platforms are the
// proxy's own, for the keepers' wire is made for one long poll at a time.
//
// # Answers of its own
//
// The proxy's own answers are JSON, {"error": "…"}:
//
//   - 400: the request is not plain, so that a server could read another one in
//     it than the rules saw: unusual characters or encodings, headers that name
//     another method or path, a body where none belongs, trailers;
//   - 403: a log-in, a log-out, an event poll or anything else that would pull
//     the session from under its keeper; or a request that a web page of
//     another origin may have caused;
//   - 404: no such platform or agent;
//   - 405: a method that echoes or tunnels;
//   - 413: a request body beyond 32 MiB;
//   - 501: a vendor whose sessions are not spoken over HTTP, or a request to
//     change protocols;
//   - 502, 504: the platform could not be reached, or not in time;
//   - 503 with Retry-After: no session now, or too many requests at once.
//
// # A credential that the platform refuses
//
// An answer that refuses the credential is held back. The session's keeper is
// told (or, where its own polls find out, waited for), and as soon as there is
// a newer credential, the request is sent once more. Where none comes within
// [renewalTimeout], the platform's answer is passed on. A generation whose refusal
// led to no newer one is not reported again for [ignoreFor]: a path that is not open
// to the account must not cost a log-in per request.
//
// # Secrets in answers
//
// Headers that set a Guid, a cookie or a bearer do not reach the client, not
// even in interim answers and trailers. They are not kept either: Huawei
// changes Guids in answers to polls, handshakes and updateGuid only (vendor
// pages: polling, heartbeat, updateGuid), which are refused here, so that the
// keeper sees every change.
//
// # Who reaches it
//
// Whoever reaches the proxy acts as any agent. It listens on loopback addresses
// or a unix socket only, see [Listen]; of the two only the socket keeps out
// other users of the same host.
package proxy
