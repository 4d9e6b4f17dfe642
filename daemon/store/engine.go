package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	startTimeout = 10 * time.Second // for the server to take connections, and for each request of a start
	maxPayload   = 8 << 20
	noLimit      = 1 << 50 // bytes; the disk is the limit, and the server's own guess would reserve less
)

// settings are what every run of the server in one process shares.
type settings struct {
	dir       string
	self      owner
	maxAge    time.Duration
	maxBytes  int64
	consumers *Consumers // nil: no listener
	journal   *journal   // the records' second copy; nil: none is kept
	mark      *mark      // how far the events have come; nil: not kept
	place     *place     // the directory as it is held; nil: not looked at
	log       *slog.Logger
}

// engine is one run of the embedded server, with the connection to it and the
// committers of its streams.
type engine struct {
	settings
	had        []string // streams on disk before the start
	torn       bool     // the records' stream could not be read and was moved aside
	files      files    // as they were at the start
	unreadable unreadable
	missing    holes // events gone from the middle of the stream
	srv        *server.Server
	access     *access // nil: no listener
	nc         *nats.Conn
	js         jetstream.JetStream
	kv         jetstream.KeyValue
	keeper     *committer
	events     *committer
	tail       *tail // what the events' committer wrote last
	old        *old
	trouble    chan error // takes the first reason why the server cannot go on
}

// brokenError says that the server runs but cannot read what is on disk.
type brokenError struct {
	streams []string // none: nothing at all can be read
	reason  string
}

func (e *brokenError) Error() string {
	return fmt.Sprintf("cannot read the store (%s) %s", strings.Join(e.streams, ", "), e.reason)
}

// openEngine starts a server and opens its streams; it claims nothing yet. ctx
// does not cut the server's own start, which reads what is on disk.
func openEngine(ctx context.Context, set settings) (*engine, error) {
	// With its index the server takes the records' files for whole without
	// reading them, and then fails for ever on the first damaged one that it is
	// to replace. Without, it reads and checks them all, which takes moments.
	_ = os.Remove(indexOf(set.dir, keeperName)) // a disk that cannot be written keeps it
	e := &engine{settings: set, had: streamsOn(set.dir), trouble: make(chan error, 1)}
	err := e.startServer()
	if err == nil {
		err = e.open(ctx)
	}
	if err != nil {
		e.close()
		return nil, err
	}
	return e, nil
}

func (e *engine) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := e.connect(); err != nil {
		return err
	}
	if err := e.openStreams(ctx); err != nil {
		return err
	}
	return e.openCommitters(ctx)
}

func (e *engine) startServer() (err error) {
	o := &server.Options{
		ServerName: "agentkeeper", DontListen: true, NoSigs: true,
		JetStream: true, StoreDir: e.dir, SyncAlways: true,
		JetStreamMaxStore: noLimit, JetStreamMaxMemory: noLimit,
		MaxPayload: maxPayload, DisableJetStreamBanner: true,
	}
	o.JetStreamLimits.DefaultMaxConsumers = -1 // users' are counted by us, and must not compete with our own
	e.admitConsumers(o)
	if e.srv, err = server.NewServer(o); err != nil {
		return fmt.Errorf("configure the embedded server: %w", err)
	}
	if e.access != nil {
		e.access.srv = e.srv
	}
	log := &serverLog{log: e.log}
	e.srv.SetLoggerV2(log, false, false, false)
	e.srv.Start()
	switch {
	case log.failure() != "":
		return &brokenError{reason: log.failure()}
	case !e.srv.ReadyForConnections(startTimeout):
		return errors.New("the embedded server does not get ready")
	}
	return nil
}

func (e *engine) connect() (err error) {
	e.nc, err = e.dial(nats.ClosedHandler(func(nc *nats.Conn) { report(e.trouble, fmt.Errorf("connection closed: %w", nc.LastError())) }))
	if err != nil {
		return err
	}
	e.js, err = jetstream.New(e.nc)
	return err
}

// dial makes a connection to the server inside this process. It ends with the
// server, and is not made anew.
func (e *engine) dial(options ...nats.Option) (*nats.Conn, error) {
	options = append(options, nats.InProcessServer(e.srv), nats.NoReconnect(), nats.Timeout(startTimeout),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			e.log.Warn("store: connection to the embedded server", "error", err)
		}))
	if e.access != nil {
		options = append(options, nats.UserInfo(self, e.access.secret))
	}
	nc, err := nats.Connect("", options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded server: %w", err)
	}
	return nc, nil
}

func (e *engine) openStreams(ctx context.Context) error {
	if err := e.checkStreams(ctx); err != nil {
		return err
	}
	for _, want := range []jetstream.StreamConfig{keeperStream(), eventsStream(e.maxAge, e.maxBytes)} {
		if err := e.openStream(ctx, want); err != nil {
			return fmt.Errorf("open stream %s: %w", want.Name, err)
		}
	}
	var err error
	if e.kv, err = e.js.KeyValue(ctx, bucket); err != nil {
		return fmt.Errorf("open bucket %s: %w", bucket, err)
	}
	return nil
}

// checkStreams looks for streams that were on disk and that the server left
// out or deleted.
func (e *engine) checkStreams(ctx context.Context) error {
	broken := &brokenError{reason: "left out by the server"}
	for _, name := range e.had {
		if _, err := e.js.Stream(ctx, name); errors.Is(err, jetstream.ErrStreamNotFound) {
			broken.streams = append(broken.streams, name)
		}
	}
	if len(broken.streams) > 0 {
		return broken
	}
	return nil
}

