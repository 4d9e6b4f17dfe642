package session

import "context"

// Blocker is who steps an agent, as the context of a step knows it.
type Blocker interface {
	// Blocks is told before the step waits for something more than it works. It does
	// not block.
	Blocks()
}

type blockerKey struct{}

// IsBlockerKey reports whether a context is asked for its Blocker.
func IsBlockerKey(key any) bool { return key == blockerKey{} }

// Blocks tells whoever steps an agent, if ctx is that of a step, that the step waits
// for something from now on: a connection that is made, an answer. Others may step
// meanwhile.
func Blocks(ctx context.Context) {
	if b, ok := ctx.Value(blockerKey{}).(Blocker); ok {
		b.Blocks()
	}
}
