//go:build !linux || noepoll

package waiting

import "context"

// Sockets returns the room that gives every task a goroutine: this system, or this
// build, has no other one.
func Sockets(context.Context) (Room, error) { return Goroutines(), nil }

type place struct{}

type sockets struct{}

func (*sockets) wake(*Seat) {}

func (*sockets) blocks(*Seat) {}
