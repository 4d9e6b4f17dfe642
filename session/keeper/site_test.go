package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"agentkeeper/session"
)

var errDead = errors.New("this process was killed")

// site is a platform that judges its client: it knows when it is done with an
// operation, whether the client hears of it or not, and outlives its clients.
// The zero mood is kind.
type site struct {
	mu        sync.Mutex
	rng       *rand.Rand
	mood      float64   // the part of the requests that go wrong
	busy      time.Time // it works on an operation until then
	alive     bool
	key       int // of the session alive, or of the last one
	older     int // the key before a rotation, still good
	heard     time.Time
	stored    func() session.Record // what is durable
	effect    func()                // of the operation in work
	faults    []string
	saved     int  // the last key that was ever on record
	untold    bool // the operation in work left without an intent on record
	signIns   int
	adoptions int
}

func (s *site) fail(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

func (s *site) chance(p float64) bool { return s.rng.Float64() < p }

// settle carries out what is due.
func (s *site) settle() {
	now := time.Now()
	if s.effect != nil && !now.Before(s.busy) {
		s.effect()
		s.effect = nil
	}
	if s.alive && now.Sub(s.heard) > window {
		s.alive = false
	}
}

// operate takes an operation on: how long it takes, whether it will be
// carried out and whether the client will hear.
func (s *site) operate(op session.Op, effect func()) (takes time.Duration, answered bool) {
	now := time.Now()
	s.settle()
	intent := s.stored().Intent
	// A sign-out leaves even if the disk is broken. Whoever crashes then has
	// told nobody.
	if now.Before(s.busy) && !s.untold {
		s.fail("%v: %v began, though the one before goes on until %v", now, op, s.busy)
	}
	s.untold = intent.Op == session.OpNone
	if op == session.OpSignIn && (intent.Op != op || intent.Deadline.Before(now.Add(opTimeout))) {
		s.fail("%v: a sign-in left with the intent %v on record", now, intent)
	}
	takes = time.Duration(s.rng.Int64N(int64(2 * time.Second)))
	if s.chance(s.mood) {
		takes = time.Duration(s.rng.Int64N(int64(opTimeout)))
	}
	s.busy, s.effect = now.Add(takes), effect
	return takes, !s.chance(s.mood / 2)
}

// process is one life of the client. Killed, it reaches nothing any more.
type process struct {
	*site
	disk *disk
	dead chan struct{}
}

func (p *process) killed() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// rest waits and reports whether the process outlived it.
func (p *process) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.dead:
		return errDead
	}
}

