package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"
)

// TestUnitSocket has systemd hold the public address: no scrape fails while the
// service is restarted, and a stop is not undone by the next scrape.
func TestUnitSocket(t *testing.T) {
	t.Parallel()
	onMachines(t, func(t *testing.T, m *machine) {
		m.installUnit()
		names := logins(291, 20)
		u := newUnitSite(m, m.simulate("huawei", names, "--hold", "1s"), names)
		m.run("systemctl", "enable", "--now", socketUnit, unit)
		u.isReady()
		u.awaitOnline()
		if e := u.journal("MESSAGE=listening on a socket of systemd's address=127.0.0.1:9464 configured=127.0.0.1:9464"); len(e) != 1 {
			t.Errorf("%d entries tell of the socket, want one", len(e))
		}
		u.testScrapes()
		u.testCrashBehindSocket()
		u.testStopBehindSocket()
	})
}

// testScrapes scrapes all the while, each time on a connection of its own.
func (u *unitSite) testScrapes() {
	before := u.platform.huawei()
	ctx, stop := context.WithCancel(u.t.Context())
	type count struct {
		good    int
		longest time.Duration
		bad     []error
	}
	counts := make([]count, 4)
	var scrapers sync.WaitGroup
	for i := range counts {
		scrapers.Go(func() {
			for c := &counts[i]; ctx.Err() == nil; {
				began := time.Now()
				if err := u.scrape(); err != nil {
					c.bad = append(c.bad, err)
				} else {
					c.good++
				}
				c.longest = max(c.longest, time.Since(began))
			}
		})
	}
	const restarts = 3
	for range restarts {
		u.m.run("systemctl", "restart", unit)
	}
	stop()
	scrapers.Wait()
	good, longest := 0, time.Duration(0)
	for _, c := range counts {
		if good, longest = good+c.good, max(longest, c.longest); len(c.bad) > 0 {
			u.t.Errorf("%d scrapes failed: %v", len(c.bad), errors.Join(c.bad...))
		}
	}
	if good < restarts {
		u.t.Errorf("%d scrapes in %d restarts", good, restarts)
	}
	u.t.Logf("%d restarts, %d good scrapes, the longest took %v", restarts, good, longest.Round(time.Millisecond))
	u.untouched(before, "restarts behind a socket")
}

func (u *unitSite) scrape() error {
	client := &http.Client{Timeout: patience, Transport: u.m.over()}
	res, err := client.Get(publicURL + "/metrics")
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err = io.Copy(io.Discard, res.Body); err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return err
}

// testCrashBehindSocket kills the process: the next one has the socket again.
func (u *unitSite) testCrashBehindSocket() {
	before := u.platform.huawei()
	pid := u.pid()
	u.m.run("systemctl", "kill", "-s", "KILL", "--kill-who=main", unit)
	within(u.t, patience, "the next process", func() error {
		if now := u.pid(); now == pid || now == "0" {
			return errors.New("not there")
		}
		return u.scrape()
	})
	if e := u.journal("MESSAGE=listening on a socket of systemd's address=127.0.0.1:9464 configured=127.0.0.1:9464"); len(e) != 5 {
		u.t.Errorf("%d entries tell of the socket, want five, for a start, three restarts and a crash", len(e))
	}
	u.untouched(before, "a crash behind a socket")
}

// testStopBehindSocket stops the service and scrapes: both stay away until the
// service is started again, which then has its socket.
func (u *unitSite) testStopBehindSocket() {
	u.m.run("systemctl", "stop", unit)
	within(u.t, patience, "the socket's end", func() error {
		if state := u.m.property(socketUnit, "ActiveState"); state != "inactive" {
			return errors.New(state)
		}
		return nil
	})
	throughout(u.t, 2*time.Second, "a stop that lasts", func() error {
		if err := u.scrape(); err == nil {
			return errors.New("a scrape is answered")
		}
		if service, socket := u.m.property(unit, "ActiveState"), u.m.property(socketUnit, "ActiveState"); service != "inactive" || socket != "inactive" {
			return fmt.Errorf("the service is %s, the socket %s", service, socket)
		}
		return nil
	})
	if n := signedIn(u.platform.huawei()); n != 0 {
		u.t.Errorf("%d agents are signed in after the stop", n)
	}
	u.start()
	if state := u.m.property(socketUnit, "ActiveState"); state != "active" {
		u.t.Errorf("the socket is %s after the service's start", state)
	}
	u.awaitOnline()
}
