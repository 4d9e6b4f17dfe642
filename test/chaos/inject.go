package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"agentkeeper/test/rig"
	"agentkeeper/test/sim"
	"agentkeeper/test/sim/huawei"
)

// fault is one thing that goes wrong.
type fault struct {
	name  string
	about string
	long  bool // in the long form alone
	apart bool // in small worlds of its own, beside the others
	// run injects the fault and takes it away again. What it notices itself it
	// tells the trial; an error means that the fault could not be had.
	run func(ctx context.Context, t *trial) error
}

// trial is one fault on its way, and what came of it.
type trial struct {
	*world
	fault fault
	took  time.Duration
	figures

	away time.Duration // how long the fault kept the service itself from working
	// Huawei agents whose sign-in's answer the fault may have hidden: their
	// sessions, whose keys nobody knows, end of silence, and are met until then.
	doubtful map[string]bool
	excuse   bool   // events may be lost if they are told as lost
	absent   string // why the fault could not be had here
	notes    []string
	broken   []string
}

// figures are what the platforms and the ledger counted.
type figures struct {
	signIns    [3]int // requests: at Huawei, ECSS, Runtel
	needless   int    // of them: where the session was alive
	violations int    // two operations at once, or another breach of the vendor's rules
	missed     int    // sessions that ended of silence
	gap        time.Duration
	account
}

func (f *figures) add(g figures) {
	for i, n := range g.signIns {
		f.signIns[i] += n
	}
	f.needless += g.needless
	f.violations += g.violations
	f.missed += g.missed
	f.gap = max(f.gap, g.gap)
	f.due += g.due
	f.lost += g.lost
	f.told += g.told
}

// broke notes that a promise broke.
func (t *trial) broke(format string, args ...any) {
	t.broken = append(t.broken, fmt.Sprintf(format, args...))
}

// note is a line of the report beneath the table.
func (t *trial) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// need notes a broken promise where err is one.
func (t *trial) need(err error) {
	if err != nil {
		t.broke("%v", err)
	}
}

// tally is what the platforms have counted up to now.
type tally struct {
	figures
	met    map[string]int // by Huawei agent: sign-ins that found the session alive
	reaped map[string]int // likewise: sessions that ended of silence
}

// tally asks the platforms. The gap is that since the last time.
func (w *world) tally() (c tally, err error) {
	hq, err := w.gateway()
	if err != nil {
		return c, err
	}
	pbx, err := w.exchange()
	if err != nil {
		return c, err
	}
	var cabinet rig.State[any]
	if err := w.cabinet.Look(&cabinet); err != nil {
		return c, err
	}
	for i, total := range []sim.Count{hq.Total, pbx.Total, cabinet.Total} {
		c.signIns[i] = total.SignIns
		c.violations += total.Violations
	}
	c.needless = pbx.Total.Needless + cabinet.Total.Needless
	c.met, c.reaped = map[string]int{}, map[string]int{}
	for login, a := range hq.Agents {
		c.met[login], c.reaped[login] = hq.Counts[login].Needless, a.Reaped
	}
	for _, a := range pbx.Agents {
		c.missed += a.Record.AutoLogouts
	}
	var gaps map[string]sim.Duration
	if err := w.hq.Read("POST", "gaps", &gaps); err != nil {
		return c, err
	}
	for _, gap := range gaps {
		c.gap = max(c.gap, time.Duration(gap))
	}
	return c, nil
}

// since is what was counted after another tally. What befell doubtful agents is
// told apart: how many sign-ins met their sessions.
func (c tally) since(b tally, doubtful map[string]bool) (f figures, ghosts int) {
	f = figures{
		needless: c.needless - b.needless, violations: c.violations - b.violations, missed: c.missed - b.missed, gap: c.gap,
	}
	for i := range f.signIns {
		f.signIns[i] = c.signIns[i] - b.signIns[i]
	}
	for login, n := range c.met {
		if doubtful[login] {
			ghosts += n - b.met[login]
			continue
		}
		f.needless += n - b.met[login]
		f.missed += c.reaped[login] - b.reaped[login]
	}
	return f, ghosts
}

