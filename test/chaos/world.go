package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"agentkeeper/test/rig"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
)

// The platforms' agents, and what is told to both sides of them.
const (
	atHQ      = 60
	atPBX     = 20
	atCabinet = 10
	everybody = atHQ + atPBX + atCabinet

	window   = 30 * time.Second
	hold     = 2 * time.Second
	password = "secret"

	// patience is how long something may take that takes a moment on an idle
	// machine.
	patience = 60 * time.Second
	// serviceFiles is how many open files the service may have.
	serviceFiles = 2048
	diskSize     = "48m"
)

// world is the simulators, the service and its consumers.
type world struct {
	programs string
	dir      string
	store    string // the store's directory
	mounted  bool   // on a small disk of its own
	full     bool   // that disk, or what stands for it
	more     int    // further agents in the configuration
	random   *rand.Rand
	long     bool // the long form

	hq, pbx, cabinet *rig.Platform
	k                *rig.Service // the process of the service that was started last
	doors            doors
	consumers
}

// doors are the addresses of the service.
type doors struct{ listen, nats, proxy string }

// consumers are those who want the events.
type consumers struct {
	ledger *ledger
	hooks  *receivers
	stop   context.CancelFunc
}

// newWorld starts everything and waits until everybody is online.
func newWorld(ctx context.Context, dir string, f form) (*world, error) {
	w := &world{programs: dir, dir: dir, store: filepath.Join(dir, "store"), random: rand.New(rand.NewPCG(f.seed, 0)), long: f.long}
	if err := os.Mkdir(w.store, 0o700); err != nil {
		return nil, err
	}
	if err := unix.Mount("tmpfs", w.store, "tmpfs", 0, "mode=0700,nr_inodes=4000,size="+diskSize); err == nil {
		w.mounted = true
	}
	err := w.open(ctx)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) open(ctx context.Context) (err error) {
	if err := w.platforms(ctx); err != nil {
		return err
	}
	for _, address := range []*string{&w.doors.listen, &w.doors.nats, &w.doors.proxy} {
		if *address, err = rig.FreeAddress(); err != nil {
			return err
		}
	}
	if w.hooks, err = newReceivers(); err != nil {
		return err
	}
	if err := w.configure(); err != nil {
		return err
	}
	if err := w.launch(); err != nil {
		return err
	}
	if err := w.awaitOnline(ctx); err != nil {
		return err
	}
	w.ledger = newLedger("http://" + w.doors.listen)
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	w.stop = stop
	w.ledger.start(following)
	for i := range atHQ {
		if err := w.hq.Order(fmt.Sprintf("agents/%d/generate", 1000+i), `{"rate":1}`); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) platforms(ctx context.Context) (err error) {
	if w.hq, err = w.simulate(ctx, "huawei", 1000, atHQ+spare, "--hold", hold.String(), "--window", window.String(), "--keeper-rules"); err != nil {
		return err
	}
	if w.pbx, err = w.simulate(ctx, "ecss", 101, atPBX, "--keeper-rules"); err != nil {
		return err
	}
	w.cabinet, err = w.simulate(ctx, "runtel", 201, atCabinet, "--white-list")
	return err
}

// spare is how many agents the platform knows beside those of the
// configuration, for reloads.
const spare = 5

func (w *world) simulate(ctx context.Context, vendor string, first, n int, flags ...string) (*rig.Platform, error) {
	args := append([]string{vendor, "--listen", "127.0.0.1:0", "--agents", fmt.Sprintf("%d-%d", first, first+n-1), "--password", password}, flags...)
	return rig.Simulate(ctx, rig.Command(filepath.Join(w.programs, "vendorsim"), args...), vendor, rig.Insecure(), patience)
}

// close ends every process and gives the disk back.
func (w *world) close() error {
	if w.stop != nil {
		w.stop()
		w.ledger.wait()
	}
	if w.k != nil {
		w.k.Kill()
	}
	for _, p := range []*rig.Platform{w.hq, w.pbx, w.cabinet} {
		if p != nil {
			p.Kill()
		}
	}
	if w.hooks != nil {
		w.hooks.close()
	}
	if w.mounted {
		return unix.Unmount(w.store, unix.MNT_DETACH)
	}
	return nil
}

func (w *world) file() string { return filepath.Join(w.dir, "agentkeeper.yaml") }

// configure writes the configuration.
func (w *world) configure() error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("listen: %s\ncontrol: control.sock\nstore: {dir: store}\nallow_inline_secrets: true", w.doors.listen)
	line("proxy: {listen: %q}", w.doors.proxy)
	line("events:\n  max_bytes: 8MiB\n  listen: %q\n  users: [{name: crm, password: crm}]\n  webhooks:", w.doors.nats)
	for _, h := range w.hooks.all() {
		line("    - {name: %s, url: %q, secret_file: hook.key, timeout: 3s}", h.name, h.url)
	}
	line("platforms:")
	common := "sign_in: {rate: 200, concurrent: 20, timeout: 10s}, backoff: {initial: 500ms, max: 3s}"
	line("  hq: {vendor: huawei, url: %q, window: %v, options: {hold: %v, poll_timeout: 5s}, %s}", w.hq.Address(), window, hold, common)
	line("  pbx: {vendor: ecss, url: %q, options: {ping: 5s, taken_retry: 1s}, %s}", w.pbx.Address(), common)
	line("  cabinet: {vendor: runtel, url: %q, %s}", w.cabinet.Address(), common)
	line("groups:")
	for _, g := range []struct {
		platform string
		first, n int
	}{{"hq", 1000, atHQ + w.more}, {"pbx", 101, atPBX}, {"cabinet", 201, atCabinet}} {
		line("  - name: %s-all\n    platform: %s\n    agents:", g.platform, g.platform)
		for i := range g.n {
			line("      - {login: \"%d\", number: \"40%d\", password: %s}", g.first+i, g.first+i, password)
		}
	}
	return errors.Join(os.WriteFile(filepath.Join(w.dir, "hook.key"), []byte("a secret that signs for nobody\n"), 0o600),
		os.WriteFile(w.file(), []byte(b.String()), 0o600))
}

