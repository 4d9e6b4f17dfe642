package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"agentkeeper/test/rig"
)

// faults lists everything that can go wrong, in the order of the programme.
func faults() []fault {
	return []fault{
		{name: "nothing", about: "no fault: what the figures are without one", run: nothing},
		{name: "kill", about: "kill -9 at a random instant", run: kill},
		{name: "kill-amid", about: "kill -9 while agents are being signed in", long: true, run: killAmid},
		{name: "stop", about: "SIGSTOP, and SIGCONT before half the window is over", run: stop},
		{name: "hand-over", about: "USR2, and the next process at once", run: handOver},
		{name: "hostile", about: "answers that are cut, empty, huge, HTML, garbage, slow, of other types, or lost", run: hostile},
		{name: "outage", about: "the platforms refuse and reset connections, and hang", run: outage},
		{name: "people", about: "agents are signed out by people, and their websockets closed", run: people},
		{name: "silent", about: "clients of every listener that say nothing, or half a header", run: silent},
		{name: "crowd", about: "10,000 connections to every listener together, as many as the files allow", run: crowd},
		{name: "followers", about: "255 followers beside the ledger's, some of them dead; what they leave behind", run: followers},
		{name: "readers", about: "durable NATS consumers that fetch and never acknowledge, dead and slow webhooks, filters and names without end", run: readers},
		{name: "disk-full", about: "the store's disk is full for a while", run: diskFull},
		{name: "full-start", about: "kill -9, and a start on a full disk", run: fullStart},
		{name: "slow-fsync", about: "every fsync takes 300 ms longer", run: slowFsync},
		{name: "damage", about: "files of a store are damaged one by one, a store of its own for each", apart: true, run: damage},
		{name: "taken-away", about: "the store's directory, or its lock, is deleted under a running service", apart: true, run: takenAway},
		{name: "clock", about: "a start with the clock an hour behind what is stored", apart: true, run: clock},
		{name: "restarts", about: "kill -9 and a start seven times, 3 s apart: they are no evictions", long: true, run: restarts},
		{name: "nonsense", about: "cut answers for longer than the window, the sessions alive all the while", long: true, run: nonsense},
		{name: "no-inodes", about: "the store's disk has room but takes no new file, and the service starts on it", long: true, run: noInodes},
		{name: "names", about: "one NATS user creates 1,100 durable consumers", long: true, run: names},
	}
}

func nothing(ctx context.Context, _ *trial) error {
	rest(ctx, 2*time.Second)
	return nil
}

// kill ends the service at an instant by lot.
func kill(ctx context.Context, t *trial) error {
	rest(ctx, t.between(0, time.Second))
	return t.killNow(ctx)
}

// killAmid ends it while some agents are being signed in.
func killAmid(ctx context.Context, t *trial) error {
	logins, err := t.kick(t.random.IntN(5) + 1)
	for _, login := range logins {
		t.doubtful[login] = true
	}
	if err != nil {
		return err
	}
	rest(ctx, t.between(0, 300*time.Millisecond))
	return t.killNow(ctx)
}

// killNow ends the service as a power cut would and starts it again.
func (t *trial) killNow(ctx context.Context) error {
	began := time.Now()
	t.k.Kill()
	err := t.again(ctx)
	t.away += time.Since(began)
	return err
}

// kick has people sign out n of the Huawei agents, by lot.
func (t *trial) kick(n int) (logins []string, err error) {
	for _, i := range t.random.Perm(atHQ)[:n] {
		login := strconv.Itoa(1000 + i)
		if err := t.hq.Order("agents/"+login+"/kick", "{}"); err != nil {
			return logins, err
		}
		logins = append(logins, login)
	}
	return logins, nil
}

func stop(ctx context.Context, t *trial) error {
	began := time.Now()
	if err := t.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	rest(ctx, t.between(2*time.Second, 4*time.Second))
	err := t.signal(syscall.SIGCONT)
	t.away += time.Since(began)
	return err
}

func handOver(ctx context.Context, t *trial) error {
	began := time.Now()
	old := t.k
	if err := t.signal(syscall.SIGUSR2); err != nil {
		return err
	}
	err := t.again(ctx)
	t.away += time.Since(began)
	code, ended := old.Code(patience)
	if code != 0 {
		t.broke("promise 9: the hand-over ended with exit code %d", code)
	}
	return errors.Join(err, ended)
}

// people sign agents out on the platforms: a reason for a sign-in, and for one
// only.
func people(ctx context.Context, t *trial) error {
	before, err := t.tally()
	if err != nil {
		return err
	}
	const some = 4
	if _, err := t.kick(some); err != nil {
		return err
	}
	for i, signal := range []string{"push_close", "close"} {
		if err := t.pbx.Order(fmt.Sprintf("agents/%d/kick", 101+i), fmt.Sprintf(`{"signal":%q}`, signal)); err != nil {
			return err
		}
	}
	t.need(rig.Await(ctx, patience, "the sign-ins of those who were signed out", func() error {
		now, err := t.tally()
		if err != nil {
			return err
		}
		n := now.signIns[0] - before.signIns[0] + now.signIns[1] - before.signIns[1]
		if n < some+2 {
			return fmt.Errorf("%d of %d", n, some+2)
		}
		return nil
	}))
	return t.awaitOnline(ctx)
}

// restarts come so fast that each session is a short one.
func restarts(ctx context.Context, t *trial) error {
	const times = 7
	for range times {
		if err := t.killNow(ctx); err != nil {
			return err
		}
		rest(ctx, 3*time.Second)
	}
	if err := rig.Await(ctx, 20*time.Second, "everybody online", t.online); err != nil {
		t.broke("promise 8: own restarts are taken for evictions: after %d of them %v", times, err)
	}
	return nil
}
