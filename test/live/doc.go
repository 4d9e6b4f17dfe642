// Package live tests the programs as they are shipped: a built agentkeeper
// keeps agents signed in on a built vendorsim, over real sockets and with real
// signals, and the platform's counts say whether it kept its promises.
//
// Everything happens on 127.0.0.1 and in temporary directories. A test waits
// for what it can see with generous limits, never for a time to pass, so that
// a loaded machine makes it slow and not wrong. No simulator may have seen a
// violation of its vendor's rules when its test ends.
package live
