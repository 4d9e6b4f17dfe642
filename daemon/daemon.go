package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/command"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/tracing"
	"agentkeeper/daemon/webhook"
	"agentkeeper/daemon/work"
	"agentkeeper/metrics"
	"agentkeeper/session/waiting"
	"agentkeeper/systemd"
	"agentkeeper/vendors/option"
)

// Options are what a Daemon is made from.
type Options struct {
	ConfigPath string
	Override   config.Override // of the command line, over the file, at reloads too
	Version    string
	Commit     string
	// Log takes what the service says; nil: standard error does, in the format and
	// from the level on that the configuration says, also after a reload.
	Log *slog.Logger
	// Harden keeps other processes of this user from reading this one's memory.
	Harden bool
	// Dial replaces the network to the platforms, for tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Daemon is the running service. Open it, Run it once.
type Daemon struct {
	o     Options
	log   *slog.Logger
	level slog.LevelVar // of log, where it is the daemon's own
	tasks tasks
	parts
	configured
	state
}

// parts are what the service is made of.
type parts struct {
	files    *openfiles.Budget // says how many connections each listener may have
	metrics  *metrics.Metrics
	manager  *systemd.Manager
	tracer   *tracing.Tracer
	store    *store.Store
	senders  *senders
	readers  readers
	doors    *doors
	hooks    *webhook.Hooks
	stream   *events.Stream
	activity *page.Activity
	work     *work.Tracker
	fleet    *fleet.Fleet
	commands *command.Service
}

// configured is the configuration: what the process began with, and that in use.
type configured struct {
	first     *config.Config
	cfg       atomic.Pointer[config.Config]
	reloading sync.Mutex
	reload    atomic.Pointer[reloadState]
}

// state is how far the process has come.
type state struct {
	began   time.Time
	started atomic.Bool
	ending  atomic.Pointer[string]    // the phase of an end that has begun; nil: none
	how     End                       // likewise; set before the tasks end, as what follows
	ends    atomic.Pointer[time.Time] // what waits for others waits until then at most
	left    []fleet.Agent             // signed in against the wish at the end
}

// Open loads the configuration, locks the store, binds the addresses and
// starts the fleet, in this order. Its errors: config.Problems for a
// configuration that cannot be used, store.ErrLocked where another process has
// the store.
func Open(ctx context.Context, o Options) (*Daemon, error) {
	if path, err := filepath.Abs(o.ConfigPath); err == nil { // plans come with such
		o.ConfigPath = path
	}
	var unguarded error
	if o.Harden { // before passwords are read
		unguarded = harden()
	}
	cfg, warnings, err := o.load()
	if err != nil {
		return nil, err
	}
	d := &Daemon{o: o, log: o.Log, configured: configured{first: cfg}, state: state{began: time.Now()}}
	d.tasks.failed = make(chan error, 1)
	d.level.Set(cfg.Log.Level)
	if d.log == nil {
		d.log = NewLog(os.Stderr, cfg.Log.Format, &d.level)
	}
	if unguarded != nil {
		d.log.Warn("other processes of this user may read the memory", "error", unguarded)
	}
	for _, w := range warnings {
		d.log.Warn("configuration: " + w.String())
	}
	d.tracer = tracing.New(d.log)
	d.senders = newSenders(d.cfg.Load, d.log)
	d.cfg.Store(cfg)
	if err := d.open(ctx, cfg); err != nil {
		d.tasks.end() // each part has its own limit
		return nil, err
	}
	return d, nil
}

func (o Options) load() (*config.Config, []option.Problem, error) {
	return config.Load(o.ConfigPath, config.WithWebConfigCheck(checkWebConfig), config.WithOverride(o.Override))
}

// open makes the parts, and starts the task of each: they end in the reverse order.
func (d *Daemon) open(ctx context.Context, cfg *config.Config) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // thousands of idle sessions: memory matters more than the collector's time
	}
	d.metrics = metrics.New(d, metrics.Options{
		PerAgent: cfg.PerAgentMetrics, Version: d.o.Version, Commit: d.o.Commit,
		DropReasons: append(events.Reasons(), callback.Reasons()...), Doors: api.Doors(), StreamRefusals: store.Refusals(),
		Listeners: openfiles.Listeners(), RefusalReasons: listener.Reasons(),
		RestoreResults: work.Results(),
	})
	d.manager = systemd.NewManager(d.log)
	d.files = openfiles.New(openfiles.RaiseLimit(), listeners(cfg)...)
	d.divideFiles(cfg)
	if err := d.openStore(ctx, cfg); err != nil {
		return err
	}
	if d.doors, err = openDoors(cfg, d.log); err != nil {
		return err
	}
	d.tasks.start(d.answering())
	d.hooks, err = webhook.Open(ctx, webhook.Options{Store: d.store, Counter: d.metrics, Log: d.log, Version: d.o.Version})
	if err != nil {
		return err
	}
	d.tasks.start(closing("webhooks", func() { d.hooks.CloseWithin(d.remaining()) }))
	d.stream = events.New(d.store, d.metrics, d.vendorOf, d.log)
	d.tasks.start(closing("events", func() { d.stream.CloseWithin(d.remaining()) }))
	d.tasks.start(closing("traces", d.tracer.Close))
	d.activity = page.NewActivity()
	if err := d.openWork(ctx); err != nil {
		return err
	}
	d.fleet, err = fleet.New(ctx, fleet.Options{
		Store: d.store, Sink: sink{d.stream, d.activity, d.work, d.saw}, Observer: d.metrics, Log: d.log, Dial: d.o.Dial, Asleep: asleep,
		Traces: d.tracer.Traces(), Pending: d.work.Pending,
		Room: d.room(),
	})
	if err != nil {
		return err
	}
	return d.openCommands(ctx)
}

