package work

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/vendors/adapter"
)

// By names the keeper as the author of commands.
const By = "keeper"

// Policies are what is configured. They do not change; a reload brings others. The
// methods do not block.
type Policies interface {
	// Work returns what is wished of an agent now, and when that changes by itself
	// (zero: never); ok is false for an agent that there is not.
	Work(id session.ID, now time.Time) (p work.Policy, next time.Time, ok bool)
	// Wished returns the agents of which something is wished at any time.
	Wished() []session.ID
	// Platform returns what is known of a platform; ok is false for one that there is
	// not.
	Platform(name string) (p Platform, ok bool)
}

// Platform is a platform as it is configured.
type Platform struct {
	Vendor adapter.Vendor
	Agents int           // how many it has
	Rate   float64       // of sign-ins, in seconds; what is sent keeps to it, too
	Window time.Duration // the longest silence that the platform forgives
}

// Sender sends a command of the keeper's own on an agent's session, and blocks until
// its outcome is known. The end of ctx drops one that was not sent yet.
type Sender func(ctx context.Context, id session.ID, r command.Request) command.Result

// Observer counts. Its methods must not block.
type Observer interface {
	// WorkRestored counts what became of a command that was to undo what the platform
	// did; result is one of Results.
	WorkRestored(platform, result string)
	// WorkForced counts an agent that was made busy, or had to rest.
	WorkForced(platform string, by work.By)
}

// What becomes of a restore.
const (
	resultRestored = "restored"  // its effect was seen
	resultNoEffect = "no_effect" // the platform took it, or did not answer, and the state is another one
	resultRejected = "rejected"  // the platform refused it
	resultNotSent  = "not_sent"  // it never left, and does not count
)

// Results returns everything that can become of a restore.
func Results() []string {
	return []string{resultRestored, resultNoEffect, resultRejected, resultNotSent}
}

// Options are what a Tracker is made from. Store, Send and Online are required.
type Options struct {
	Store store.Values
	Send  Sender
	// Damaged are the agents whose stored working states were lost to damage: nothing
	// is restored of them before the restores that there may have been count no more.
	Damaged []session.ID
	// Online reports whether an agent is signed in. It does not block for long.
	Online   func(id session.ID) bool
	Observer Observer     // nil: nobody
	Log      *slog.Logger // nil: silent
}

// Tracker follows the agents' working states. Make one with New, give it what is
// configured with Apply, end it with Close. Its methods may be called from any
// goroutine; only Wish and Close block.
type Tracker struct {
	o      Options
	ctx    context.Context // of what is sent
	cancel context.CancelFunc
	done   sync.WaitGroup
	rouse  chan struct{} // the loop looks again
	write  chan struct{} // the writer has something urgent

	mu        sync.Mutex // never held over I/O
	policies  Policies   // nil before the first Apply
	agents    map[session.ID]*agent
	settled   map[session.ID]work.Settled // of which nothing is wished, and which have nothing to do
	platforms map[string]*platform
	records   map[session.ID]work.Record // stored, of agents that are not followed yet
	due       queue
	dirty     map[*agent]bool // whose record is to be written; true: soon
	closed    bool

	untold atomic.Int32 // events that Pending has not returned yet
}

// agent is one agent that is followed.
type agent struct {
	id       session.ID
	machine  work.Machine
	platform *platform
	policy   *work.Policy
	changes  time.Time // when the policy changes by itself; zero: never
	counted  counted   // in the platform's tally

	due   time.Time // when the machine is asked again; zero: when something happens
	place int       // in the queue of these; -1: it is not there

	slot      time.Time          // reserved for what is to be sent; zero: none
	waits     bool               // for the outcome of the platform's canary
	restoring bool               // a restore is under way
	epoch     uint64             // of the platform, when it was last counted as forced
	drop      context.CancelFunc // drops the command that waits to be sent; nil: none does
	held      work.Hold          // as it was last told
	untold    []session.Event    // see Pending

	writing sync.Mutex // held while the record is written
	written []byte     // as it is stored; with writing held
}

