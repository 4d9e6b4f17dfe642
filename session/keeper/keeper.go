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

// Config is what one keeper needs. All fields but Record, Log and Hash are
// required.
type Config struct {
	Account  session.Account
	Policy   session.Policy
	Record   session.Record // as loaded; the zero Record for an agent never seen
	Platform session.Platform
	Gate     func(session.Platform) session.Platform // the only road to a login
	Store    Store
	Sink     Sink
	Observer Observer
	Log      *slog.Logger // nil: silent
	Seed     uint64       // of the jitter
	// Handed is called, on the agent's goroutine, after Credential changed. It
	// must not block. nil: nobody is told.
	Handed func()
	// Wake is called when what Step waits for is over before its time. It must not
	// block. nil: nobody is told; Block returns all the same.
	Wake func()
	// Turned is called, on the agent's goroutine, after the standing of its View
	// changed, with the new one. It must not block. nil: nobody is told.
	Turned func(Standing)
	// SecretHash and SettingsHash are stored with each sign-in, so that the next
	// process can tell what changed since; ProofHash with each that succeeds, so
	// that it is known which secret the platform has accepted.
	SecretHash, SettingsHash, ProofHash string
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
type Keeper struct {
	id                session.ID
	raw               session.Platform
	platform          session.Platform // raw inside the journal inside the gate
	store             Store
	sink              Sink
	observer          Observer
	log               *slog.Logger
	changedCredential func()
	wake              func()
	turned            func(Standing)

	mu      sync.Mutex // never held over I/O
	order   Order
	cfg     *Update       // never changed, but replaced
	changed bool          // order or cfg was replaced since the driver took them
	armed   bool          // the present action may be cut, by cancel
	grace   time.Duration // how long it may go on after an interrupt
	timer   *time.Timer   // a pending cut
	cutAt   time.Time     // and when it is due
	view    View          // written by the driver only
	handed  Handed        // likewise
	refused uint64        // the generation that somebody wants renewed; 0: none
	asked   uint64        // the one that the machine was told to renew, until there is a new session; 0: none
	stalled bool          // a live session's renewal was refused
	waits   bool          // the present action is a wait
	clock   bool          // the clock was set since the driver looked
	slept   time.Duration

	// Below: the driver's goroutine only.
	doing       session.Do   // the action that goes on with the next Step, DoNext or DoWait; DoNothing: none
	until       time.Time    // and when it is cut, or over; zero: never
	passed      session.Kind // of DoWait: what it is then
	machine     session.Machine
	rec         session.Record
	dirty       bool   // rec differs from what is stored
	last        uint64 // the last event's sequence number
	session     session.Session
	actions     *actions // of the actions, one after the other, until it is cut; set under mu
	now         *Update
	wish        Order
	renew       bool      // somebody wants the session renewed
	sent        time.Time // when the last operation's request left
	signed      time.Time // when the last sign-in was answered; zero after the first Next left
	fault       *session.Fault
	adopted     bool // the session was adopted, not signed in
	unproven    bool // and the platform has not said yet that it lives
	credential  session.Credential
	told        bool              // the world knows of handed
	warned      []session.Warning // by the session, when it was last asked
	informed    time.Time         // when the session was last asked for its Info
	informedKey session.Key       // and its key at that time
	logged      logged
	repeats     int // outcomes like the last one, not logged
	audited     audited
	noticed     string // the codes of the warnings that are logged, each between spaces
}

// Update is what a reload may replace without touching the session; it acts
// from the next request that needs it.
type Update struct {
	Account                             session.Account
	Policy                              session.Policy
	SecretHash, SettingsHash, ProofHash string
}

// New returns a keeper that wishes nothing yet: its order is Leave until Set.
func New(c Config) *Keeper {
	k := &Keeper{
		id: c.Account.ID, raw: c.Platform, store: c.Store, sink: c.Sink, observer: c.Observer, log: c.Log, changedCredential: c.Handed,
		turned: c.Turned, wake: c.Wake,
		order: Order{Wish: session.Leave}, rec: c.Record, last: lastGiven(c.Record, time.Now()),
		cfg:     &Update{c.Account, c.Policy, c.SecretHash, c.SettingsHash, c.ProofHash},
		machine: session.Restore(c.Policy, c.Seed, c.Record, time.Now()),
		changed: true,
	}
	k.now = k.cfg
	k.rec.Memo = k.rec.Memo.Cut()
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	k.platform = c.Gate(&journal{k})
	k.view = View{State: session.Offline, SignIns: c.Record.SignIns}
	k.handed.Generation = c.Record.Generation
	k.look(session.Action{})
	return k
}

// Set replaces the order and interrupts what may be interrupted. It does not
// block.
func (k *Keeper) Set(o Order) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o.Resume = o.Resume || k.changed && k.order.Resume
	cut := o.Resume || o.End || o.Wish != k.order.Wish
	k.order, k.changed = o, true
	if cut {
		k.interruptLocked()
	}
}

