// Package rules is what a program other than the keeper may send to a platform
// on an agent's session. Each vendor gives its rules as a [Set]; the local proxy
// (daemon/proxy) asks them. The package imports nothing of the program.
//
// # One normal form
//
// Servers differ in what they read in an unusual spelling: "logout%3Fx", "logout;x",
// "/a/../logout", "auth\u0000", a key that is written twice, a method that is
// named in a header. So a request is decoded once, refused where it is not plain,
// judged in its normal form, and it is this form that is sent, whatever the
// program wrote:
//
//   - [Parse] takes method, path, query and headers apart, [Request.WithBody]
//     adds the body;
//   - the vendor's [Set.Admit] refuses log-ins, log-outs, polls, and whatever
//     else would take the session from under its keeper, and returns the request
//     as it is to be sent;
//   - [Request.Path], [Request.RawQuery] and Request.Body are what is sent.
//
// Plain is: segments of ASCII letters, digits and a few marks, none of them
// empty or made of dots; query keys of ASCII letters, digits, "_", "-" and ".";
// query values of printable UTF-8 without a further encoding; JSON whose objects
// have each key once, capital letters not counted. Everything has a bound.
//
// Vendors whose requests name an action in the body (Runtel, and ECSS frames)
// read it with [ParseObject] and [PlainName].
//
// The package is pure: no clock, file, network or log. No text of it repeats a
// value.
package rules
