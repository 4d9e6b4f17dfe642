package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/callback"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/events"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/page"
	"agentkeeper/daemon/proxy"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/tracing"
	"agentkeeper/daemon/webhook"
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
	o       Options
	log     *slog.Logger
	level   slog.LevelVar // of log, where it is the daemon's own
	store   *store.Store
	stream  *events.Stream
	fleet   *fleet.Fleet
	hooks   *webhook.Hooks
	tracer  *tracing.Tracer
	metrics *metrics.Metrics
	manager *systemd.Manager
	readers readers
	files   *openfiles.Budget // says how many connections each listener may have
	public  []net.Listener    // at least one
	control net.Listener
	proxy   net.Listener // nil: off
	inbound inbound
	local   *local
	servers sync.WaitGroup
	http    []*http.Server
	serving context.Context // of the requests
	hangUp  context.CancelFunc
	busy    busy

	activity  *page.Activity
	first     *config.Config // what the process began with
	reloading sync.Mutex
	cfg       atomic.Pointer[config.Config]
	started   atomic.Bool
	reload    atomic.Pointer[reloadState]
	ending    atomic.Pointer[string] // the phase of an end that has begun; nil: none
	began     time.Time
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
	d := &Daemon{o: o, log: o.Log, first: cfg, began: time.Now()}
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
	d.cfg.Store(cfg)
	if err := d.open(ctx, cfg); err != nil {
		d.closeAll(time.Now().Add(time.Minute)) // each part has its own limit
		return nil, err
	}
	return d, nil
}

func (o Options) load() (*config.Config, []option.Problem, error) {
	return config.Load(o.ConfigPath, config.WithWebConfigCheck(checkWebConfig), config.WithOverride(o.Override))
}

func (d *Daemon) open(ctx context.Context, cfg *config.Config) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // thousands of idle sessions: memory matters more than the collector's time
	}
	d.metrics = metrics.New(d, metrics.Options{
		PerAgent: cfg.PerAgentMetrics, Version: d.o.Version, Commit: d.o.Commit,
		DropReasons: append(events.Reasons(), callback.Reasons()...), Doors: api.Doors(), StreamRefusals: store.Refusals(),
		Listeners: openfiles.Listeners(), RefusalReasons: listener.Reasons(),
	})
	d.manager = systemd.NewManager(d.log)
	d.files = openfiles.New(openfiles.RaiseLimit(), listeners(cfg)...)
	d.divideFiles(cfg)
	consumers, err := d.consumers(cfg)
	if err != nil {
		return err
	}
	told := d.tellStart()
	d.store, err = store.Open(ctx, store.Options{
		Dir: cfg.Store.Dir, EventsMaxAge: cfg.Events.MaxAge, EventsMaxBytes: cfg.Events.MaxBytes, Log: d.log,
		Consumers: consumers, EventsExpired: func(n int) { d.metrics.EventsDropped(events.DroppedRetention, n) },
	})
	told()
	if err != nil {
		return fmt.Errorf("open the store %s: %w", cfg.Store.Dir, err)
	}
	if d.public, err = listenPublic(cfg.Listen, d.log); err != nil {
		return err
	}
	if d.control, err = api.ListenControl(cfg.Control); err != nil {
		return err
	}
	if cfg.Proxy != "" {
		if d.proxy, err = proxy.Listen(cfg.Proxy); err != nil {
			return fmt.Errorf("listen for the local proxy: %w", err)
		}
	}
	if d.inbound, err = openInbound(cfg.Callback, d.log); err != nil {
		return err
	}
	d.readers = readers{store: d.store, log: d.log}
	d.stream = events.New(d.store, d.metrics, d.vendorOf, d.log)
	d.activity = page.NewActivity()
	d.hooks, err = webhook.Open(ctx, webhook.Options{Store: d.store, Counter: d.metrics, Log: d.log, Version: d.o.Version})
	if err != nil {
		return err
	}
	d.fleet, err = fleet.New(ctx, fleet.Options{
		Store: d.store, Sink: sink{d.stream, d.activity}, Observer: d.metrics, Log: d.log, Dial: d.o.Dial, Asleep: asleep,
		Traces: d.tracer.Traces(),
		Room:   d.room(),
	})
	d.local = &local{fleet: d.fleet, roads: map[string]road{}}
	return err
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
func (d *Daemon) Addr() string { return d.public[0].Addr().String() }

