package sim

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"
)

// The operations that simulators count and faults name.
const (
	OpSignIn    = "sign_in"
	OpSignOut   = "sign_out"
	OpPoll      = "poll"
	OpMessage   = "message"    // any other request that keeps a session alive
	OpKeepAlive = "keep_alive" // a message of which there is one at a time
	OpCommand   = "command"    // a message that changes something, of which there is one at a time; a fault of op message fits, too
	OpOther     = "other"      // a request that proves nothing to the platform; counts as a message
	OpConnect   = "connect"    // a new connection or websocket
	OpAny       = "any"        // in faults: all of these
)

// grace is how long an operation waits for the one before it to prove that its
// client has gone: a closed connection is noticed a moment after the client's
// next request on another one.
const grace = 250 * time.Millisecond

// Count is what one agent, or all of them, asked for. Every request counts,
// whatever it was answered.
type Count struct {
	SignIns int `json:"sign_ins"`
	// Needless are those of SignIns that found the account's session alive, by
	// the same client. Of a token platform a renewal is one, too.
	Needless int `json:"needless_sign_ins"`
	SignOuts int `json:"sign_outs"`
	Polls    int `json:"polls"`
	Messages int `json:"messages"`
	// Commands are those of Messages that change something.
	Commands int `json:"commands"`
	Connects int `json:"connects"`
	// LargestGap is the longest time in which the agent had no poll or message
	// under way though it was signed in: from the end of one (or of the
	// sign-in) to the start of the next.
	LargestGap Duration `json:"largest_gap"`
	Violations int      `json:"violations"`
}

func (c *Count) add(op string) {
	switch op {
	case OpSignIn:
		c.SignIns++
	case OpSignOut:
		c.SignOuts++
	case OpPoll:
		c.Polls++
	case OpConnect:
		c.Connects++
	case OpCommand:
		c.Messages++
		c.Commands++
	default:
		c.Messages++
	}
}

// Ops counts operations per agent and notices two at once: a sign-in or
// sign-out beside another, a poll beside another, a keep-alive or a command
// beside another. The zero Ops is ready; its methods may be called at the same time.
type Ops struct {
	// OnViolation, where set before the first use, is told of each violation.
	OnViolation func(string)

	mu         sync.Mutex
	agents     map[string]*agentOps
	violations []string
}

type agentOps struct {
	count    Count
	quiet    time.Time     // since when nothing is under way; zero: not signed in, or something is
	recent   time.Duration // the largest gap since TakeGaps
	inFlight map[lane]*flight
	open     int // polls and messages under way
}

// lane is what must not overlap with itself: operations, or polls.
type lane string

func laneOf(op string) lane {
	switch op {
	case OpSignIn, OpSignOut:
		return "operation"
	case OpPoll:
		return "poll"
	case OpKeepAlive:
		return "keep_alive"
	case OpCommand:
		return "command"
	}
	return ""
}

type flight struct {
	op    string
	since time.Time
	ctx   context.Context
	done  chan struct{}
	gone  bool // its client had gone when it ended; valid once done is closed
}

// excused reports whether the flight's client has gone.
func (f *flight) excused() bool {
	if isClosed(f.done) {
		return f.gone
	}
	return f.ctx.Err() != nil
}

// settle waits until it is known whether the flight's client has gone, for a
// moment at most.
func (f *flight) settle() {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-f.done:
	case <-f.ctx.Done():
	case <-timer.C:
	}
}

// Begin counts an operation of the agent and notes a violation when one of the
// same lane is in flight. The caller calls end once, before it answers.
func (o *Ops) Begin(agent, op string) (end func()) {
	return o.BeginContext(context.Background(), agent, op)
}

// BeginContext is Begin for a request whose ctx ends when its client goes away:
// an operation that a gone client left behind does not count as in flight. It
// blocks for up to 250 ms when it has to find that out.
func (o *Ops) BeginContext(ctx context.Context, agent, op string) (end func()) {
	end, _ = o.Start(ctx, agent, op)
	return end
}

// Start is BeginContext that also tells whether the operation overlaps with
// one in flight, for platforms that answer such a request with an error.
func (o *Ops) Start(ctx context.Context, agent, op string) (end func(), overlap bool) {
	f := &flight{op: op, since: time.Now(), ctx: ctx, done: make(chan struct{})}
	before := o.enter(agent, f)
	if before != nil {
		before.settle()
		if overlap = !before.excused(); overlap {
			o.Violation(agent, fmt.Sprintf("%s began while the %s of %s ago was unanswered",
				op, before.op, time.Since(before.since).Round(time.Millisecond)))
		}
	}
	return sync.OnceFunc(func() { o.leave(agent, f) }), overlap
}