// inject runs the faults of the form and prints what they did. Those that need
// small worlds of their own go on beside the others, one after the other.
func inject(ctx context.Context, w *world, f form) error {
	began := time.Now()
	fmt.Printf("%d Huawei, %d ECSS and %d Runtel agents; window %v, hold %v; the store %s\n",
		atHQ, atPBX, atCabinet, window, hold, where(w))
	var trials, others []*trial
	tell := func(t *trial) { fmt.Printf("%6s  %s\n", time.Since(began).Round(time.Second), t.line()) }
	var beside sync.WaitGroup
	beside.Go(func() {
		for _, x := range w.chosen(f, true) {
			if t := w.apart(ctx, x, f.seed); ctx.Err() == nil {
				tell(t)
				others = append(others, t)
			}
		}
	})
	for x := range w.programme(f, began) {
		if ctx.Err() != nil {
			break
		}
		t := &trial{world: w, fault: x, doubtful: map[string]bool{}}
		if f.within == 0 || time.Since(began) < f.within {
			t.try(ctx)
		} else {
			t.absent = "no time was left"
		}
		tell(t)
		trials = append(trials, t)
	}
	beside.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	trials = append(trials, others...)
	report(trials)
	broken := 0
	for _, t := range trials {
		broken += len(t.broken)
	}
	if broken > 0 {
		return fmt.Errorf("%w: %d", errBroken, broken)
	}
	return nil
}

// apart injects a fault that leaves the common world alone.
func (w *world) apart(ctx context.Context, x fault, seed uint64) *trial {
	own := *w
	own.random = rand.New(rand.NewPCG(seed, 1))
	t := &trial{world: &own, fault: x}
	began := time.Now()
	if err := x.run(ctx, t); err != nil {
		t.broke("the fault could not be injected: %v", err)
	}
	t.took = time.Since(began)
	return t
}

func where(w *world) string {
	if w.mounted {
		return "on a disk of its own of " + diskSize
	}
	return "on the common disk (only root may mount a small one)"
}

// try injects the fault, waits for everybody's return and judges.
func (t *trial) try(ctx context.Context) {
	w, x := t.world, t.fault
	began := time.Now()
	before, err := w.tally()
	if err == nil {
		err = x.run(ctx, t)
	}
	t.took = time.Since(began)
	if err != nil {
		t.broke("the fault could not be injected: %v", err)
	}
	state := t.recover(ctx)
	after, err := w.tally()
	if err != nil {
		t.broke("the platforms: %v", err)
		return
	}
	var ghosts int
	if t.figures, ghosts = after.since(before, t.doubtful); ghosts > 0 {
		t.note("%d sign-ins met sessions whose keys the fault hid", ghosts)
	}
	var disorder []string
	t.account, disorder = w.ledger.weigh(state, true)
	if t.lost > t.told {
		t.note("%s", w.ledger.lastLost())
	}
	t.judge(disorder)
	if t.violations > 0 {
		t.breaches()
	}
}

// recover waits until everything is as it was: everybody online and polled
// again, and the events caught up with. It returns the platform's state that the
// events are to be held against.
func (t *trial) recover(ctx context.Context) (state rig.State[huawei.AgentState]) {
	if t.k.Ended() {
		t.broke("promise 9: the service ended by itself: %s", lastLines(t.k.Err.String()))
		if err := t.again(ctx); err != nil {
			t.need(err)
			return state
		}
	}
	t.need(t.awaitOnline(ctx))
	t.need(rig.Await(ctx, patience, "everybody's session, by the platforms' word", t.everybodyIn))
	before, err := t.gateway()
	t.need(err)
	t.need(rig.Await(ctx, patience, "a poll of every agent", func() error {
		now, err := t.gateway()
		if err != nil {
			return err
		}
		for login, c := range now.Counts {
			if now.Agents[login].SignedIn && c.Polls <= before.Counts[login].Polls {
				return fmt.Errorf("none of %s", login)
			}
		}
		return nil
	}))
	err = rig.Await(ctx, patience/2, "the events", func() (err error) {
		if state, err = t.gateway(); err != nil {
			return err
		}
		if a, _ := t.ledger.weigh(state, false); a.lost > a.told {
			return fmt.Errorf("%d of %d are not there", a.lost-a.told, a.due)
		}
		return nil
	})
	if err != nil {
		t.note("%v", err)
	}
	return state
}