// New loads what the process before knew. It fails as the store does.
func New(ctx context.Context, o Options) (*Tracker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tracker{
		o: o, rouse: make(chan struct{}, 1), write: make(chan struct{}, 1),
		agents: map[session.ID]*agent{}, settled: map[session.ID]work.Settled{}, platforms: map[string]*platform{}, records: map[session.ID]work.Record{}, dirty: map[*agent]bool{},
	}
	values, err := o.Store.All(ctx, store.Works)
	if err != nil {
		return nil, fmt.Errorf("load the agents' working states: %w", err)
	}
	now := time.Now()
	for name, data := range values {
		id, err := session.ParseID(name)
		if err != nil {
			o.Log.Error("left out a stored working state whose agent's name cannot be read", "error", err)
			continue
		}
		t.records[id] = decode(id, data, now, o.Log)
	}
	for _, id := range o.Damaged {
		t.records[id] = work.Spent(now)
	}
	t.ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	t.done.Go(t.loop)
	t.done.Go(t.writeLoop)
	return t, nil
}

// Close ends what is under way, a command that waits to be sent included, and writes
// what is not durable yet, within the time of a few writes.
func (t *Tracker) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.done.Wait()
	t.flush(true)
}

// Apply makes p what is configured.
func (t *Tracker) Apply(p Policies) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.policies = p
	for name, pl := range t.platforms {
		if _, ok := pl.configure(p); !ok {
			delete(t.platforms, name)
		}
	}
	for id, a := range t.agents {
		if !t.configure(a, now) {
			t.forget(id, a)
		}
	}
	t.applySettled(now)
	for id := range t.records {
		if _, _, ok := p.Work(id, now); !ok {
			t.forgetRecord(id)
		}
	}
	for _, id := range p.Wished() {
		t.follow(id, now)
	}
	for id, r := range t.records {
		if r.Word != nil {
			t.follow(id, now)
		}
	}
}

// applySettled follows the settled agents of which something is wished now, and forgets
// those that there are no more. The caller holds mu.
func (t *Tracker) applySettled(now time.Time) {
	for id, s := range t.settled {
		p, next, ok := t.policies.Work(id, now)
		switch pl := t.platform(id.Platform); {
		case !ok || pl == nil || pl.at.Vendor.Work == nil:
			if pl != nil {
				pl.add(settledCount(s), -1)
			}
			delete(t.settled, id)
			t.forgetRecord(id)
		case p.Wishes() || !next.IsZero():
			t.settle(t.follow(id, now), now, work.News{})
		}
	}
}

// configure takes an agent's policy over and reports whether there is such an agent.
// The caller holds mu.
func (t *Tracker) configure(a *agent, now time.Time) bool {
	p, next, ok := t.policies.Work(a.id, now)
	pl := t.platform(a.id.Platform)
	if !ok || pl == nil || pl.at.Vendor.Work == nil {
		return false
	}
	a.platform, a.changes = pl, next
	a.policy = pl.share(p)
	a.machine.SetPolicy(a.policy)
	t.settle(a, now, work.News{})
	return true
}

// follow returns the agent, which is followed from now on; nil for one that there is
// not, or of which no working state is told. The caller holds mu.
func (t *Tracker) follow(id session.ID, now time.Time) *agent {
	if a := t.agents[id]; a != nil || t.policies == nil || t.closed {
		return a
	}
	p, next, ok := t.policies.Work(id, now)
	pl := t.platform(id.Platform)
	if !ok || pl == nil || pl.at.Vendor.Work == nil {
		return nil
	}
	a := &agent{id: id, platform: pl, policy: pl.share(p), changes: next, place: -1}
	if s, settled := t.settled[id]; settled {
		delete(t.settled, id)
		a.machine = s.Machine(a.policy, pl.at.Vendor.Work.Looks())
		a.counted = settledCount(s)
		a.written = unknown
		t.agents[id] = a
		return a
	}
	r := t.records[id]
	delete(t.records, id)
	a.machine = work.NewMachine(a.policy, pl.at.Vendor.Work.Looks(), r, now)
	a.written = encode(r)
	t.agents[id] = a
	if t.o.Online(id) {
		a.machine.Adopt(pl.spread(now))
	}
	t.settle(a, now, work.News{})
	return a
}

