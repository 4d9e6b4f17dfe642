package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"agentkeeper/session"
)

var (
	errRefused = &session.Fault{Kind: session.Refused, Cause: session.CauseCredential, Code: "100-004",
		Text: "wrong password", Action: "correct the password"}
	errOutage = &session.Fault{Kind: session.Outage, Code: "http 502", Text: "bad gateway"}
	errLost   = &session.Fault{Kind: session.Lost, Code: "100-006", Text: "not signed in"}
	errDoubt  = &session.Fault{Kind: session.Doubt, Text: "no answer"}
	errBusy   = &session.Fault{Kind: session.Busy, Code: "100-017", Text: "in a call"}
	errDisk   = errors.New("disk full")
)

const (
	hold      = 10 * time.Second
	grace     = 12 * time.Second
	opTimeout = 30 * time.Second
	window    = 2 * time.Minute
)

// call is one request as the platform saw it.
type call struct {
	What string // "sign in", "force", "sign out", "poll", "probe", "adopt"
	At   time.Duration
}

// answer is how one request ends.
type answer struct {
	err    error
	takes  time.Duration
	rotate bool // of a poll: with a new key
	events []string
	hang   bool // of a poll: until its context ends
	// Of a poll: nothing was asked, and who is told what became of the events.
	unasked bool
	settled func(error)
	missing session.Missing // of a poll
}

// vendor is a platform for one agent. What it answers is scripted per kind of
// request: the n-th answer to the n-th request, the last one for ever. Without
// a script operations take 100 ms, polls are held, and all is well.
type vendor struct {
	begin time.Time

	mu       sync.Mutex
	scripts  map[string][]answer
	calls    []call
	accounts []session.Account // of the sign-ins
	inFlight int
	overlaps int
	keys     int
	closed   int
	onCall   func(what string) // as the request arrives
	info     session.Info
	infos    int
}

func newVendor() *vendor {
	return &vendor{begin: time.Now(), scripts: map[string][]answer{}}
}

func (v *vendor) script(what string, answers ...answer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.scripts[what] = answers
}

// arrive notes a request and returns its answer.
func (v *vendor) arrive(what string) answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = append(v.calls, call{what, time.Since(v.begin)})
	if v.onCall != nil {
		v.onCall(what)
	}
	script := v.scripts[what]
	if len(script) > 1 {
		v.scripts[what] = script[1:]
	}
	switch {
	case len(script) > 0:
		return script[0]
	case what == "poll":
		return answer{takes: hold}
	}
	return answer{takes: 100 * time.Millisecond}
}

func (v *vendor) operation(what string) error {
	a := v.arrive(what)
	v.mu.Lock()
	if v.inFlight++; v.inFlight > 1 {
		v.overlaps++
	}
	v.mu.Unlock()
	time.Sleep(a.takes)
	v.mu.Lock()
	v.inFlight--
	v.mu.Unlock()
	return a.err
}

func (v *vendor) SignIn(ctx context.Context, a session.Account, force bool) (session.Session, error) {
	what := "sign in"
	if force {
		what = "force"
	}
	v.mu.Lock()
	v.accounts = append(v.accounts, a)
	v.mu.Unlock()
	if _, limited := ctx.Deadline(); !limited {
		return nil, errors.New("a sign-in without a deadline")
	}
	if err := v.operation(what); err != nil {
		return nil, err
	}
	return &login{v: v, key: v.newKey()}, ctx.Err()
}

func (v *vendor) newKey() session.Key {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys++
	return session.NewKey(fmt.Appendf(nil, "key-%d", v.keys))
}

func (v *vendor) Adopt(_ session.Account, k session.Key) (session.Session, error) {
	if a := v.arrive("adopt"); a.err != nil {
		return nil, a.err
	}
	return &login{v: v, key: k}, nil
}

func (v *vendor) Probe(ctx context.Context, _ session.Account) error {
	return v.answerWithin(ctx, v.arrive("probe"))
}

func (v *vendor) answerWithin(ctx context.Context, a answer) error {
	var due <-chan time.Time
	if !a.hang {
		due = time.After(a.takes)
	}
	select {
	case <-due:
		return a.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// seen returns the requests but adoptions, which are none.
func (v *vendor) seen() []call {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(v.calls), func(c call) bool { return c.What == "adopt" })
}

func (v *vendor) count(what string) int {
	n := 0
	for _, c := range v.seen() {
		if c.What == what {
			n++
		}
	}
	return n
}

// said lists the requests without the times, repeated polls once.
func (v *vendor) said() string {
	var list []string
	for _, c := range v.seen() {
		if n := len(list); c.What != "poll" || n == 0 || list[n-1] != "poll" {
			list = append(list, c.What)
		}
	}
	return strings.Join(list, ", ")
}

// login is a session of the vendor's.
type login struct {
	v    *vendor
	key  session.Key
	shut bool
	poll *answer   // what the poll under way will be answered; nil: there is none
	due  time.Time // and when
}

func (l *login) Step(ctx context.Context) (session.Batch, session.Wait, error) {
	if l.poll == nil {
		a := l.v.arrive("poll")
		l.poll, l.due = &a, time.Now().Add(a.takes)
	}
	a := *l.poll
	w, err := session.Rest(ctx, l.due)
	switch {
	case a.hang && err == nil:
		return session.Batch{}, session.Wait{Signal: new(session.Signal)}, nil
	case !w.None():
		return session.Batch{}, w, nil
	case err == nil:
		err = a.err
	}
	l.poll = nil
	b := session.Batch{Unasked: a.unasked, Settled: a.settled, Missing: a.missing}
	if ctx.Err() == nil {
		for _, e := range a.events {
			b.Events = append(b.Events, session.Event{Type: e})
		}
		if a.rotate {
			l.key = l.v.newKey()
		}
	}
	return b, w, err
}

func (l *login) SignOut(ctx context.Context) error {
	if _, limited := ctx.Deadline(); !limited {
		return errors.New("a sign-out without a deadline")
	}
	return l.v.operation("sign out")
}

func (l *login) Key() session.Key { return l.key }

func (l *login) Info() session.Info {
	l.v.mu.Lock()
	defer l.v.mu.Unlock()
	l.v.infos++
	return l.v.info
}

func (l *login) Close() error {
	l.v.mu.Lock()
	defer l.v.mu.Unlock()
	if l.shut {
		return errors.New("closed twice")
	}
	l.shut = true
	l.v.closed++
	return nil
}