// judge holds the figures against the promises.
func (t *trial) judge(disorder []string) {
	if t.needless > 0 {
		t.broke("promises 5 and 9: %d sign-ins where the session was alive", t.needless)
	}
	if t.violations > 0 {
		t.broke("promise 2: %d breaches of the platforms' rules", t.violations)
	}
	if t.missed > 0 {
		t.broke("promise 3: %d sessions ended of silence", t.missed)
	}
	if limit := window/2 + t.away; t.gap > limit {
		t.broke("promise 3: %v without a contact, half the window and the fault's own time are %v", t.gap.Round(time.Millisecond), limit.Round(time.Millisecond))
	}
	if n := t.lost - t.told; n > 0 {
		t.broke("promise 10: %d of %d events lost", n, t.due)
	}
	if t.told > 0 && !t.excuse {
		t.broke("promise 10: %d of %d events told as lost though the disk was well", t.told, t.due)
	}
	for _, text := range disorder[:min(3, len(disorder))] {
		t.broke("promise 10: %s", text)
	}
}

// breaches notes the last words of the platforms about them.
func (t *trial) breaches() {
	for _, p := range []*rig.Platform{t.hq, t.pbx, t.cabinet} {
		var all struct {
			Violations []string `json:"violations"`
		}
		if p.Read("GET", "violations", &all) == nil && len(all.Violations) > 0 {
			t.note("%s: %s", p.Vendor, all.Violations[len(all.Violations)-1])
		}
	}
}

// line is the trial while the command goes on.
func (t *trial) line() string {
	verdict := "kept"
	switch {
	case len(t.broken) > 0:
		verdict = "BROKEN: " + t.broken[0]
	case t.absent != "":
		verdict = "not had here: " + t.absent
	}
	return fmt.Sprintf("%-16s %s", t.fault.name, verdict)
}

// report prints the table and beneath it what needs words.
func report(trials []*trial) {
	var sum figures
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "fault\ttook\tsign-ins (H/E/R)\tsession alive\toverlaps\twindows missed\tevents due\tlost\tof them told\tlongest gap\t")
	row := func(name string, took time.Duration, f figures) {
		fmt.Fprintf(w, "%s\t%.1f s\t%d/%d/%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.1f s\t\n", name, took.Seconds(), f.signIns[0], f.signIns[1], f.signIns[2], f.needless, f.violations,
			f.missed, f.due, f.lost, f.told, f.gap.Seconds())
	}
	var took time.Duration
	for _, t := range trials {
		if t.fault.apart {
			continue // its agents are not those of the table
		}
		row(t.fault.name, t.took, t.figures)
		sum.add(t.figures)
		took += t.took
	}
	row("all", took, sum)
	_ = w.Flush()
	for _, t := range trials {
		if t.absent != "" {
			fmt.Printf("not had: %s: %s\n", t.fault.name, t.absent)
		}
		for _, text := range t.notes {
			fmt.Printf("note: %s: %s\n", t.fault.name, text)
		}
	}
	for _, t := range trials {
		for _, text := range t.broken {
			fmt.Printf("BROKEN: %s: %s\n", t.fault.name, text)
		}
	}
}

// lastLines is the end of a log.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "\n")
}

// chosen lists the faults of the form, those that go apart or the others.
func (w *world) chosen(f form, apart bool) []fault {
	return slices.DeleteFunc(faults(), func(x fault) bool {
		if x.apart != apart {
			return true
		}
		if len(f.faults) > 0 {
			return !slices.Contains(f.faults, x.name)
		}
		return x.long && !f.long
	})
}

// programme yields the faults of the form, one when it is asked for: every fault
// once, and in the long form then kills and faults by lot until its time is over.
func (w *world) programme(f form, began time.Time) func(yield func(fault) bool) {
	return func(yield func(fault) bool) {
		all := w.chosen(f, false)
		for _, x := range all {
			if !yield(x) {
				return
			}
		}
		if !f.long || len(f.faults) > 0 {
			return
		}
		kill := slices.IndexFunc(all, func(x fault) bool { return x.name == "kill" })
		for kills := 2; kills < f.kills || time.Since(began) < f.last; {
			x := all[w.random.IntN(len(all))]
			if kills < f.kills && (time.Since(began) > f.last || w.random.IntN(3) > 0) {
				x = all[kill+w.random.IntN(2)] // kill-amid stands behind kill
			}
			if strings.HasPrefix(x.name, "kill") {
				kills++
			}
			if !yield(x) {
				return
			}
		}
	}
}
