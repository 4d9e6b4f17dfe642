// Package tracing keeps whose exchange with the platforms is written down, until
// when and by whose word, and gives the lines to the log and to those who follow
// them. What a line shows, and what it hides, is package trace's.
package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"agentkeeper/daemon/bound"
	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

// waiting is how many lines wait for one follower. More are left out for it, and
// counted.
const waiting = 1024

// Bounds returns this package's rows of the table of bounds.
func Bounds() []bound.Bound {
	const where = "`trace`, `log.trace`"
	return []bound.Bound{
		{Where: where, What: "agents traced at once", Limit: bound.Count(trace.MostAgents), Beyond: "409; a mistake in the configuration", Test: "TestBounds"},
		{Where: where, What: "the time of one trace", Limit: bound.Time(trace.Longest), Beyond: "400; a mistake in the configuration", Test: "TestBounds"},
		{Where: where, What: "a body in a line", Limit: bound.Bytes(trace.BodyLimit), Beyond: "cut, with …", Test: "TestBounds"},
		{Where: where, What: "lines that wait for one who follows", Limit: bound.Count(waiting), Beyond: "left out for that one, and counted; the log has them", Test: "TestSlowFollower"},
	}
}

// Order says whom to trace.
type Order struct {
	Agents []session.ID // at least one
	For    time.Duration
	By     string // who said so, for the audit log
	Reason string // "": none was given
}

// ByConfiguration is who orders what stands in the configuration.
const ByConfiguration = "configuration"

// Errors of Start.
var (
	ErrTime  = fmt.Errorf("a trace lasts up to %v", trace.Longest)
	ErrMany  = fmt.Errorf("%d agents at most are traced at once", trace.MostAgents)
	errEnded = errors.New("the service is ending")
)

// Running is one agent that is traced.
type Running struct {
	Agent session.ID
	Since time.Time
	Until time.Time
	By    string
}

// Tracer keeps the orders. Safe for concurrent use.
type Tracer struct {
	log    *slog.Logger
	traces *trace.Traces

	mu     sync.Mutex
	runs   []*Run // in the order in which they began
	closed bool
	unsaid [][]any // for the audit log, once mu is free
}

// unlock frees mu, then writes what there is for the audit log.
func (t *Tracer) unlock() {
	unsaid := t.unsaid
	t.unsaid = nil
	t.mu.Unlock()
	for _, fields := range unsaid {
		t.log.Info("audit", fields...)
	}
}

// New returns a Tracer that traces nobody yet. Its lines go to log whatever the
// log's level.
func New(log *slog.Logger) *Tracer {
	t := &Tracer{log: log}
	t.traces = trace.New(t.take)
	return t
}

// Traces is what the adapters ask.
func (t *Tracer) Traces() *trace.Traces { return t.traces }

// Run is an order that is carried out. Its methods may be called by one goroutine.
type Run struct {
	tracer  *Tracer
	order   Order
	since   time.Time
	timer   *time.Timer
	over    chan struct{}   // closed at the end
	why     string          // of the end; set before over is closed
	lines   chan trace.Line // nil: nobody follows
	dropped int             // lines since the last that the follower got; under the tracer's mu
}

// Start traces the order's agents from now on, for its time. follow makes the
// lines of it available to Follow. Errors are ErrTime and ErrMany, with more words.
func (t *Tracer) Start(o Order, follow bool) (*Run, error) {
	if o.For <= 0 || o.For > trace.Longest {
		return nil, fmt.Errorf("%w, not %v", ErrTime, o.For)
	}
	t.mu.Lock()
	defer t.unlock()
	if t.closed {
		return nil, errEnded
	}
	all := t.agents()
	for _, id := range o.Agents {
		all[id] = true
	}
	if len(all) > trace.MostAgents {
		return nil, fmt.Errorf("%w, and these would make it %d", ErrMany, len(all))
	}
	r := &Run{tracer: t, order: o, since: time.Now(), over: make(chan struct{})}
	if follow {
		r.lines = make(chan trace.Line, waiting)
	}
	r.timer = time.AfterFunc(o.For, func() { r.end("time over") })
	t.runs = append(t.runs, r)
	for _, id := range o.Agents {
		t.audit("trace", id, o.By, o.Reason, slog.String("for", o.For.String()))
	}
	t.apply()
	return r, nil
}

// Configure makes the configuration's own order that of agents for d; none ends
// it. Each call begins its time anew.
func (t *Tracer) Configure(agents []session.ID, d time.Duration) error {
	t.mu.Lock()
	for _, r := range slices.Clone(t.runs) {
		if r.order.By == ByConfiguration {
			t.remove(r, "the configuration was loaded again")
		}
	}
	t.unlock()
	if len(agents) == 0 {
		return nil
	}
	_, err := t.Start(Order{Agents: agents, For: d, By: ByConfiguration, Reason: "log.trace"}, false)
	return err
}

// End stops tracing these agents, whoever ordered it, and returns how many were
// traced. An order without agents left is over.
func (t *Tracer) End(ids []session.ID, by string) (ended int) {
	t.mu.Lock()
	defer t.unlock()
	traced := t.agents()
	for _, id := range ids {
		if traced[id] {
			ended++
			t.audit("trace_end", id, by, "")
		}
	}
	for _, r := range slices.Clone(t.runs) {
		r.order.Agents = slices.DeleteFunc(slices.Clone(r.order.Agents), func(id session.ID) bool { return slices.Contains(ids, id) })
		if len(r.order.Agents) == 0 {
			t.remove(r, "ended by "+by)
		}
	}
	t.apply()
	return ended
}

