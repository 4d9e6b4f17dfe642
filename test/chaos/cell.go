package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"agentkeeper/test/rig"
	"agentkeeper/test/sim/huawei"
)

// cell is a small world of its own, for what harms a store for good: a Huawei
// platform, a service and eight agents. The first four are online, the fifth is
// paused by a person, the others' passwords are wrong.
type cell struct {
	w   *world
	dir string
	hq  *rig.Platform
	k   *rig.Service
}

const (
	cellFirst   = 500
	cellGood    = 4
	cellPaused  = cellFirst + cellGood
	cellRefused = 3
	cellAll     = cellGood + 1 + cellRefused
)

// newCell starts the platform and the service, waits until every agent is where
// it belongs, and has it hand over. The caller closes it.
func (w *world) newCell(ctx context.Context, name string) (*cell, error) {
	c := &cell{w: w, dir: filepath.Join(w.dir, name)}
	err := os.Mkdir(c.dir, 0o700)
	if err == nil {
		c.hq, err = w.simulate(ctx, "huawei", cellFirst, cellAll, "--hold", "1s", "--lock-after", "100", "--keeper-rules")
	}
	if err == nil {
		err = c.configure()
	}
	if err == nil {
		err = c.begin(ctx)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *cell) configure() error {
	var b strings.Builder
	fmt.Fprintf(&b, "listen: 127.0.0.1:0\ncontrol: control.sock\nstore: {dir: store}\nallow_inline_secrets: true\nplatforms:\n"+
		"  hq: {vendor: huawei, url: %q, options: {hold: 1s}, backoff: {initial: 500ms, max: 3s}, lockout: {failures: 10}}\n"+
		"groups:\n  - name: bots\n    platform: hq\n    agents:\n", c.hq.Address())
	for i := range cellAll {
		secret := password
		if i > cellGood {
			secret = "wrong"
		}
		fmt.Fprintf(&b, "      - {login: \"%d\", number: \"40%d\", password: %s}\n", cellFirst+i, cellFirst+i, secret)
	}
	return os.WriteFile(filepath.Join(c.dir, "agentkeeper.yaml"), []byte(b.String()), 0o600)
}

func (c *cell) launch() error {
	p, err := rig.Start(c.w.service(filepath.Join(c.dir, "agentkeeper.yaml")))
	if err != nil {
		return err
	}
	p.Name = "agentkeeper"
	c.k = rig.NewService(p, filepath.Join(c.dir, "control.sock"))
	return nil
}

// begin brings every agent to where it belongs.
func (c *cell) begin(ctx context.Context) error {
	if err := c.launch(); err != nil {
		return err
	}
	if err := rig.Await(ctx, patience, "the service's start", c.k.Ready); err != nil {
		return err
	}
	if _, body, err := c.k.Control("POST", fmt.Sprintf("/api/v1/agents/hq/%d/pause?wait=30s", cellPaused), `{"reason":"chaos"}`); err != nil {
		return fmt.Errorf("pause: %w %s", err, body)
	}
	return rig.Await(ctx, patience, "every agent where it belongs", func() error { return c.settled(cellGood, cellRefused) })
}

// settled returns nil when so many agents are online and so many parked for a
// refused password.
func (c *cell) settled(online, parked int) error {
	if err := c.k.Started(); err != nil {
		return err
	}
	list, err := c.k.Agents()
	if err != nil {
		return err
	}
	states := map[string]int{}
	for _, a := range list {
		states[strings.TrimSpace(a.State+" "+a.Reason)]++
	}
	if states["online"] != online || states["parked refused"] != parked {
		return fmt.Errorf("agents by state: %v", states)
	}
	return nil
}

// handOver ends the service and leaves its sessions.
func (c *cell) handOver() error {
	if err := c.k.Signal(syscall.SIGUSR2); err != nil {
		return err
	}
	code, err := c.k.Code(patience)
	if err == nil && code != 0 {
		err = fmt.Errorf("the hand-over ended with exit code %d: %s", code, lastLines(c.k.Err.String()))
	}
	return err
}

func (c *cell) state() (s rig.State[huawei.AgentState], err error) {
	err = c.hq.Look(&s)
	return s, err
}

// store is the files of the store.
func (c *cell) store() string { return filepath.Join(c.dir, "store") }

func (c *cell) close() {
	if c.k != nil {
		c.k.Kill()
	}
	if c.hq != nil {
		c.hq.Kill()
	}
}

// complains reports whether the log says that something is wrong with the store.
func (c *cell) complains() bool {
	for _, l := range c.k.Log() {
		if level := l.Text("level"); level != "WARN" && level != "ERROR" {
			continue
		}
		for _, text := range l {
			if s, ok := text.(string); ok && (strings.Contains(s, "store") || strings.Contains(s, "damage")) {
				return true
			}
		}
	}
	return false
}

// restarted starts the service on what is left of its store and judges: it must
// run, keep its sessions or say what it lost, and neither sign the paused agent
// in nor try the refused passwords all over again.
func (c *cell) restarted(ctx context.Context, t *trial, what string) {
	before, err := c.state()
	if err == nil {
		err = c.launch()
	}
	if err != nil {
		t.broke("%s: %v", what, err)
		return
	}
	err = rig.Await(ctx, patience/2, "the agents' return", func() error { return c.settledAtLeast(cellGood) })
	if err != nil {
		t.broke("%s: promise 9: %v", what, err)
		return
	}
	rest(ctx, 2*time.Second)
	after, err := c.state()
	if err != nil {
		t.broke("%s: %v", what, err)
		return
	}
	c.judge(t, what, before, after)
}

// settledAtLeast returns nil when the agents that should be online are.
func (c *cell) settledAtLeast(online int) error {
	if err := c.k.Started(); err != nil {
		return err
	}
	s, err := c.state()
	if err != nil {
		return err
	}
	list, err := c.k.Agents()
	if err != nil {
		return err
	}
	n := 0
	for _, a := range list {
		if a.State == "online" && s.Agents[a.Login].SignedIn {
			n++
		}
	}
	if n < online {
		return fmt.Errorf("%d agents of %d are online", n, online)
	}
	return nil
}

func (c *cell) judge(t *trial, what string, before, after rig.State[huawei.AgentState]) {
	refused, anew := 0, 0
	for i := range cellAll {
		login := fmt.Sprint(cellFirst + i)
		n := after.Counts[login].SignIns - before.Counts[login].SignIns
		switch {
		case i < cellGood:
			anew += n
		case i == cellGood && n > 0:
			t.broke("%s: a paused agent was signed in", what)
		case i > cellGood:
			refused += n
		}
	}
	if refused > 1 { // one canary may try
		t.broke("%s: promise 6: refused passwords were sent again, %d times", what, refused)
	}
	if (anew > 0 || refused > 0) && !c.complains() {
		t.broke("%s: %d sessions and %d refusals were forgotten, and the log says nothing of the store", what, anew, refused)
	}
	if total := after.Total.Violations - before.Total.Violations; total > 0 {
		t.broke("%s: promise 2: %d breaches of the platform's rules", what, total)
	}
}