// service is the command of the service, with its limits.
func (w *world) service(config string) *exec.Cmd {
	limits := fmt.Sprintf("ulimit -n %d", serviceFiles)
	if w.full && !w.mounted {
		limits += " && ulimit -S -f 0"
	}
	return rig.Command("sh", "-c", limits+` && exec "$0" "$@"`, filepath.Join(w.programs, "agentkeeper"), "run", "-c", config)
}

// launch starts the service and does not wait.
func (w *world) launch() error {
	p, err := rig.Start(w.service(w.file()))
	if err != nil {
		return err
	}
	p.Name = "agentkeeper"
	w.k = rig.NewService(p, filepath.Join(w.dir, "control.sock"))
	return nil
}

// errBusy is a start that the predecessor's lock refused.
var errBusy = errors.New("another process has the store")

// again launches the service, and again as long as its predecessor has the
// store, and waits until it serves.
func (w *world) again(ctx context.Context) error {
	if err := w.launch(); err != nil {
		return err
	}
	return rig.Await(ctx, patience, "the service's start", func() error {
		err := w.k.Started()
		if w.k.Ended() && w.k.Cmd.ProcessState.ExitCode() == 75 { // looked at last: it may end at any instant
			return errors.Join(errBusy, w.launch())
		}
		return err
	})
}

// online returns nil when everybody is.
func (w *world) online() error {
	if err := w.k.Started(); err != nil {
		return err
	}
	list, err := w.k.Agents()
	if err != nil {
		return err
	}
	states, n := map[string]int{}, 0
	for _, a := range list {
		states[strings.TrimSpace(a.State+" "+a.Reason)]++
		if a.State == "online" {
			n++
		}
	}
	if n != everybody+w.more {
		return fmt.Errorf("agents by state: %v, want %d online", states, everybody+w.more)
	}
	return nil
}

func (w *world) awaitOnline(ctx context.Context) error {
	return rig.Await(ctx, patience, "everybody online", w.online)
}

// gateway is what the Huawei platform tells.
func (w *world) gateway() (s rig.State[huawei.AgentState], err error) {
	err = w.hq.Look(&s)
	return s, err
}

func (w *world) exchange() (s rig.State[ecss.AgentState], err error) {
	err = w.pbx.Look(&s)
	return s, err
}

func (w *world) signal(s syscall.Signal) error { return w.k.Signal(s) }

// between is a time by lot.
func (w *world) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.random.Int64N(int64(most-least)+1))
}

// rest waits for d, or for the end.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
