package huawei

import (
	"context"
	"errors"
	"slices"
	"sync"

	"agentkeeper/session"
)

// What the sender of a callback is answered.
var (
	errNoSession = errors.New("the agent is not signed in here")
	errForbidden = errors.New("wrong Guid")
	errTooMany   = errors.New("more events than are fetched")
	errNotStored = errors.New("the events could not be stored")
	errUnfetched = errors.New("the events were not fetched in time")
)

// inboxLimit bounds the events that wait for one agent's driver, which fetches
// them at once as long as the store is well.
const inboxLimit = 1000

// takeLimit is about how many events are fetched at once: the first of many need
// not wait for the last to be stored.
const takeLimit = 200

// inbox is where the callbacks for one session wait until its driver fetches
// them and says what became of them. It is there before the sign-in's request
// leaves: events may overtake its answer, and then wait for the Guid by which
// they are known. A nil inbox is that of a session without callbacks.
//
// Order is kept over failures too: what waits after callbacks that could not
// be taken is refused with them, so that the platform sends all of it again.
type inbox struct {
	login  string
	token  session.Secret
	signal session.Signal // set when there may be something to do

	mu      sync.Mutex
	begun   bool   // the session is signed in
	guid    string // "" = not known yet, or the gateway knows none
	before  string // the one that guid replaced
	pending int    // requests under way: their answers may bring another Guid
	queue   []*delivery
	events  int // in queue
	heard   bool
	strange bool // a callback came with a Guid that is none of ours
	closed  bool
}

// delivery is one callback on its way.
type delivery struct {
	guid   string // "" = it carried none
	events []session.Event
	done   chan error // buffered; gets what became of it

	missing session.Missing // it was larger than is read: the marker in the place of its events
}

func newInbox(login, token string) *inbox {
	return &inbox{login: login, token: session.NewSecret(token)}
}

// asking notes that a request leaves; answered follows it, after the key of its
// answer was taken over.
func (b *inbox) asking() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pending++
}

func (b *inbox) answered() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending--; b.pending == 0 {
		b.refuseStrangers()
	}
}

// rouse has the session look for what there is to do.
func (b *inbox) rouse() {
	if b != nil {
		b.signal.Set()
	}
}

// begin notes that the session is signed in: what waits belongs to it.
func (b *inbox) begin() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.begun = true
	b.rouse()
}

// know sets the session's newest Guid. The one before stays good for what was
// on its way.
func (b *inbox) know(guid string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if guid != b.guid {
		b.guid, b.before = guid, b.guid
	}
	b.rouse()
}

// knows reports whether a Guid is the session's, now or just before; a session that
// was given none can tell no stranger by it. The caller holds mu.
func (b *inbox) knows(guid string) bool {
	return guid == "" || same(guid, b.guid) || same(guid, b.before) || (b.begun && b.guid == "")
}

// same compares in constant time; nothing is the same as "".
func same(a, b string) bool {
	return b != "" && session.NewSecret(a).Equal(session.NewSecret(b))
}

// refuseStrangers ends the wait of callbacks whose Guid no answer brought. The
// caller holds mu.
func (b *inbox) refuseStrangers() {
	why := errForbidden
	if b.guid == "" {
		why = errNoSession
	}
	b.queue = slices.DeleteFunc(b.queue, func(d *delivery) bool {
		if b.knows(d.guid) {
			return false
		}
		b.events -= len(d.events)
		b.note(d.guid)
		d.done <- why
		return true
	})
	b.rouse()
}

// note remembers that a Guid was seen that is none of ours: whoever knows the
// service token may know of one that we were never told. The caller holds mu.
func (b *inbox) note(guid string) {
	if b.guid != "" && guid != "" {
		b.strange = true
		b.rouse()
	}
}

// put queues a delivery and blocks until it is known what became of it, or ctx
// ended. The Guid decides whether it is this session's.
func (b *inbox) put(ctx context.Context, d *delivery) error {
	if err := b.enqueue(d); err != nil {
		return err
	}
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
	}
	b.giveUp(d)
	return <-d.done
}

func (b *inbox) enqueue(d *delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return errNoSession
	case !b.knows(d.guid) && b.pending == 0:
		b.note(d.guid)
		return errForbidden
	case len(b.queue) > 0 && b.events+len(d.events) > inboxLimit:
		return errTooMany
	}
	b.heard = true
	b.events += len(d.events)
	b.queue = append(b.queue, d)
	b.rouse()
	return nil
}

// giveUp refuses d and what waits after it; if it was fetched already it may
// come twice, because nobody waits for the outcome.
func (b *inbox) giveUp(d *delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.Index(b.queue, d); i >= 0 {
		b.refuse(i, errUnfetched)
		return
	}
	select {
	case d.done <- errUnfetched:
	default: // the outcome came meanwhile
	}
}

// refuse ends the wait of all from the i-th on. The caller holds mu.
func (b *inbox) refuse(i int, err error) {
	for _, d := range b.queue[i:] {
		b.events -= len(d.events)
		d.done <- err
	}
	b.queue = slices.Delete(b.queue, i, len(b.queue))
}

// take fetches what waits, oldest first, up to a callback whose Guid is not
// known yet.
func (b *inbox) take() session.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.begun {
		return session.Batch{}
	}
	var batch session.Batch
	n := 0
	for n < len(b.queue) && b.knows(b.queue[n].guid) && len(batch.Events) < takeLimit && batch.Missing == session.MissingNone {
		batch.Missing = b.queue[n].missing
		batch.Events = append(batch.Events, b.queue[n].events...)
		n++
	}
	if n == 0 {
		return session.Batch{}
	}
	taken := slices.Clone(b.queue[:n])
	b.queue = slices.Delete(b.queue, 0, n)
	b.events -= len(batch.Events)
	batch.Settled = func(err error) { b.settle(taken, err) }
	if len(b.queue) > 0 {
		b.rouse()
	}
	return batch
}

// settle answers the senders what became of what was fetched.
func (b *inbox) settle(taken []*delivery, err error) {
	if err != nil {
		err = errNotStored
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range taken {
		select {
		case d.done <- err:
		default: // nobody waits any more
		}
	}
	if err != nil {
		b.refuse(0, err)
	}
}

// wasHeard reports whether any callback was let in.
func (b *inbox) wasHeard() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard
}

// stranger reports whether one came with a Guid that is none of ours, since it
// was last asked.
func (b *inbox) stranger() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.strange
	b.strange = false
	return was
}

func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.refuse(0, errNoSession)
}

// inboxes are the inboxes of one gateway by login. An agent has two for a moment
// when a new session displaces its old one.
type inboxes struct {
	mu      sync.Mutex
	byLogin map[string][]*inbox // the newest last
}

func (d *inboxes) open(b *inbox) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byLogin == nil {
		d.byLogin = map[string][]*inbox{}
	}
	d.byLogin[b.login] = append(d.byLogin[b.login], b)
}

// shut refuses what waits in b and everything that comes.
func (d *inboxes) shut(b *inbox) {
	if b == nil {
		return
	}
	d.mu.Lock()
	if left := slices.DeleteFunc(d.byLogin[b.login], func(o *inbox) bool { return o == b }); len(left) > 0 {
		d.byLogin[b.login] = left
	} else {
		delete(d.byLogin, b.login)
	}
	d.mu.Unlock()
	b.close()
}

// of returns a login's inboxes, the newest first.
func (d *inboxes) of(login string) []*inbox {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := slices.Clone(d.byLogin[login])
	slices.Reverse(list)
	return list
}
