package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

const (
	keepFor    = 10 * time.Minute // the outcome of a request with an ID
	keepMost   = 300_000          // such requests: 500 a second
	keepAnswer = 8 << 10          // bytes of an answer that is kept
	keepAll    = 64 << 20         // bytes of all of them
	tidyEvery  = 15 * time.Second // while there are any
	tidyAtOnce = 64               // removals under way at the same time
	saveLimit  = 2 * time.Second  // for the record of an outcome
)

// ids are the requests with an ID of the last 10 minutes.
type ids struct {
	values store.Values
	log    *slog.Logger

	lost  map[string]bool // names of records that are lost to damage
	began time.Time

	mu    sync.Mutex
	all   map[idKey]*claim
	bytes int         // of the kept answers
	sweep *time.Timer // nil: there is nothing to be removed
	shut  bool
	tidy  sync.WaitGroup
}

// idKey is whose ID it is: agents have their own.
type idKey struct {
	agent session.ID
	id    string
}

// claim is one request with an ID.
type claim struct {
	key     idKey
	hash    string    // of what it asks for
	running bool      // it has no outcome yet
	stored  bool      // it is, perhaps, in the store
	at      time.Time // when it was claimed; then of its outcome
	result  Result
}

// entry is a claim as it is stored, without an outcome at first.
type entry struct {
	Agent  string    `json:"agent"`
	ID     string    `json:"id"`
	Hash   string    `json:"hash"`
	At     time.Time `json:"at"`
	Result *Result   `json:"result,omitempty"`
	HTTP   int       `json:"http,omitempty"`
}

func (d *ids) open(values store.Values, lost []string, log *slog.Logger) {
	d.values, d.log = values, log
	d.all, d.lost = map[idKey]*claim{}, map[string]bool{}
	d.began = time.Now()
	for _, name := range lost {
		d.lost[name] = true
	}
}

// load reads what the process before recorded: what has no outcome is in doubt.
func (d *ids) load(ctx context.Context) error {
	values, err := d.values.All(ctx, store.Commands)
	if err != nil {
		return fmt.Errorf("load the outcomes of commands: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, data := range values {
		var e entry
		agent, err := session.ID{}, json.Unmarshal(data, &e)
		if err == nil {
			agent, err = session.ParseID(e.Agent)
		}
		if err != nil {
			d.log.Error("left out the record of a command that cannot be read", "name", name, "error", err)
			continue
		}
		c := &claim{key: idKey{agent, e.ID}, hash: e.Hash, stored: true, at: e.At}
		if e.Result != nil {
			c.result, c.result.HTTP = *e.Result, e.HTTP
		} else {
			c.result = Result{Outcome: Doubt, HTTP: http.StatusGatewayTimeout,
				Error: "the service ended while this command was under way: look at the agent before you send it again"}
		}
		d.all[c.key] = c
		d.bytes += len(c.result.Answer)
	}
	d.sweepLocked()
	return nil
}

// hashOf tells requests apart by what they ask for.
func hashOf(r Request) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q %q %d", r.Action, r.Payload, r.Method, r.Path, r.Body, r.Do, r.Code, r.For))
	return hex.EncodeToString(sum[:16])
}

// claim makes the order's ID its own, or returns what is known of it. A request
// without one has no claim.
func (d *ids) claim(o *order) (*claim, *Result) {
	if o.request.ID == "" {
		return nil, nil
	}
	c := &claim{key: idKey{o.id, o.request.ID}, hash: hashOf(o.request), running: true, at: time.Now()}
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.all[c.key]
	var r Result
	switch {
	case known == nil && d.lost[nameIn(c.key)] && time.Since(d.began) < keepFor:
		r = Result{Outcome: Doubt, HTTP: http.StatusGatewayTimeout, Repeated: true,
			Error: "a request with this id was recorded, and what became of it was lost to damage of the store: look at the agent before you use another id"}
	case known == nil && (len(d.all) >= keepMost || d.bytes >= keepAll):
		r = notSent("the outcomes of too many requests with an id are kept: nothing was sent", tidyEvery)
	case known == nil:
		d.all[c.key] = c
		return c, nil
	case known.hash != c.hash:
		r = Refuse(http.StatusUnprocessableEntity, "this id was used for another request of this agent: use a new one")
	case known.running:
		r = Refuse(http.StatusConflict, "the request with this id is under way: ask again for its outcome")
	default:
		r = known.result
		r.Repeated = true
	}
	return nil, &r
}

