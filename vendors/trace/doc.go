// Package trace writes down what agents and their platforms say to each other,
// without secrets, for disputes with a vendor. It knows no vendor: package wire
// shows it requests and answers, the websocket its frames.
//
// # What it costs
//
// While nobody is traced [Traces.Of] is the load of one pointer, and returns nil:
// whoever has something to show asks it first and does nothing more then.
//
// # What counts as a secret
//
// Secrets are replaced by "***" before a line leaves this package:
//
//   - by name: the values of headers, cookies, parameters and JSON members whose
//     name tells of a password, a token, a Guid, a session, a cookie or a
//     credential (see secretName), whatever is nested below them;
//   - by value: the agent's password and token, and every value that was hidden by
//     its name before, wherever it stands and however it is encoded (JSON, URL,
//     HTML, one in the other), while the agent is traced. Values of less than four
//     characters are hidden by their names alone: to replace them everywhere would
//     tell them, and make the text unreadable;
//   - by shape: what looks like a token, a JWT or a Guid, whoever's it is, unless it
//     is called an id (callid, X-Request-Id) and no secret;
//   - the address that an answer redirects to is cut behind its host.
package trace