func streamDir(dir, name string) string {
	return filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams", name)
}

// indexOf names the file in which the server keeps what it knows of a stream's
// messages; it makes it anew where it is missing.
func indexOf(dir, stream string) string {
	return filepath.Join(streamDir(dir, stream), "msgs", "index.db")
}

// keeperStream is a bucket of history 1 that takes atomic batches, which the
// bucket's own constructor cannot ask for.
func keeperStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: keeperName, Subjects: []string{keyPrefix + ">"}, MaxMsgsPerSubject: 1,
		Storage: jetstream.FileStorage, Replicas: 1, Discard: jetstream.DiscardNew,
		AllowDirect: true, AllowRollup: true, DenyDelete: true, AllowAtomicPublish: true,
	}
}

func eventsStream(maxAge time.Duration, maxBytes int64) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: eventsName, Subjects: []string{eventsSubjects},
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxAge: maxAge, MaxBytes: maxBytes,
		Storage: jetstream.FileStorage, Replicas: 1, Duplicates: min(dedupWindow, maxAge),
		AllowDirect: true, AllowAtomicPublish: true,
	}
}

// openStream creates the stream, or changes its limits where they differ.
func (e *engine) openStream(ctx context.Context, want jetstream.StreamConfig) error {
	have, err := e.js.Stream(ctx, want.Name)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		_, err = e.js.CreateStream(ctx, want)
		return err
	case err != nil:
		return err
	}
	now := have.CachedInfo().Config
	if now.MaxAge == want.MaxAge && (want.MaxBytes == 0 || now.MaxBytes == want.MaxBytes) {
		return nil
	}
	now.MaxAge = want.MaxAge
	now.MaxBytes = want.MaxBytes
	now.Duplicates = want.Duplicates
	_, err = e.js.UpdateStream(ctx, now)
	return err
}

func (e *engine) openCommitters(ctx context.Context) (err error) {
	if e.keeper, err = newCommitter(e.nc, e.log, e.health, &fence{self: e.self}, e.trouble); err != nil {
		return err
	}
	e.keeper.after = after{journal: e.journal, attached: e.attached}
	if e.events, err = newCommitter(e.nc, e.log, e.health, nil, e.trouble); err != nil {
		return err
	}
	state, err := e.state(ctx)
	if err != nil {
		return fmt.Errorf("ask for the last event: %w", err)
	}
	e.tail = newTail(state.LastSeq)
	e.events.tail = e.tail
	e.old = newOld(func() (*nats.Conn, error) { return e.dial() })
	e.events.after = after{mark: e.mark, maxAge: e.maxAge, attached: e.attached}
	return nil
}

// missingEvents counts the events that are gone before their time.
func (e *engine) missingEvents(ctx context.Context) (uint64, error) {
	if e.mark == nil {
		return 0, nil
	}
	state, err := e.state(ctx)
	if err != nil {
		return 0, fmt.Errorf("ask for the events that are kept: %w", err)
	}
	return e.mark.missing(state, time.Now(), e.maxAge, e.maxBytes), nil
}

// start lets the committers go, once the store is claimed and its records are
// complete.
func (e *engine) start(ctx context.Context) error {
	go e.keeper.run()
	go e.events.run()
	return e.serveConsumers(ctx)
}

// claim takes the node's key and the shards in use; the lock on the directory
// proves that the last owner is dead. It runs before the committers do and uses
// the keeper's directly.
func (e *engine) claim(ctx context.Context) error {
	node, _ := json.Marshal(struct {
		Boot string `json:"boot"`
	}{e.self.Boot})
	if _, err := e.keeper.commit([]*nats.Msg{keyMsg("node."+token(e.self.Node), node)}, false); err != nil {
		return err
	}
	if err := e.learnShards(ctx); err != nil {
		return err
	}
	if _, err := e.keeper.commitAll(e.keeper.fence.claims(e.keeper.fence.foreign())); err != nil {
		return err
	}
	return e.learnShards(ctx)
}

func (e *engine) learnShards(ctx context.Context) error {
	return e.read(ctx, "shard.*", func(key string, value []byte, revision uint64) {
		s, err := strconv.Atoi(strings.TrimPrefix(key, "shard."))
		if err == nil && 0 <= s && s < shards {
			e.keeper.fence.learn(s, value, revision)
		}
	})
}

// read calls fn with every key that matches the filter and is no tombstone, in
// the order in which they were written.
func (e *engine) read(ctx context.Context, filter string, fn func(key string, value []byte, revision uint64)) error {
	return e.scan(ctx, filter, func(key string, value []byte, revision uint64) {
		if len(value) > 0 {
			fn(key, value, revision)
		}
	})
}

// health says why the server cannot write, nil when it can as far as it knows.
// Whether it takes connections is not asked: it allows itself a millisecond to
// find that out, which a busy machine can miss, and e.trouble tells when ours
// ends.
func (e *engine) health() error {
	if !e.srv.JetStreamEnabled() {
		return errors.New("the embedded server has switched its storage off")
	}
	for _, found := range e.srv.Healthz(&server.HealthzOptions{Details: true}).Errors {
		if found.Type != server.HealthzErrorConn {
			return errors.New(found.Error)
		}
	}
	return nil
}

// close ends the committers, if start let them go, and the server.
func (e *engine) close(started ...*committer) {
	e.dismissConsumers()
	for _, c := range started {
		c.close()
	}
	if e.old != nil {
		e.old.close()
	}
	if e.nc != nil {
		e.nc.Close()
	}
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
}