func (p *process) Save(ctx context.Context, _ session.ID, r session.Record) error {
	if p.killed() {
		return errDead
	}
	p.mu.Lock()
	delay := time.Duration(p.rng.Int64N(int64(20 * time.Millisecond)))
	broken := p.chance(p.mood / 5)
	late := p.chance(0.5)
	p.mu.Unlock()
	err := p.rest(ctx, delay)
	if (errors.Is(err, errDead) && !late) || (p.killed() && err == nil) {
		return errDead
	}
	if broken {
		return errDisk
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	if !r.Key.IsZero() {
		p.saved, _ = strconv.Atoi(r.Key.Reveal())
	}
	p.disk.rec = r // also when the caller did not wait for it
	return err
}

func (p *process) SignIn(ctx context.Context, _ session.Account, _ bool) (session.Session, error) {
	if p.killed() {
		return nil, errDead
	}
	p.mu.Lock()
	p.signIns++
	fault := p.verdict()
	p.settle()
	if p.alive && p.holds(p.saved) {
		p.fail("%v: a login, though session %d lives and was on record", time.Now(), p.key)
	}
	key := 0
	takes, answered := p.operate(session.OpSignIn, func() {
		if fault == nil {
			p.key++
			p.alive = true
			p.heard = p.busy
			p.older = 0
			key = p.key
		}
	})
	p.mu.Unlock()
	if err := p.rest(ctx, takes); err != nil {
		return nil, err
	}
	if !answered {
		return nil, p.silence(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settle()
	if fault != nil {
		return nil, fault
	}
	return &visit{process: p, mine: key}, nil
}

// verdict is what a sign-in is answered.
func (s *site) verdict() error {
	switch {
	case !s.chance(s.mood):
		return nil
	case s.chance(0.05):
		return errRefused
	case s.chance(0.2):
		return &session.Fault{Kind: session.Taken, Code: "100-002"}
	}
	return errOutage
}

// silence is an answer that never comes.
func (p *process) silence(ctx context.Context) error {
	if err := p.rest(ctx, time.Hour); errors.Is(err, errDead) {
		return err
	}
	return &session.Fault{Kind: session.Doubt, Err: ctx.Err()}
}

func (p *process) Adopt(_ session.Account, k session.Key) (session.Session, error) {
	key, err := strconv.Atoi(k.Reveal())
	if err != nil {
		return nil, errLost
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.adoptions++
	return &visit{process: p, mine: key}, nil
}

func (p *process) Probe(ctx context.Context, _ session.Account) error {
	if err := p.rest(ctx, time.Second); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.chance(p.mood) {
		return errOutage
	}
	return nil
}

// visit is a session as a process holds it.
type visit struct {
	*process
	mine   int
	due    time.Time // of the answer to the poll under way; zero: there is none
	outage bool      // that is its answer
}

func (v *visit) Step(ctx context.Context) (b session.Batch, w session.Wait, err error) {
	if v.killed() {
		if !v.due.IsZero() && !v.outage {
			v.unheard()
		}
		return b, w, errDead
	}
	if v.due.IsZero() {
		v.poll()
	}
	if w, err = session.Rest(ctx, v.due); !w.None() {
		return b, w, nil
	}
	v.due = time.Time{}
	switch {
	case err != nil:
	case v.outage:
		err = errOutage
	default:
		b, err = v.answer()
	}
	return b, w, err
}

func (v *visit) poll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.settle()
	v.outage = v.chance(v.mood)
	if v.due = time.Now().Add(hold); v.outage {
		v.due = time.Now().Add(100 * time.Millisecond)
	} else if v.known() {
		v.heard = time.Now()
	}
}

// unheard is an answer that reaches nobody.
func (v *visit) unheard() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.known() && v.chance(0.3) {
		v.rotate()
	}
}

// rotate gives the session a new key; the one it was asked with stays good.
func (v *visit) rotate() { v.older, v.key = v.mine, v.key+1 }

func (s *site) holds(key int) bool { return s.alive && key > 0 && (key == s.key || key == s.older) }

func (v *visit) known() bool { return v.holds(v.mine) }

func (v *visit) answer() (session.Batch, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.settle()
	if v.known() && v.chance(v.mood/20) {
		v.alive = false
	}
	if !v.known() {
		return session.Batch{}, errLost
	}
	v.heard = time.Now()
	if v.chance(0.1) {
		v.rotate()
		v.mine = v.key
	}
	return session.Batch{Events: []session.Event{{Type: "AgentState"}}}, nil
}

func (v *visit) SignOut(ctx context.Context) error {
	if v.killed() {
		return errDead
	}
	v.mu.Lock()
	var fault error
	takes, answered := v.operate(session.OpSignOut, func() {
		switch {
		case !v.known():
			fault = errLost
		case v.chance(v.mood):
			fault = errBusy
		default:
			v.alive = false
		}
	})
	v.mu.Unlock()
	if err := v.rest(ctx, takes); err != nil {
		return err
	}
	if !answered {
		return v.silence(ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.settle()
	return fault
}

func (v *visit) Key() session.Key   { return session.NewKey([]byte(strconv.Itoa(v.mine))) }
func (v *visit) Info() session.Info { return session.Info{} }
func (v *visit) Close() error       { return nil }