// openStore opens the store, which may take long after a crash.
func (d *Daemon) openStore(ctx context.Context, cfg *config.Config) error {
	consumers, err := d.consumers(cfg)
	if err != nil {
		return err
	}
	var asking tasks
	asking.start(d.askToStart())
	d.store, err = store.Open(ctx, store.Options{
		Dir: cfg.Store.Dir, EventsMaxAge: cfg.Events.MaxAge, EventsMaxBytes: cfg.Events.MaxBytes, Log: d.log,
		Consumers: consumers, EventsExpired: func(n int) { d.metrics.EventsDropped(events.DroppedRetention, n) },
	})
	asking.end()
	if err != nil {
		return fmt.Errorf("open the store %s: %w", cfg.Store.Dir, err)
	}
	d.readers = readers{store: d.store, log: d.log}
	d.tasks.start(closing("store", func() {
		if err := d.store.Close(); err != nil {
			d.log.Warn("closing the store", "error", err)
		}
	}))
	d.tasks.start(closing("commands of users of the stream", func() { d.senders.close(min(d.remaining(), graceOfRequests)) }))
	return nil
}

// room returns where the agents wait: where the network is one of a test's, which
// has no sockets, on goroutines.
func (d *Daemon) room() func(context.Context) (waiting.Room, error) {
	if d.o.Dial != nil {
		return nil
	}
	return waiting.Sockets
}

// Log returns where the service writes what it says.
func (d *Daemon) Log() *slog.Logger { return d.log }

// Addr returns the address that the public half is served on.
func (d *Daemon) Addr() string { return d.doors.public[0].Addr().String() }

// Fleet returns the agents.
func (d *Daemon) Fleet() *fleet.Fleet { return d.fleet }

// vendorOf names a platform's vendor for the events.
func (d *Daemon) vendorOf(platform string) string {
	p, ok := d.cfg.Load().Platform(platform)
	if !ok {
		return "unknown"
	}
	return p.Vendor
}