// Update replaces the account and the policy. It does not interrupt a live
// session; resume also ends a parking or a wait.
func (k *Keeper) Update(u Update, resume bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.cfg, k.changed = &u, true
	if resume {
		k.order.Resume = true
		k.interruptLocked()
	}
}

// ClockSet tells that the wall clock was set, or that the machine slept for
// slept: waits are measured again, and instants on record are written anew. It
// does not block, and cuts nothing but a wait.
func (k *Keeper) ClockSet(slept time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.clock = true
	k.slept += slept
	if k.armed && k.waits {
		k.cut()
	}
}

// interruptLocked cuts the present action: now, or after its grace. Nothing
// of a live session is cut to stay signed in, unless its renewal waits for it.
func (k *Keeper) interruptLocked() {
	switch {
	case !k.armed:
	case k.grace == 0, k.order.Resume && k.stalled && k.order.Wish == session.Stay:
		k.cut()
	case k.order.Wish == session.Stay:
		k.disarmTimer()
	case k.timer == nil:
		k.cutAt = time.Now().Add(k.grace)
		k.timer = time.AfterFunc(k.grace, k.expire)
	}
}

// cut ends the present action or wait. The caller holds mu.
func (k *Keeper) cut() {
	k.actions.cancel()
	if k.wake != nil {
		k.wake()
	}
}

// expire cuts the action that the timer was for, unless it has ended.
func (k *Keeper) expire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil && !time.Now().Before(k.cutAt) {
		k.cut()
	}
}

func (k *Keeper) disarmTimer() {
	if k.timer != nil {
		k.timer.Stop()
		k.timer = nil
	}
}

// take hands the driver the newest order and configuration; woken tells that
// the last action was cut. The end of ctx is an order to Quit that nothing
// replaces.
func (k *Keeper) take(ctx context.Context, woken bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.wish.Resume = false
	k.takeRefusal(woken)
	if k.clock {
		k.machine.SetClock(time.Now(), k.slept)
		k.clock, k.slept = false, 0
	}
	if k.changed {
		k.wish, k.now, k.changed = k.order, k.cfg, false
		k.order.Resume = false
		k.machine.SetPolicy(k.now.Policy)
	}
	if ctx.Err() != nil {
		k.wish = Order{Wish: session.Quit, By: "end"}
	}
}

// arm returns the context of an action that a new order cuts after the given
// grace; 0 is at once. A poll costs none: it is the one of the action before, as long as
// that may be had again. disarm follows the action.
func (k *Keeper) arm(ctx context.Context, grace time.Duration) context.Context {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.actions == nil || !k.actions.reuse() {
		k.releaseLocked()
		k.actions = &actions{Context: ctx}
	}
	k.armed, k.grace = true, grace
	o := k.order
	if k.changed && (o.Wish != k.wish.Wish || o.Resume || o.End) {
		k.interruptLocked()
	}
	if k.due() && grace > 0 {
		k.cut()
	}
	return k.actions
}

// armWait arms a wait, which a clock that was set cuts, too.
func (k *Keeper) armWait(ctx context.Context) context.Context {
	ctx = k.arm(ctx, 0)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.waits = true; k.clock {
		k.cut()
	}
	return ctx
}

// disarm reports whether the action's context was cut.
func (k *Keeper) disarm() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.armed, k.waits = false, false
	k.disarmTimer()
	return k.actions.Err() != nil
}

// release frees the context of the actions.
func (k *Keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.releaseLocked()
}

func (k *Keeper) releaseLocked() {
	if k.actions != nil {
		k.actions.cancel()
	}
}