// Close ends everything; nothing can be started any more.
func (t *Tracer) Close() {
	t.mu.Lock()
	defer t.unlock()
	t.closed = true
	for _, r := range slices.Clone(t.runs) {
		t.remove(r, "the service ends")
	}
}

// Running lists the traced agents by name, each once with the latest end.
func (t *Tracer) Running() []Running {
	t.mu.Lock()
	defer t.mu.Unlock()
	latest := map[session.ID]Running{}
	for _, r := range t.runs {
		for _, id := range r.order.Agents {
			one := Running{Agent: id, Since: r.since, Until: r.since.Add(r.order.For), By: r.order.By}
			if one.Until.After(latest[id].Until) {
				latest[id] = one
			}
		}
	}
	list := make([]Running, 0, len(latest))
	for _, one := range latest {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Running) int { return cmp.Compare(a.Agent.String(), b.Agent.String()) })
	return list
}

// Agents returns how many are traced.
func (t *Tracer) Agents() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.agents())
}

// Follow calls fn with each line until the order is over, for which it tells why,
// ctx ends or fn fails; in these two cases the order ends with it. It blocks.
func (r *Run) Follow(ctx context.Context, fn func(trace.Line) error) (why string, err error) {
	defer r.end("whoever followed has gone")
	for {
		select {
		case l := <-r.lines:
			if err := r.tell(l, fn); err != nil {
				return "", err
			}
		case <-r.over:
			if len(r.lines) == 0 {
				return r.why, nil
			}
		case <-ctx.Done():
			select {
			case <-r.over: // before: who ends the service does both
				return r.why, nil
			default:
				return "", ctx.Err()
			}
		}
	}
}

// StepDropped is the step of a line that says how many were left out before it.
const StepDropped = "dropped"

func (r *Run) tell(l trace.Line, fn func(trace.Line) error) error {
	r.tracer.mu.Lock()
	n := r.dropped
	r.dropped = 0
	r.tracer.mu.Unlock()
	if n > 0 {
		gap := trace.Line{Time: l.Time, Step: StepDropped, Detail: fmt.Sprintf("%d lines were left out here, because they were not taken fast enough; the service's log has them", n)}
		if err := fn(gap); err != nil {
			return err
		}
	}
	return fn(l)
}

// end ends the order, once.
func (r *Run) end(why string) {
	r.tracer.mu.Lock()
	defer r.tracer.unlock()
	r.tracer.remove(r, why)
}

// remove ends r, for why. The caller holds mu.
func (t *Tracer) remove(r *Run, why string) {
	i := slices.Index(t.runs, r)
	if i < 0 {
		return
	}
	t.runs = slices.Delete(t.runs, i, i+1)
	r.timer.Stop()
	r.why = why
	close(r.over)
	for _, id := range r.order.Agents {
		t.audit("trace_end", id, r.order.By, why)
	}
	t.apply()
}

// agents is who is traced. The caller holds mu.
func (t *Tracer) agents() map[session.ID]bool {
	all := map[session.ID]bool{}
	for _, r := range t.runs {
		for _, id := range r.order.Agents {
			all[id] = true
		}
	}
	return all
}

// apply tells the adapters. The caller holds mu.
func (t *Tracer) apply() {
	var ids []session.ID
	for id := range t.agents() {
		ids = append(ids, id)
	}
	t.traces.Set(ids)
}

// audit notes what unlock is to write. The caller holds mu.
func (t *Tracer) audit(operation string, id session.ID, by, reason string, more ...any) {
	t.unsaid = append(t.unsaid, append([]any{"platform", id.Platform, "agent", id.String(), "operation", operation, "by", by, "reason", reason}, more...))
}

// take gives a line to the log and to who follows its agent.
func (t *Tracer) take(l trace.Line) {
	record := slog.NewRecord(l.Time, slog.LevelInfo, "trace", 0)
	record.AddAttrs(attrs(l)...)
	_ = t.log.Handler().Handle(context.Background(), record) // as a logger does
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.runs {
		if r.lines == nil || !slices.ContainsFunc(r.order.Agents, func(id session.ID) bool { return id.String() == l.Agent }) {
			continue
		}
		select {
		case r.lines <- l:
		default:
			r.dropped++
		}
	}
}

// attrs is what of a line is not empty.
func attrs(l trace.Line) []slog.Attr {
	platform, _, _ := strings.Cut(l.Agent, "/")
	list := []slog.Attr{slog.String("platform", platform), slog.String("agent", l.Agent), slog.String("step", l.Step)}
	if l.Exchange > 0 {
		list = append(list, slog.Uint64("exchange", l.Exchange))
	}
	if l.Status > 0 {
		list = append(list, slog.Int("status", l.Status))
	}
	for _, a := range []slog.Attr{slog.String("method", l.Method), slog.String("path", l.Path), slog.String("kind", l.Kind), slog.String("took", l.Took), slog.String("detail", l.Detail)} {
		if a.Value.String() != "" {
			list = append(list, a)
		}
	}
	if len(l.Header) > 0 {
		list = append(list, slog.Any("header", l.Header))
	}
	if l.Bytes > 0 {
		list = append(list, slog.Int("bytes", l.Bytes))
	}
	if l.Body != "" {
		list = append(list, slog.String("body", l.Body))
	}
	return list
}
