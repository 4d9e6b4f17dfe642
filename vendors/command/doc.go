// Package command says what a program may ask of a vendor's platform through an
// agent's session, and what the answers mean. Each vendor gives a [Set]; daemon/command
// sends what it describes. What must never be sent is not said here, but by the
// vendor's rules.Set, which judges every command as it judges the proxy's requests.
//
// The package is pure: no clock, file, network or log.
package command
