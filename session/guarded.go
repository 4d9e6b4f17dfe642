package session

import "context"

// Guarded is a Platform behind a gate, as the driver of one agent sees it. Its
// methods and their errors are those of Platform, but for the turn that an
// operation has to wait for. Until that comes the method returns a Wait, and
// nothing else: nothing was sent. It is called again, for the same operation, when
// the wait is over, and may be called sooner, until it returns without a Wait. When
// ctx has ended before the turn came, the operation gives its place in the queue up
// and returns the context's error.
//
// A turn is used by the call that it is given to: there is none that could be kept,
// lost or used twice.
type Guarded interface {
	SignIn(ctx context.Context, a Account, force bool) (GuardedSession, Wait, error)
	Adopt(a Account, k Key) (GuardedSession, error)
	Probe(ctx context.Context, a Account) (Wait, error)
}

// GuardedSession is a Session of a Guarded.
type GuardedSession interface {
	Live
	// SignOut is that of Session, once it has its turn. Until then it returns a
	// Wait, as the methods of Guarded do.
	SignOut(ctx context.Context) (Wait, error)
}