// forget leaves an agent that is configured no longer. The caller holds mu.
func (t *Tracker) forget(id session.ID, a *agent) {
	a.platform.uncount(a)
	a.platform.leave(a)
	t.due.remove(a)
	if a.drop != nil {
		a.drop()
	}
	delete(t.agents, id)
	a.machine.End()
	a.machine.Say(nil)
	t.untold.Add(-int32(len(a.untold)))
	t.dirty[a] = true
	t.soon()
}

// forgetRecord removes what is stored of an agent that there is not. The caller holds
// mu.
func (t *Tracker) forgetRecord(id session.ID) {
	delete(t.records, id)
	t.dirty[&agent{id: id, written: unknown, policy: &work.Policy{}, place: -1}] = true
	t.soon()
}

// platform returns a platform, nil for one that is not configured. The caller holds
// mu.
func (t *Tracker) platform(name string) *platform {
	if pl := t.platforms[name]; pl != nil {
		return pl
	}
	pl, ok := newPlatform(name).configure(t.policies)
	if !ok {
		return nil
	}
	t.platforms[name] = pl
	return pl
}

// Saw takes events of the platform about an agent, after they are durable.
func (t *Tracker) Saw(id session.ID, events []keeper.Event) {
	read := t.reader(id)
	if read == nil {
		return
	}
	for _, e := range events {
		if c, ok := read(e.Event); ok {
			t.change(id, c)
		}
	}
}

// reader returns what reads the events of an agent, nil where nothing does.
func (t *Tracker) reader(id session.ID) func(session.Event) (work.Change, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.policies == nil {
		return nil
	}
	if pl := t.platform(id.Platform); pl != nil && pl.at.Vendor.Work != nil {
		return pl.at.Vendor.Work.Read
	}
	return nil
}

// change takes what an event tells.
func (t *Tracker) change(id session.ID, c work.Change) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.follow(id, now)
	if a == nil {
		return
	}
	news := a.machine.See(now, c)
	if c.State.InCall() && a.drop != nil {
		a.drop() // what waits to be sent is not for a call
	}
	t.settle(a, now, news)
}

// Note takes an event of ours about an agent: what it tells of its session.
func (t *Tracker) Note(id session.ID, e keeper.Event) {
	ends := e.Type == "lost" || e.Type == "signed_out" || e.Type == "parked"
	missing := e.Missing != session.MissingNone
	if !ends && !missing && e.Type != "signed_in" && e.Type != "adopted" {
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if ends && !t.follows(id) {
		return
	}
	a := t.follow(id, now)
	if a == nil {
		return
	}
	before := a.machine.Standing
	switch {
	case ends:
		a.machine.End()
	case e.Type == "signed_in":
		a.machine.Begin(now)
	default: // events may have been missed
		a.machine.Adopt(a.platform.spread(now))
	}
	t.settle(a, now, work.News{Changed: a.machine.State != before.State || a.machine.By != before.By})
}

// follows reports whether anything is known of an agent. The caller holds mu.
func (t *Tracker) follows(id session.ID) bool {
	_, settled := t.settled[id]
	return settled || t.agents[id] != nil
}

// Sent takes that a command, or a request through the proxy, leaves now; verb is
// what it asks for, by who does.
func (t *Tracker) Sent(id session.ID, verb, by string) {
	state := stateOf(verb)
	if by == By || state == "" {
		return
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if a := t.follow(id, now); a != nil {
		a.machine.Asked(now, state)
		t.settle(a, now, work.News{})
	}
}

// stateOf returns the state that a verb of a command is to bring about; "" for one
// that is about a call.
func stateOf(verb string) work.State {
	switch verb {
	case "ready":
		return work.Ready
	case "busy":
		return work.Busy
	case "rest":
		return work.Rest
	case "wrap_up":
		return work.WrapUp
	default:
		return ""
	}
}

// jitter returns a random part of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}
