package keeper

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"agentkeeper/session"
)

// Store keeps what survives a restart.
type Store interface {
	// Save blocks until r is durable, ctx ends or the store fails.
	Save(ctx context.Context, id session.ID, r session.Record) error
}

// Sink takes events, in order per agent over both methods.
type Sink interface {
	// Take blocks until the vendor's events are where they cannot be lost, or
	// says why they are not; then they are late, or dropped, which it has counted
	// and will tell their consumers. It runs on the agent's own goroutine and
	// must not take a notable part of the window.
	Take(ctx context.Context, id session.ID, events []Event) error
	// Note takes an event of ours without blocking: nothing may stand between
	// a sign-in and its first poll.
	Note(id session.ID, e Event)
}

// Event is an event in the order of its agent.
type Event struct {
	session.Event
	Own      bool   // one of ours (session.signed_in …), not the vendor's
	Sequence uint64 // rising per agent
	Received time.Time
	Again    bool // its sender learns when it is not taken, and may send it again
	// Missing, other than none, makes the event a mark that stands where events of
	// the platform may be lost. It is handed to Note.
	Missing session.Missing
}

// Observer counts. Its methods are called on the agents' goroutines and must
// not block. Results are those of one attempt; a sign-in or sign-out that was
// not sent is none. The gap of a Contact is the time since the last one, 0
// while it is unknown because the session was adopted.
type Observer interface { //nolint:interfacebloat // one counter each
	SignIn(platform string, result session.Kind, took time.Duration)
	SignOut(platform string, result session.Kind)
	FirstContact(platform string, delay time.Duration)
	Contact(platform string, result session.Kind, gap time.Duration)
	SessionLost(platform, reason string)
	Adopted(platform string, result session.Kind)
	EventsReceived(platform string, n int)
}

// Site is what the keepers of a process share. All but Log is required.
type Site struct {
	Store    Store
	Sink     Sink
	Observer Observer
	Log      *slog.Logger // nil: silent
	// Pending returns, once, the events of ours about an agent that others have found:
	// they take their places in its order with the next answer of the platform. It is
	// asked often, on the agents' goroutines, and must not block. nil: nobody finds any.
	Pending func(id session.ID) []session.Event
}

// Setup is what one agent is configured with. It never changes: a reload makes
// another one, which is told by ==. Its methods do not block, and may be called by any goroutine.
type Setup interface {
	// Account is what the agent signs in with. Proven is not set.
	Account() session.Account
	Policy() session.Policy
	// Hashes are made anew with each call, which costs some microseconds: they are
	// needed seldom, and nobody keeps them.
	Hashes() Hashes
}

// Hashes tell what a session was made with. Secret and Settings are stored with
// each sign-in, so that the next process can tell what changed since; Proof with
// each that succeeds, so that it is known which secret the platform has accepted.
type Hashes struct{ Secret, Settings, Proof string }

// Owner hears of what an agent does. Its methods must not block.
type Owner interface {
	// Wake is called when what Step waits for is over before its time; Block
	// returns all the same.
	Wake()
	// Blocks is called, on the agent's goroutine, before Step waits for something
	// more than it works: an operation, a connection, the store.
	Blocks()
	// Handed is called, on the agent's goroutine, after Credential changed.
	Handed()
	// Turned is called, on the agent's goroutine, after the standing of the View
	// changed, with the new one.
	Turned(now Standing)
}

// nobody is the owner of a keeper without one.
type nobody struct{}

func (nobody) Wake()           {}
func (nobody) Blocks()         {}
func (nobody) Handed()         {}
func (nobody) Turned(Standing) {}

// Platform is what the keepers of one platform share. All of it is required.
type Platform struct {
	Adapter session.Platform
	Gate    func(session.Platform) session.Guarded // the only road to a login
}

// Config is what one keeper needs. Site, Setup and Platform are required.
type Config struct {
	Site     *Site
	Setup    Setup
	Record   session.Record // as loaded; the zero Record for an agent never seen
	Platform *Platform
	Seed     uint64 // of the jitter
	Owner    Owner  // nil: nobody
}

// Order is what an agent is to do. A new one replaces the last.
type Order struct {
	Wish   session.Wish
	End    bool   // with Leave: Run returns once the agent is signed out
	Resume bool   // once: end a parking or a wait, and try
	By     string // who wants it, for the audit log: "schedule", "reload", "person uid 0", "stop"
	Why    string
}

// Keeper drives one agent. Make one with New; call Run once, or Step until the
// end; Set, View and Update may be called from any goroutine at any time.
//
// There are as many as agents, and each waits for most of its life: what is rare
// is behind a pointer, and made on first use. With 1,016 bytes it fits one of the
// runtime's size classes, 1,024 with the header of such an object.
type Keeper struct {
	id    session.ID
	via   *Platform
	site  *Site
	owner Owner

	mu    sync.Mutex // never held over I/O
	loans *loans     // nil: the session is not lent
	mailbox
	credentials
	reporter
	driver
}

// driver is what the agent does. It belongs to the driver's goroutine, which
// holds mu to change machine, rec and signed; others hold mu to read them.
type driver struct {
	doing    session.Do   // the action that goes on with the next Step; DoNothing: none
	passed   session.Kind // of DoWait: what it is once it is over
	adopted  bool         // the session was adopted, not signed in
	unproven bool         // and the platform has not said yet that it lives
	resumed  bool         // the order that was taken last ends a parking or a wait
	renew    bool         // somebody wants the session renewed
	until    *time.Time   // when the action, or its wait for a turn, is cut, or over; nil: never
	machine  session.Machine
	rec      record
	last     uint64 // the last event's sequence number
	session  session.GuardedSession
	attempt  *attempt // the sign-in or probe that waits for its turn; nil: none does
	now      Setup
	wish     *Order     // never changed, but replaced; its Resume is resumed
	answered *time.Time // when the last sign-in was; nil after the first Next left
	fault    *session.Fault
}

// New returns a keeper that wishes nothing yet: its order is Leave until Set.
func New(c Config) *Keeper {
	now, account := time.Now(), c.Setup.Account()
	k := &Keeper{id: account.ID, via: c.Platform, site: c.Site, owner: c.Owner}
	k.order, k.setup = leaving, c.Setup
	k.changed = true
	k.wish, k.now = leaving, c.Setup
	k.last = lastGiven(c.Record, now)
	k.machine = session.Restore(c.Setup.Policy(), c.Seed, c.Record, now)
	k.rec = recordOf(c.Record, c.Setup)
	k.rec.dirty = !k.machine.Started().Equal(c.Record.Started)
	if k.site.Log == nil {
		silent := *k.site
		silent.Log = slog.New(slog.DiscardHandler)
		k.site = &silent
	}
	if k.owner == nil {
		k.owner = nobody{}
	}
	k.generation, k.current = c.Record.Generation, &none
	k.shown.state = offline
	k.look(session.Action{})
	return k
}

// platform returns the only road to a login: the platform inside the journal inside
// the gate.
func (k *Keeper) platform() session.Guarded { return k.via.Gate((*journal)(k)) }

// leaving is the order of who was given none.
var leaving = &Order{Wish: session.Leave}
