package live

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

var (
	demoAddress = regexp.MustCompile(`http://(127\.0\.0\.1:\d+)/`)
	demoOnline  = regexp.MustCompile(`all (\d+) agents online \(([\d.]+) s\)`)
)

// TestDemo runs the demo as a newcomer does and interrupts it.
func TestDemo(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	p, got := demo(t, address)
	if got != address {
		t.Errorf("the demo serves %s, want %s", got, address)
	}
	p.signal(syscall.SIGINT)
	p.wantCode(patience, 0)
}

// TestDemoElsewhere has the demo's address in use: it takes another port.
func TestDemoElsewhere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p, got := demo(t, l.Addr().String())
	if got == l.Addr().String() {
		t.Errorf("the demo claims to serve %s, which is in use", got)
	}
	p.signal(syscall.SIGTERM)
	p.wantCode(patience, 0)
}

// TestDemoInterrupted ends the demo in the middle of the outage that it plays.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	p, _ := demo(t, freeAddress(t))
	within(t, patience, "the first incident", func() error { return p.says("goes away") })
	p.signal(syscall.SIGINT)
	p.wantCode(patience, 0)
}

// demo starts the demo, waits until all are online and returns its address.
func demo(t *testing.T, listen string) (p *process, address string) {
	t.Helper()
	tmp := t.TempDir()
	cmd := command("agentkeeper", "demo", "--listen", listen, "--agents", "10")
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	p = start(t, cmd)
	within(t, patience, "the demo's agents", func() error {
		if demoOnline.MatchString(p.out.String()) {
			return nil
		}
		return p.says("agents online")
	})
	total := time.Since(p.began)
	online := demoOnline.FindStringSubmatch(p.out.String())
	if n, err := strconv.Atoi(online[1]); err != nil || n < 20 {
		t.Errorf("the demo keeps %s agents online, want at least 20", online[1])
	}
	address = demoAddress.FindStringSubmatch(p.out.String())[1]
	res, err := (&http.Client{Timeout: 10 * time.Second, Transport: insecure()}).Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	if _ = res.Body.Close(); res.StatusCode != http.StatusOK {
		t.Errorf("the page is answered %s", res.Status)
	}
	t.Cleanup(func() { emptied(t, p, tmp) })
	t.Logf("%s agents online %v after the start of the process (the demo says %s s)", online[1], total.Round(time.Millisecond), online[2])
	return p, address
}

// emptied wants nothing left of a demo that ended by itself.
func emptied(t *testing.T, p *process, tmp string) {
	t.Helper()
	left, err := os.ReadDir(tmp)
	if err != nil || (len(left) > 0 && p.cmd.ProcessState.ExitCode() == 0) {
		t.Errorf("the demo left %v behind, %v", fmt.Sprint(left), err)
	}
}
