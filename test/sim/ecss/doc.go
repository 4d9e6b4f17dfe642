// Package ecss simulates the contact-centre proxy of Eltex ECSS-10: the JSON
// dialogue over a websocket on port 8091, with the core behind it (agents,
// numbers, sessions, calls) as far as a client can see it.
//
// What the vendor documents is fixed: the upgrade on "/", without compression
// or subprotocol; the envelope {action, requestId, payload, status}; `login`
// with its eight texts under status 401; `call/subscribe` answering an array;
// `call/accept` answering {"ok":{}}. What the vendor leaves open is a switch
// each ([Switches]), so that a client can be run against every reading.
// Nothing is forgiven: a request that is not in the documented form is
// answered with an error and noted as a violation.
//
// A [Sim] is an http.Handler: put it on a listener with [sim.Serve]. Under
// /_sim/ it serves the control interface, which mirrors the methods of Sim:
//
//	GET    /_sim/state                         what is, with counts and violations
//	GET    /_sim/switches                      the switches; PATCH or POST changes those that are given
//	POST   /_sim/agents/{login}/kick           a supervisor's forced logout; {"signal":"silent"} overrides
//	POST   /_sim/agents/{login}/logout         a logout behind the client's back, as by the phone's feature code
//	POST   /_sim/agents/{login}/displace       another client logs in as this agent
//	POST   /_sim/agents/{login}/call           {"number_a":"…","ring":"20s",…}; answers {"id":…}
//	POST   /_sim/agents/{login}/hangup         the caller hangs up; {"id":…}, or all calls of the agent
//	POST   /_sim/agents/{login}/answer         {"id":…} at the telephone; hold, unhold and complete likewise
//	POST   /_sim/agents/{login}/block          by a supervisor; unblock ends it
//	POST   /_sim/agents/{login}/forbid         {"action":…}: answered 500, code 5; permit ends it
//	POST   /_sim/agents/{login}/asked          {"count":1}: so many commands come from a program
//	GET    /_sim/agents/{login}/commands       the latest commands as they came
//	POST   /_sim/agents/{login}/password       {"password":"…"}
//	POST   /_sim/agents/{login}/lock           logins are refused, whatever the password; unlock ends it
//	POST   /_sim/agents/{login}/away           the agent goes to auxwork; available ends it
//	POST   /_sim/numbers/{number}/occupy       another operator takes the number; free gives it back
//	POST   /_sim/restart                       {"clean":true,"for":"5s"}: the proxy restarts
//	POST   /_sim/core                          {"state":"gateway_timeout","for":"30s","end_sessions":true}
//
// and the faults, outages and violations of package sim.
//
// An agent is named by its login, with "@domain" behind it outside the
// simulator's own domain. Everything happens on the goroutines of the http
// server and on a few of the simulator's own, which [Sim.Close] joins; time is
// package time, so a testing/synctest bubble can hold all of it.
package ecss