// Needless notes that a sign-in of the agent found its session alive.
func (o *Ops) Needless(agent string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.agent(agent).count.Needless++
}

// TakeGaps returns each agent's largest gap since the last call, one that goes
// on with what it is by now.
func (o *Ops) TakeGaps() map[string]Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	gaps := make(map[string]Duration, len(o.agents))
	for name, a := range o.agents {
		if !a.quiet.IsZero() {
			a.recent = max(a.recent, time.Since(a.quiet))
		}
		gaps[name], a.recent = Duration(a.recent), 0
	}
	return gaps
}

// Add counts a request that is answered at once and proves nothing: one that
// the platform does not let in.
func (o *Ops) Add(agent, op string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.agent(agent).count.add(op)
}

func (o *Ops) enter(agent string, f *flight) (before *flight) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.agent(agent)
	a.count.add(f.op)
	l := laneOf(f.op)
	if alive(f.op) {
		a.open++
		if !a.quiet.IsZero() {
			gap := time.Since(a.quiet)
			a.count.LargestGap = max(a.count.LargestGap, Duration(gap))
			a.recent = max(a.recent, gap)
		}
		a.quiet = time.Time{}
	}
	if l == "" {
		return nil
	}
	before = a.inFlight[l]
	a.inFlight[l] = f
	return before
}

func (o *Ops) leave(agent string, f *flight) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f.gone = f.ctx.Err() != nil
	close(f.done)
	a := o.agent(agent)
	l := laneOf(f.op)
	if a.inFlight[l] == f {
		delete(a.inFlight, l)
	}
	if alive(f.op) {
		a.open = max(0, a.open-1)
	}
	switch {
	case f.op == OpSignOut:
		a.quiet = time.Time{}
	case a.open == 0 && (alive(f.op) || f.op == OpSignIn):
		a.quiet = time.Now()
	}
}

// alive reports whether op is one that shows its agent's client alive.
func alive(op string) bool { return op == OpPoll || op == OpMessage || op == OpKeepAlive }

func (o *Ops) agent(name string) *agentOps {
	if o.agents == nil {
		o.agents = map[string]*agentOps{}
	}
	a := o.agents[name]
	if a == nil {
		a = &agentOps{inFlight: map[lane]*flight{}}
		o.agents[name] = a
	}
	return a
}

// InFlight reports whether an operation of op's kind is under way whose client
// is still there. It blocks for up to 250 ms when it has to find that out.
func (o *Ops) InFlight(agent, op string) bool {
	f := o.flightOf(agent, op)
	if f == nil {
		return false
	}
	f.settle()
	return !f.excused()
}

func (o *Ops) flightOf(agent, op string) *flight {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.agent(agent).inFlight[laneOf(op)]
}

// Forget ends the measuring of the agent's gap, because its session is over.
func (o *Ops) Forget(agent string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.agent(agent).quiet = time.Time{}
}

// Violation notes that the agent's client did what the contract forbids.
func (o *Ops) Violation(agent, text string) {
	text = fmt.Sprintf("%s agent %s: %s", time.Now().Format("15:04:05.000"), agent, text)
	o.note(agent, text)
	if o.OnViolation != nil {
		o.OnViolation(text)
	}
}

func (o *Ops) note(agent, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.agent(agent).count.Violations++
	o.violations = append(o.violations, text)
}

// Violations returns every violation so far, oldest first.
func (o *Ops) Violations() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string{}, o.violations...)
}

// Counts returns the counts of every agent that was heard of.
func (o *Ops) Counts() map[string]Count {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := make(map[string]Count, len(o.agents))
	for name, a := range o.agents {
		counts[name] = a.count
	}
	return counts
}

// Count returns one agent's counts.
func (o *Ops) Count(agent string) Count {
	o.mu.Lock()
	defer o.mu.Unlock()
	if a := o.agents[agent]; a != nil {
		return a.count
	}
	return Count{}
}

// Total returns the counts of all agents together; its LargestGap is the
// largest of them.
func (o *Ops) Total() Count {
	var t Count
	for c := range maps.Values(o.Counts()) {
		t.SignIns += c.SignIns
		t.Needless += c.Needless
		t.SignOuts += c.SignOuts
		t.Polls += c.Polls
		t.Messages += c.Messages
		t.Commands += c.Commands
		t.Connects += c.Connects
		t.Violations += c.Violations
		t.LargestGap = max(t.LargestGap, c.LargestGap)
	}
	return t
}

// Reset forgets counts and violations; what is in flight stays so.
func (o *Ops) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.violations = nil
	for _, a := range o.agents {
		a.count = Count{}
	}
}
