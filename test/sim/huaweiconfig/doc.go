// Package huaweiconfig simulates the configuration login of Huawei AICC /
// CC-Gateway (the calls named C5 by the vendor) as far as a program that keeps a
// Guid alive can meet it: the login, any query under /config/, the two-minute
// gap, lock-out, and what the vendor's pages leave open as a switch.
//
// A Sim starts no goroutine and no timer of its own: ends of Guids are computed
// when a request looks at them. It may be used inside a testing/synctest bubble
// over sim.Pipe.
package huaweiconfig
