package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nuid"

	"agentkeeper/session"
)

var (
	// ErrUnavailable means that the store cannot write (or read) now: no new
	// operation may begin, the outcome of this write is unknown. The store
	// mends itself; see [Store.Changed].
	ErrUnavailable = errors.New("the store is unavailable")
	// ErrFenced means that another process has taken the agent over: nothing
	// was written, and this process must leave the agent alone.
	ErrFenced = errors.New("another process has taken this agent over")
	// ErrTooLarge means that a value or an event can never be stored; nothing
	// was written.
	ErrTooLarge = errors.New("too large for the store")
)

const (
	dedupWindow = 2 * time.Minute // in which an event's MsgID is recognised
	readTimeout = time.Minute     // for reading all records
	checkEvery  = 5 * time.Second
	reopenFirst = 250 * time.Millisecond
	reopenMax   = 5 * time.Second
	maxValue    = maxPayload - 64<<10
)

// Options say where and how to keep the store.
type Options struct {
	Dir            string        // created for the owner alone where it is missing
	Node           string        // this process's name among several; default "local"
	EventsMaxAge   time.Duration // default 24 h
	EventsMaxBytes int64         // default 1 GiB
	// EventsExpired is told how many events those limits dropped, within seconds,
	// on the store's own goroutine; nil: nobody. What they drop while no process
	// has the directory is not told.
	EventsExpired func(n int)
	Consumers     *Consumers   // who may connect to the stream; nil: nobody, and nothing listens
	Log           *slog.Logger // default: nothing is logged
}

