package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestFilesAreForAgents gives the service 1,024 open files and 700 agents, and
// crowds every listener with strangers who come again as soon as they are cut
// off. Their connections would be more than all its files: no agent misses the
// platform's window, a new one signs in, and people and programs are served.
func TestFilesAreForAgents(t *testing.T) {
	const (
		limit  = 1024
		agents = 700
		crowd  = 300 // at each listener, at once
		window = 20 * time.Second
	)
	names := logins(2000, agents)
	s := newSite(t, simulate(t, "huawei", append(names, "9999"), "--hold", "5s", "--window", window.String()), names)
	s.signIn = "rate: 300, concurrent: 30"
	s.place = []string{fmt.Sprintf("window: %s", window), "options: {hold: 5s}"}
	public := freeAddress(t)
	callback := freeAddress(t)
	proxy := freeAddress(t)
	events := freeAddress(t)
	s.listen = public
	writeFile(t, filepath.Join(s.dir, "crm"), "s")
	s.top = []string{
		fmt.Sprintf("events: {listen: %q, users: [{name: crm, password_file: crm}]}", events),
		fmt.Sprintf("callback: {listen: %q, plain_http: true}", callback), fmt.Sprintf("proxy: {listen: %q}", proxy),
	}
	s.write()
	service := command("agentkeeper", "run", "-c", s.path())
	shell := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, limit), "sh"}, service.Args...)...)
	shell.Args[4] = service.Path
	shell.Env = service.Env
	k := s.launchAs(shell)
	s.await(k)
	s.awaitOnline(k)
	if log := k.err.String(); !strings.Contains(log, "1024 open files are allowed") || !strings.Contains(log, "raise LimitNOFILE") {
		t.Error("the log does not say that open files are short")
	}
	before := s.platform.huawei()

	end := time.Now().Add(window + 10*time.Second)
	var strangers sync.WaitGroup
	for _, at := range [][2]string{{"tcp", public}, {"tcp", callback}, {"tcp", proxy}, {"tcp", events}, {"unix", filepath.Join(s.dir, s.control)}} {
		for range crowd {
			strangers.Go(func() { pester(at[0], at[1], end) })
		}
	}
	within(t, patience, "a program among the crowd", func() error { return reads(events) })
	s.add("9999", "")
	s.password("9999", secret)
	s.write()
	within(t, patience, "a reload among the crowd", func() error {
		_, _, err := k.control("POST", "/api/v1/reload", "{}")
		return err
	})
	s.awaitOnline(k)
	strangers.Wait()

	s.awaitOnline(k)
	got := touched(before, s.platform.huawei())
	delete(got, "9999")
	if len(got) != 0 {
		t.Errorf("the crowd cost sessions: %v", got)
	}
	if log := k.err.String(); strings.Contains(log, "too many open files") {
		t.Errorf("out of open files: %s", tail(log))
	}
	k.stop()
}

// pester keeps a connection open that says nothing, and opens another one when
// it is cut off, until end.
func pester(network, address string, end time.Time) {
	for time.Now().Before(end) {
		if c, err := net.DialTimeout(network, address, time.Second); err == nil {
			_ = c.SetDeadline(end)
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
		<-time.After(200 * time.Millisecond)
	}
}

// reads makes and removes a consumer, as a program that comes and goes.
func reads(address string) error {
	nc, err := nats.Connect("nats://"+address, nats.UserInfo("crm", "s"), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := js.CreateConsumer(ctx, "EVENTS", jetstream.ConsumerConfig{Durable: "crm", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		return err
	}
	m, err := c.Next(jetstream.FetchMaxWait(5 * time.Second))
	if err != nil {
		return err
	}
	return errors.Join(m.DoubleAck(ctx), js.DeleteConsumer(ctx, "EVENTS", "crm"))
}