// Fleet returns the agents.
func (d *Daemon) Fleet() *fleet.Fleet { return d.fleet }

// End is how Run is told to end.
type End uint8

// The ends.
const (
	SignOut  End = iota // sign every agent out, within stop_timeout
	HandOver            // leave the sessions to the next process
)

// Run starts the fleet, serves until end says how to stop, and stops. It
// returns the agents that it had to leave signed in against the wish.
func (d *Daemon) Run(ctx context.Context, end <-chan End) (left []fleet.Agent, err error) {
	cfg := d.cfg.Load()
	d.consume(cfg) // first: what the fleet reports is for new webhooks, too
	d.trace(cfg)   // before the first request
	d.fleet.Apply(cfg, "start")
	d.reloaded(nil)
	failed := make(chan error, 4)
	d.serve(failed)
	d.started.Store(true)
	d.announce(cfg)
	unwatch := d.watch()
	defer unwatch()
	defer d.giveMemoryBack()()
	how := SignOut
	select {
	case how = <-end:
	case <-ctx.Done():
	case err = <-failed:
		how = HandOver
	}
	left = d.stop(how)
	return left, err
}

// announce tells the log and systemd that the service is up.
func (d *Daemon) announce(cfg *config.Config) {
	d.log.Info("started", "version", d.o.Version, "listen", d.Addr(), "control", cfg.Control,
		"platforms", len(cfg.Platforms), "agents", len(cfg.Agents), "open_files_limit", d.files.Plan().Limit)
	d.manager.Ready(d.status())
}

// stop ends the agents, then the servers, then the store.
func (d *Daemon) stop(how End) (left []fleet.Agent) {
	cfg := d.cfg.Load()
	began := time.Now()
	ends := began.Add(cfg.StopTimeout)
	ctx, cancel := context.WithDeadline(context.Background(), ends.Add(-timeToClose(cfg.StopTimeout)))
	defer cancel()
	phase := api.PhaseStopping
	if how == HandOver {
		phase = api.PhaseHandingOver
	}
	d.ending.Store(&phase)
	told := d.tellStop(ctx, how)
	progress := d.logProgress(ctx, how)
	if how == HandOver {
		d.log.Info("handing over: the sessions stay signed in")
		d.fleet.HandOver(ctx, "hand-over")
	} else {
		d.log.Info("signing every agent out", "within", cfg.StopTimeout.String())
		left = d.fleet.Stop(ctx, "stop")
	}
	progress()
	for _, a := range left {
		d.log.Error("still signed in at the end", "platform", a.ID.Platform, "agent", a.ID.String(),
			"reason", string(a.View.Reason), "code", a.View.Code, "detail", a.View.Detail)
	}
	told()
	d.closeAll(ends)
	d.log.Info("ended", "after", time.Since(began).Round(time.Millisecond).String(), "left", len(left))
	return left
}

// timeToClose is the part of stop_timeout that is kept for what follows the
// agents' end: events on their way to the store and to webhooks, answers to
// requests that were taken, and the store itself.
func timeToClose(stopTimeout time.Duration) time.Duration { return min(stopTimeout/8, time.Second) }

// closeAll closes what is open. What waits for others waits until ends at most.
func (d *Daemon) closeAll(ends time.Time) {
	d.tracer.Close()
	if d.stream != nil {
		d.stream.CloseWithin(time.Until(ends))
	}
	if d.hooks != nil {
		d.hooks.CloseWithin(time.Until(ends))
	}
	d.endServers(time.Until(ends))
	if d.store != nil {
		if err := d.store.Close(); err != nil {
			d.log.Warn("closing the store", "error", err)
		}
	}
	if d.local != nil {
		d.local.close()
	}
	d.servers.Wait()
}

// vendorOf names a platform's vendor for the events.
func (d *Daemon) vendorOf(platform string) string {
	p, ok := d.cfg.Load().Platform(platform)
	if !ok {
		return "unknown"
	}
	return p.Vendor
}