func (o Options) withDefaults() Options {
	if o.Node == "" {
		o.Node = "local"
	}
	if o.EventsMaxAge <= 0 {
		o.EventsMaxAge = 24 * time.Hour
	}
	if o.EventsMaxBytes <= 0 {
		o.EventsMaxBytes = 1 << 30
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Store is the open store. Its methods may be called from any goroutine. Create
// it with [Open], end it with [Store.Close].
type Store struct {
	settings
	hashKey       []byte
	cancel        context.CancelFunc
	done          chan struct{} // closed when the supervisor has ended
	kept          retention     // the supervisor's
	consumersShut bool          // likewise: consumers cannot connect
	moved         bool          // likewise: the directory was replaced, and its records are not complete yet

	mu       sync.Mutex // guards the fields below; never held across I/O
	engine   *engine    // nil while the store is in trouble
	err      error      // the trouble
	since    time.Time  // when it began; zero: there is none
	changed  chan struct{}
	snapshot []pair // what was read when Open could not write; nil otherwise
	damage   Damage
}

// Open locks the directory, starts the server in it and claims what is there.
// It fails with [ErrLocked] while another process has the directory. On a disk
// that can be read but not written it succeeds: the records can be loaded, and
// [Store.Err] tells. What is damaged is mended, or told by [Store.Damage]. ctx
// bounds Open alone.
func Open(ctx context.Context, o Options) (*Store, error) {
	o = o.withDefaults()
	place, err := claimPlace(o.Dir, o.Log)
	if err != nil {
		return nil, err
	}
	s := &Store{
		settings: settings{
			dir: o.Dir, self: owner{Node: o.Node, Boot: nuid.Next()}, place: place,
			maxAge: o.EventsMaxAge, maxBytes: o.EventsMaxBytes, consumers: o.Consumers, log: o.Log,
		},
		done: make(chan struct{}), changed: make(chan struct{}), kept: retention{dropped: o.EventsExpired},
	}
	if err := s.open(ctx); err != nil {
		s.release()
		return nil, err
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go s.supervise(ctx)
	return s, nil
}

// release lets go of the directory.
func (s *Store) release() {
	if s.journal != nil {
		s.journal.close()
	}
	if s.mark != nil {
		s.mark.close()
	}
	s.place.close()
}

func (s *Store) open(ctx context.Context) error {
	if err := prepareDir(s.dir, s.log); err != nil {
		return err
	}
	if err := s.openFiles(); err != nil {
		return err
	}
	e, trouble := s.run(ctx)
	if trouble == nil {
		if err := e.listen(); err != nil {
			e.close(e.keeper, e.events)
			return err
		}
		s.engine = e
		s.kept.ask(ctx, e.js)
		return nil
	}
	var err error
	if s.snapshot, err = s.readOnly(ctx); err != nil {
		return fmt.Errorf("open the store: %w", errors.Join(trouble, err))
	}
	s.log.Error("store: cannot be written; going on with what it holds, and trying again", "records", len(s.snapshot), "error", trouble)
	s.err, s.since = unavailable(trouble), time.Now()
	return nil
}

// run starts an engine that takes writes.
func (s *Store) run(ctx context.Context) (*engine, error) {
	if err := keepHashKey(s.dir, s.hashKey); err != nil {
		return nil, err
	}
	e, err := openMended(ctx, s.settings)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx, e); err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

// begin claims what the server has, gives it back what it lost, and lets the
// engine go.
func (s *Store) begin(ctx context.Context, e *engine) error {
	if err := e.claim(ctx); err != nil {
		return fmt.Errorf("claim the store: %w", err)
	}
	r := reconcile{engine: e, journal: s.journal, ours: s.moved, torn: e.torn}
	d, err := r.run(ctx)
	if err != nil {
		return err
	}
	if d.Events, err = e.missingEvents(ctx); err != nil {
		return err
	}
	e.unreadable.lost = func(n uint64) { s.found(Damage{Events: n}) }
	if err := errors.Join(e.remember(), e.start(ctx), keepDescriptions(s.dir)); err != nil {
		return err
	}
	s.moved = false
	s.found(d)
	return nil
}

// supervise restarts the engine whenever it cannot go on.
func (s *Store) supervise(ctx context.Context) {
	defer close(s.done)
	e, _ := s.current()
	for {
		if e == nil {
			e = s.reopen(ctx)
		}
		if e == nil {
			return // closing
		}
		if err := s.watch(ctx, e); err != nil {
			s.log.Error("store: no write succeeds; restarting the embedded server until it works", "error", err)
			e.dismissConsumers()
			s.set(nil, unavailable(err))
		}
		e.close(e.keeper, e.events)
		e = nil
	}
}

// watch returns why e cannot go on, nil when the store closes.
func (s *Store) watch(ctx context.Context, e *engine) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		if err := s.look(ctx, e); err != nil {
			return err
		}
		select {
		case err := <-e.trouble:
			return err
		case <-tick.C:
			if err := errors.Join(e.health(), e.attached()); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// look is what is done now and then. It returns why e cannot go on.
func (s *Store) look(ctx context.Context, e *engine) error {
	reached := s.mark.position()
	if state, ok := s.kept.ask(ctx, e.js); ok {
		lost, err := s.mark.look(state, reached)
		if err != nil {
			return err
		}
		s.found(Damage{Events: lost})
	}
	s.listen(e)
	e.tendJournal(ctx)
	return nil
}

// listen lets consumers come again after a restart of the server, and says once
// why they cannot.
func (s *Store) listen(e *engine) {
	err := e.listen()
	if err != nil && !s.consumersShut {
		s.log.Error("store: consumers cannot connect; trying again", "error", err)
	}
	s.consumersShut = err != nil
}

// reopen tries until an engine runs; nil when the store closes first.
func (s *Store) reopen(ctx context.Context) *engine {
	for wait := reopenFirst; ; wait = min(2*wait, reopenMax) {
		if session.Sleep(ctx, wait) != nil {
			return nil
		}
		e, err := s.tryReopen(ctx)
		if err == nil {
			s.log.Info("store: works again")
			s.set(e, nil)
			return e
		}
		s.log.Debug("store: still in trouble", "error", err)
		s.set(nil, unavailable(err))
	}
}

// tryReopen asks the disk first: a server that starts on a full one may fail
// half-way. A directory that was replaced is taken, if nobody else has it, and
// filled again with the records that this process holds.
func (s *Store) tryReopen(ctx context.Context) (*engine, error) {
	moved, err := s.place.again()
	if err != nil {
		return nil, err
	}
	if moved {
		s.moved = true
		s.journal.distrust()
		s.mark.move()
	}
	if err := probe(s.dir); err != nil {
		return nil, err
	}
	if err := prepareDir(s.dir, s.log); err != nil {
		return nil, err
	}
	return s.run(ctx)
}

func (s *Store) current() (*engine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.engine, s.err
}

func (s *Store) set(e *engine, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(e, err)
}

// failed makes Err tell of an engine that could not write before the caller hears
// of it: who then waits for the store to work must not find it working still. The
// supervisor has the same news from the engine.
func (s *Store) failed(e *engine, err error) {
	if !errors.Is(err, ErrUnavailable) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engine == e {
		s.put(nil, err)
	}
}

// put sets the engine, or the trouble. The caller holds mu.
func (s *Store) put(e *engine, err error) {
	s.engine, s.err = e, err
	switch {
	case e != nil:
		s.snapshot, s.since = nil, time.Time{}
	case s.since.IsZero():
		s.since = time.Now()
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Err returns the present trouble, nil while the store works. It wraps
// [ErrUnavailable].
func (s *Store) Err() error {
	_, err := s.current()
	return err
}

// Since returns when the present trouble began; zero while there is none.
func (s *Store) Since() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

// Changed returns a channel that is closed when Err may have changed; ask for
// the channel before Err, and anew after each change.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Close ends the store within seconds: the commits under way are finished,
// waiting calls fail with [ErrUnavailable]. Only then another process can open
// the directory.
func (s *Store) Close() error {
	s.cancel()
	<-s.done
	s.set(nil, fmt.Errorf("%w: closed", ErrUnavailable))
	s.release()
	return nil
}

// Hash returns a keyed hash of a secret, with a key that never leaves the
// directory: it tells whether a secret changed and nothing else. "" for none.
func (s *Store) Hash(secret session.Secret) string { return keyedHash(s.hashKey, secret) }

func keyedHash(key []byte, secret session.Secret) string {
	if secret.IsZero() {
		return ""
	}
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte(secret.Reveal()))
	return hex.EncodeToString(h.Sum(nil))
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
