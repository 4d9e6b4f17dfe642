// Package ccgateway holds what the interfaces of one Huawei CC-Gateway
// ("agentgateway") have in common, whichever of them an adapter keeps sessions
// on: the envelope of answers, the table of retcodes, the Guid and the load
// balancer's cookies. It sends nothing and keeps nothing.
//
// Business failures come as a retcode, mostly in a 200 answer; it counts under any
// other status too. The same retcode can mean different things after a sign-in, a
// poll and a sign-out ([code.Request]); the table in codes.go says which. Everything
// that is no well-formed envelope is the transport's trouble and never "signed
// out". After an operation, 502, 504, an unreadable 2xx answer and silence leave it
// in doubt; other statuses are outages.
//
// Packages huawei and huaweiconfig are its only users.
package ccgateway
