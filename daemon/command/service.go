package command

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/vendors/adapter"
	vendor "agentkeeper/vendors/command"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

const (
	// DefaultTimeout is how long a command may take where nobody says.
	DefaultTimeout = 10 * time.Second

	effectLimit  = 5 * time.Second // for the event that shows what a verb asked for
	absentRetry  = 5 * time.Second // Retry-After while there is no session
	busyRetry    = time.Second     // Retry-After where others are served first
	newerLimit   = time.Second     // for the credential that a refused one was replaced by
	newerEvery   = 10 * time.Millisecond
	answerLimit  = 1 << 20 // bytes of an answer
	closingGrace = 2 * time.Second
)

// Fleet is the agents and their platforms. Its methods do not block and may be called
// from any goroutine.
type Fleet interface {
	// Lend lends an agent's session. keeper.ErrNoSession and keeper.ErrLeaving mean
	// that there is none to be lent now, any other error that there is no such agent.
	Lend(id session.ID) (*keeper.Loan, error)
	// Place returns where a platform is and which vendor's, the same value until one
	// of that changes; ok is false for one that there is not.
	Place(platform string) (place wire.Place, vendor string, ok bool)
}

// Limits are what a site lets programs ask of an agent.
type Limits struct {
	Enabled bool
	Allow   []string      // see vendors/command.ParseEntry; empty: what the vendor documents
	Timeout time.Duration // of a request that names none; 0: DefaultTimeout
}

// Settings says what is configured. It does not block and may be called from any
// goroutine.
type Settings interface {
	// Limits returns what programs may ask of an agent; ok is false for an agent that
	// there is not.
	Limits(id session.ID) (limits Limits, ok bool)
}

// Caller is who asks.
type Caller struct {
	Name  string   // for the audit log, for example "person uid 0"
	Allow []string // has to allow the request as well; empty: it need not
	// Keeper tells that the service itself asks: for anything, whatever is configured.
	// What it reads is neither logged nor counted.
	Keeper bool
}

// Sent is a request that changes an agent's working state, or a call's, and that is
// about to leave.
type Sent struct {
	Verb  string // one of vendors/command's
	Code  string
	By    string // the Caller's name; of the proxy: "proxy"
	Proxy bool   // a program sent it through the proxy
	Own   bool   // the service itself asked
}

// Observer counts. Its methods must not block.
type Observer interface {
	// Command counts a command by how it ended; took is the time since it arrived.
	Command(platform string, o Outcome, took time.Duration)
}

// Options are what a Service is made from. Fleet, Vendors, Settings, Values and
// Observer are required.
type Options struct {
	Fleet    Fleet
	Vendors  func(name string) (v adapter.Vendor, ok bool)
	Settings Settings
	Values   store.Values
	Observer Observer
	// Lost are the names, in the store, of requests with an ID whose record is lost to
	// damage: what became of them is in doubt.
	Lost []string
	Log  *slog.Logger // nil: silent
	// Standing returns an agent's working state, as far as it is known; nil: it is not.
	Standing func(id session.ID) work.Standing
	// Sent is told of what is about to leave; it must not block. nil: nobody is.
	Sent func(id session.ID, s Sent)
}

// Service carries commands. All methods may be called from any goroutine.
type Service struct {
	o       Options
	lanes   lanes
	ids     ids
	roads   roads
	effects effects
	ends    context.Context // the end of what is under way
	cut     context.CancelFunc
	running sync.WaitGroup
}

// New returns a service that knows the recorded outcomes of the last 10 minutes. It
// fails where the store cannot be read.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Standing == nil {
		o.Standing = func(session.ID) work.Standing { return work.Standing{} }
	}
	if o.Sent == nil {
		o.Sent = func(session.ID, Sent) {}
	}
	s := &Service{o: o}
	s.ends, s.cut = context.WithCancel(context.WithoutCancel(ctx))
	s.ids.open(o.Values, o.Lost, o.Log)
	if err := s.ids.load(ctx); err != nil {
		s.cut()
		return nil, err
	}
	return s, nil
}

// Drain takes nothing more: those that wait are answered at once that they were not
// sent, and so is whoever comes. What is under way goes on.
func (s *Service) Drain() { s.lanes.close() }

// Close is Drain, and waits for what is under way: up to 2 s, or within where that is
// less. What has no answer then is in doubt, and recorded so.
func (s *Service) Close(within time.Duration) {
	s.Drain()
	cut := time.AfterFunc(min(within, closingGrace), s.cut)
	s.running.Wait()
	cut.Stop()
	s.cut()
	s.ids.close()
	s.roads.close()
}