// intend makes the intent durable. Nothing was sent if it fails.
func (d *ids) intend(ctx context.Context, c *claim, deadline time.Time) error {
	if c == nil {
		return nil
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
	defer cancel()
	c.stored = true // also where it fails: it may be on record
	return d.put(ctx, c, nil)
}

// settle records the outcome. An ID whose request was not sent is free again.
func (d *ids) settle(c *claim, r Result) {
	if c == nil {
		return
	}
	if r.Outcome == NotSent || r.Outcome == Refused {
		d.release(c)
		return
	}
	if len(r.Answer) > keepAnswer {
		r.Answer = nil
		r.Error = fmt.Sprintf("the answer had more than %d KiB and was not kept", keepAnswer>>10)
	}
	ctx, cancel := context.WithTimeout(context.Background(), saveLimit)
	defer cancel()
	r.ID, c.stored = c.key.id, true
	err := d.put(ctx, c, &r)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.bytes += len(r.Answer) - len(c.result.Answer)
	c.running, c.at = false, time.Now()
	c.result = r
	d.sweepLocked()
	if err != nil {
		d.log.Warn("the outcome of a command could not be recorded: after a restart it is in doubt", "agent", c.key.agent.String(), "error", err)
	}
}

// release forgets a claim, and the intent of it that may be on record. While that
// cannot be removed, the ID is not free.
func (d *ids) release(c *claim) {
	if c.stored {
		ctx, cancel := context.WithTimeout(context.Background(), saveLimit)
		defer cancel()
		if err := d.values.Put(ctx, store.Commands, nameIn(c.key), nil); err != nil {
			d.log.Warn("the record of a command that was not sent could not be removed: after a restart it is in doubt", "agent", c.key.agent.String(), "error", err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.all, c.key)
}

func (d *ids) put(ctx context.Context, c *claim, r *Result) error {
	e := entry{Agent: c.key.agent.String(), ID: c.key.id, Hash: c.hash, At: time.Now(), Result: r}
	if r != nil {
		e.HTTP = r.HTTP
	}
	data, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode the record of a command: %w", err)
	}
	return d.values.Put(ctx, store.Commands, nameIn(c.key), data)
}

// nameIn is the name in the store: IDs are as long and as odd as programs make them.
func nameIn(k idKey) string {
	sum := sha256.Sum256([]byte(k.id))
	return k.agent.String() + "/" + hex.EncodeToString(sum[:16])
}

// sweepLocked sees to it that what is old is removed. The caller holds mu.
func (d *ids) sweepLocked() {
	if d.sweep == nil && !d.shut && len(d.all) > 0 {
		d.sweep = time.AfterFunc(tidyEvery, d.forget)
	}
}

// forget removes what is old, and comes back while there is more. Until its record is
// gone from the store, an ID stays known: a new record could not be told from it.
func (d *ids) forget() {
	var old []*claim
	d.mu.Lock()
	d.sweep = nil
	if d.shut {
		d.mu.Unlock()
		return
	}
	d.tidy.Add(1)
	defer d.tidy.Done()
	for _, c := range d.all {
		if !c.running && time.Since(c.at) >= keepFor {
			old = append(old, c)
		}
	}
	d.mu.Unlock()
	d.removeAll(old)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweepLocked()
}

// removeAll forgets claims, many at a time: each removal waits for the disk.
func (d *ids) removeAll(old []*claim) {
	ctx, cancel := context.WithTimeout(context.Background(), keepFor)
	defer cancel()
	places := make(chan struct{}, tidyAtOnce)
	var all sync.WaitGroup
	for _, c := range old {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if c.stored && d.values.Put(ctx, store.Commands, nameIn(c.key), nil) != nil {
				return // the next round does it
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.bytes -= len(c.result.Answer)
			delete(d.all, c.key)
		})
	}
	all.Wait()
}

// close ends the sweeping.
func (d *ids) close() {
	d.mu.Lock()
	d.shut = true
	if d.sweep != nil {
		d.sweep.Stop()
	}
	d.mu.Unlock()
	d.tidy.Wait()
}