// Reload implements api.Reloader: all of the new configuration or nothing.
func (d *Daemon) Reload(_ context.Context, by string) (fleet.Plan, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	done := d.manager.Reload()
	defer func() { done(d.status()) }()
	began := time.Now()
	cfg, advice, err := d.o.load()
	for _, w := range advice {
		d.log.Warn("configuration: " + w.String())
	}
	if err != nil {
		d.reloaded(err)
		d.log.Error("reload failed; the old configuration stays", "by", by, "error", err)
		return fleet.Plan{}, err
	}
	warnings := needRestart(d.first, cfg)
	for _, w := range warnings {
		d.log.Warn("configuration: " + w)
	}
	d.level.Set(cfg.Log.Level)
	notes := consumerNotes(d.cfg.Swap(cfg), cfg)
	d.divideFiles(cfg) // before new agents start
	d.dismiss(cfg)
	d.consume(cfg)
	d.trace(cfg)
	plan := d.fleet.Apply(cfg, by)
	plan.Warnings, plan.Notes = warnings, notes
	d.reloaded(nil)
	d.log.Info("reloaded", "by", by, "started", len(plan.Start), "stopped", len(plan.Stop), "changed", len(plan.Change),
		"left", len(plan.Leave), "took", time.Since(began).Round(time.Millisecond).String())
	return plan, nil
}

// trace traces whom the configuration says, from now on.
func (d *Daemon) trace(cfg *config.Config) {
	if err := d.tracer.Configure(cfg.Log.Trace.Agents, cfg.Log.Trace.For); err != nil {
		d.log.Warn("configuration: log.trace is left out", "error", err)
	}
}

// Plan implements api.Reloader.
func (d *Daemon) Plan(ctx context.Context, path string, texts map[string]string) (fleet.Plan, error) {
	var cfg *config.Config
	var err error
	if path == "" {
		cfg, _, err = d.o.load()
	} else {
		cfg, _, err = config.Load(path, config.WithTexts(texts), config.WithContext(ctx), config.WithOverride(d.o.Override))
	}
	if err != nil {
		return fleet.Plan{}, err
	}
	plan := d.fleet.Plan(cfg)
	plan.Warnings, plan.Notes = needRestart(d.first, cfg), consumerNotes(d.cfg.Load(), cfg)
	return plan, nil
}

// needRestart says what a reload leaves as it was when the process began.
func needRestart(old, cfg *config.Config) (warnings []string) {
	for name, differs := range map[string]bool{
		"proxy.listen": old.Proxy != cfg.Proxy, "callback": old.Callback != cfg.Callback,
		"listen": old.Listen != cfg.Listen, "control": old.Control != cfg.Control, "store.dir": old.Store != cfg.Store,
		"web_config_file": old.WebConfigFile != cfg.WebConfigFile, "log.format": old.Log.Format != cfg.Log.Format,
		"events.listen":    old.Events.Listen != cfg.Events.Listen,
		"events.cert_file": old.Events.CertFile != cfg.Events.CertFile || old.Events.KeyFile != cfg.Events.KeyFile,
		"events.max_age":   old.Events.MaxAge != cfg.Events.MaxAge, "events.max_bytes": old.Events.MaxBytes != cfg.Events.MaxBytes,
		"per_agent_metrics": old.PerAgentMetrics != cfg.PerAgentMetrics,
	} {
		if differs {
			warnings = append(warnings, name+" changed, which needs a restart")
		}
	}
	slices.Sort(warnings)
	return warnings
}

func (d *Daemon) reloaded(err error) {
	d.metrics.Reload(err == nil)
	d.reload.Store(&reloadState{err, time.Now()})
}

// Healthy implements api.Health.
func (d *Daemon) Healthy() error {
	if !d.fleet.Moving() {
		return errors.New("the scheduler does not move")
	}
	return nil
}

// Ready implements api.Health. It does not wait for agents to be online. A
// service that ends is not ready: balancers and monitoring turn to the next.
func (d *Daemon) Ready() error {
	switch d.phase() {
	case api.PhaseStarting:
		return errors.New("starting")
	case api.PhaseHandingOver:
		return errors.New("handing over: the next process goes on with the agents, which stay signed in")
	case api.PhaseStopping:
		return errors.New("stopping: every agent is signed out")
	}
	if err := d.store.Err(); err != nil {
		return err
	}
	return nil
}