// Do carries a command and blocks until it has an outcome: no longer than its
// time-out, and up to 15 s more for an answer that is coming in. It never fails:
// Result.HTTP is set. The end of ctx takes a command out of the lane that waits there,
// and stops no other.
func (s *Service) Do(ctx context.Context, id session.ID, r Request, by Caller) Result {
	arrived := time.Now()
	o, refused := s.judge(id, r, by, arrived)
	var result Result
	switch {
	case refused != nil:
		result = *refused
	case !s.lanes.begin(&s.running):
		result = closed.result()
	default:
		defer s.running.Done()
		result = s.carry(ctx, o)
	}
	result.ID = r.ID
	s.tell(id, r, by, &result, result.since(arrived))
	return result
}

// carry carries an order, or returns the recorded outcome of the same one.
func (s *Service) carry(ctx context.Context, o *order) Result {
	key, recorded := s.ids.claim(o)
	if recorded != nil {
		return *recorded
	}
	result, seen := s.take(ctx, o, key)
	s.ids.settle(key, result)
	if seen != nil && result.Outcome == Done {
		result.Effect = s.effect(ctx, o, seen)
		s.ids.settle(key, result)
	}
	return result
}

// take waits for the order's turn and sends it. seen is where its effect shows; nil:
// nowhere.
func (s *Service) take(ctx context.Context, o *order, key *claim) (result Result, seen *watch) {
	place := s.lanes.enter(ctx, o.id, waitMost, o.deadline)
	if place != entered {
		return place.result(), nil
	}
	defer func() { s.lanes.leave(o.id, result.Outcome == Doubt) }()
	loan, err := s.o.Fleet.Lend(o.id)
	if err != nil {
		return absent(o.id, err), nil
	}
	defer loan.Return()
	if err := s.ids.intend(ctx, key, o.deadline); err != nil {
		return notSent("the store cannot be written, so nothing was sent: "+err.Error(), busyRetry), nil
	}
	if !time.Now().Before(o.deadline) {
		return late.result(), nil
	}
	if o.verb != "" {
		s.o.Sent(o.id, Sent{Verb: o.verb, Code: o.code, By: o.by.Name, Own: o.by.Keeper})
	}
	if o.form.Confirms != nil {
		seen = s.effects.watch(o.id, o.form.Confirms)
		defer func() {
			if result.Outcome != Done {
				s.effects.end(o.id, seen)
			}
		}()
	}
	return s.send(ctx, o, loan), seen
}

// send sends the order, which nothing but its deadline and the service's end cuts.
func (s *Service) send(ctx context.Context, o *order, loan *keeper.Loan) Result {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), o.deadline)
	defer cancel()
	defer context.AfterFunc(s.ends, cancel)()
	if o.action != "" {
		return sendFrame(ctx, o, loan)
	}
	return s.sendRequest(ctx, o, loan)
}

// Enter blocks until a request of a program through the proxy may leave, whose method
// may change something. leave is called once, when its answer came. refused says why it
// may not.
func (s *Service) Enter(ctx context.Context, id session.ID, r rules.Request) (leave func(), refused *Result) {
	var set vendor.Set
	if _, name, ok := s.o.Fleet.Place(id.Platform); ok {
		v, _ := s.o.Vendors(name)
		set = v.Commands
	}
	if set.Reads != nil && set.Reads(r) {
		return func() {}, nil
	}
	place := s.lanes.enter(ctx, id, writesMost, time.Now().Add(DefaultTimeout))
	if place != entered {
		result := place.result()
		return nil, &result
	}
	if set.Says != nil {
		if verb, code := set.Says(id.Login, r); verb != "" {
			s.o.Sent(id, Sent{Verb: verb, Code: code, By: "proxy", Proxy: true})
		}
	}
	return sync.OnceFunc(func() { s.lanes.leave(id, false) }), nil
}

// tell counts a command and writes its audit line, without its payload.
func (s *Service) tell(id session.ID, r Request, by Caller, result *Result, took time.Duration) {
	if by.Keeper && r.Method == http.MethodGet {
		return
	}
	if !result.Repeated {
		s.o.Observer.Command(id.Platform, result.Outcome, took)
	}
	attrs := []slog.Attr{
		slog.String("platform", id.Platform), slog.String("agent", id.String()), slog.String("operation", "command"),
		slog.String("command", nameOf(r)), slog.String("outcome", string(result.Outcome)), slog.String("by", by.Name),
		slog.String("reason", wire.Plain(r.Reason)), slog.String("took", took.Round(time.Microsecond).String()),
	}
	if r.ID != "" {
		attrs = append(attrs, slog.String("id", wire.Plain(r.ID)))
	}
	if result.Code != "" {
		attrs = append(attrs, slog.String("code", wire.Plain(result.Code)))
	}
	if result.Repeated {
		attrs = append(attrs, slog.Bool("repeated", true))
	}
	s.o.Log.LogAttrs(context.Background(), slog.LevelInfo, "audit", attrs...)
}
