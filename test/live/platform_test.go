package live

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agentkeeper/test/rig"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/huawei"
)

// secret is the password of every account unless a test says otherwise.
const secret = "secret"

// platform is a simulator that runs as a program of its own.
type platform struct {
	*rig.Platform
	t      *testing.T
	p      *process
	vendor string
	url    string // as the simulator prints it: http or https
	ca     string // of its certificate; "" without TLS
}

// state is what a simulator tells of itself.
type state[A any] = rig.State[A]

// simulate starts vendorsim. Its certificates are in a directory of their own
// unless certs names one. Ending with a violation fails the test.
func simulate(t *testing.T, vendor string, logins []string, flags ...string) *platform {
	t.Helper()
	return simulateBy(t, command("vendorsim"), insecure(), vendor, logins, flags...)
}

// simulateBy starts vendorsim by a command that lacks its arguments, and speaks
// to it over a transport.
func simulateBy(t *testing.T, cmd *exec.Cmd, over *http.Transport, vendor string, logins []string, flags ...string) *platform {
	t.Helper()
	certs := filepath.Join(t.TempDir(), "certs")
	cmd.Args = append(cmd.Args, vendor, "--listen", "127.0.0.1:0", "--cert-dir", certs, "--agents", strings.Join(logins, ","), "--password", secret)
	cmd.Args = append(cmd.Args, flags...)
	started, err := rig.Simulate(t.Context(), cmd, vendor, over, patience)
	if started != nil {
		t.Cleanup(started.Kill)
	}
	if err != nil {
		t.Fatal(err)
	}
	pl := &platform{Platform: started, t: t, p: processOf(t, started.Process), vendor: vendor, url: started.URL}
	if strings.HasPrefix(pl.url, "https:") {
		pl.ca = filepath.Join(certs, "ca.pem")
	}
	t.Cleanup(pl.judge)
	return pl
}

// judge ends the simulator and fails the test if it saw a violation.
func (pl *platform) judge() {
	pl.p.signal(syscall.SIGTERM)
	if pl.p.code(patience) != 0 {
		pl.t.Errorf("the platform's verdict: %s", tail(pl.p.out.String()))
	}
}

// address is the simulator's as the configuration names it.
func (pl *platform) address() string { return pl.Address() }

// order tells the simulator to do something.
func (pl *platform) order(path, body string) {
	pl.t.Helper()
	pl.send(http.MethodPost, path, body)
}

func (pl *platform) send(method, path, body string) {
	pl.t.Helper()
	if err := pl.Send(method, path, body); err != nil {
		pl.t.Fatal(err)
	}
}

func (pl *platform) look(into any) error { return pl.Look(into) }

// huawei is the state of a Huawei simulator.
func (pl *platform) huawei() state[huawei.AgentState] {
	pl.t.Helper()
	var s state[huawei.AgentState]
	if err := pl.look(&s); err != nil {
		pl.t.Fatal(err)
	}
	return s
}

// ecss is the state of an ECSS simulator.
func (pl *platform) ecss() state[ecss.AgentState] {
	pl.t.Helper()
	var s state[ecss.AgentState]
	if err := pl.look(&s); err != nil {
		pl.t.Fatal(err)
	}
	return s
}

// signedIn counts the agents that a Huawei platform has signed in.
func signedIn(s state[huawei.AgentState]) (n int) {
	for _, a := range s.Agents {
		if a.SignedIn {
			n++
		}
	}
	return n
}

// logins are n logins from first on.
func logins(first, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(first + i)
	}
	return list
}

// writeFile writes a file that only its owner can read.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
