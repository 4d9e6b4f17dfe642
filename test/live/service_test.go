package live

import (
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"

	"agentkeeper/test/rig"
)

// service is an `agentkeeper run` that was started.
type service struct {
	*process
	dir    string
	url    string // of the public half
	client *http.Client
}

// agent is one agent as the API tells of it.
type agent = rig.Agent

// insecure is a transport that takes any certificate: what the simulators show
// is the service's to check.
func insecure() *http.Transport { return rig.Insecure() }

// view is the service as package rig looks at it.
func (s *service) view() *rig.Service {
	return &rig.Service{Process: s.Process, URL: s.url, Socket: s.socket(), Client: s.client}
}

// get asks the public half.
func (s *service) get(path string) (status int, body string, err error) { return s.view().Get(path) }

func (s *service) fetch(method, path string) (status int, body string, err error) {
	return s.view().Fetch(method, path)
}

// ready returns nil once the service serves and says that it is ready.
func (s *service) ready() error {
	v := s.view()
	err := v.Ready()
	s.url = v.URL
	return err
}

func (s *service) list() ([]agent, error) { return s.view().Agents() }

// agents is what the API tells, by login.
func (s *service) agents() map[string]agent {
	s.t.Helper()
	list, err := s.list()
	if err != nil {
		s.t.Fatalf("the API: %v", err)
	}
	byLogin := make(map[string]agent, len(list))
	for _, a := range list {
		byLogin[a.Login] = a
	}
	return byLogin
}

// online returns nil when n agents are online, and there are no others.
func (s *service) online(n int) error {
	list, err := s.list()
	if err != nil {
		return err
	}
	states := map[string]int{}
	for _, a := range list {
		states[a.State+" "+a.Reason]++
	}
	if states["online "] != n || len(list) != n {
		return fmt.Errorf("agents by state: %v, want %d online", states, n)
	}
	return nil
}

// is returns nil when the agent is in a state for a reason.
func (s *service) is(login, state, reason string) error {
	list, err := s.list()
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Login != login {
			continue
		}
		if a.State != state || a.Reason != reason {
			return fmt.Errorf("agent %s is %s %q (%s %s), want %s %q", login, a.State, a.Reason, a.Code, a.Detail, state, reason)
		}
		return nil
	}
	return fmt.Errorf("no agent %s", login)
}

// metric is the value of one series, for example up{a="b"}.
func (s *service) metric(series string) (float64, error) { return s.view().Metric(series) }

// shows returns nil when the series has that value.
func (s *service) shows(series string, want float64) error {
	got, err := s.metric(series)
	if err == nil && got != want {
		err = fmt.Errorf("%s is %v, want %v", series, got, want)
	}
	return err
}

// line is one line of the log.
type line rig.Line

func (l line) text(key string) string { return rig.Line(l).Text(key) }

// logged returns the lines of the log with that message.
func (s *service) logged(msg string) (lines []line) {
	for _, l := range s.view().Logged(msg) {
		lines = append(lines, line(l))
	}
	return lines
}

// says returns nil once the log has n lines with that message.
func (s *service) says(msg string, n int) error {
	if got := len(s.logged(msg)); got < n {
		return fmt.Errorf("the log says %q %d times, want %d", msg, got, n)
	}
	return nil
}

// kill9 ends the service as a power cut does.
func (s *service) kill9() { s.kill() }

// stop ends the service as systemd's stop does and wants exit code 0.
func (s *service) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	s.wantCode(patience, 0)
}

// socket is the service's control socket.
func (s *service) socket() string { return filepath.Join(s.dir, "control.sock") }

// overUnix is a transport to a unix socket.
func overUnix(path string) *http.Transport { return rig.OverUnix(path) }

// control asks the control socket.
func (s *service) control(method, path, body string) (status int, answer string, err error) {
	return s.view().Control(method, path, body)
}

// freeAddress is an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := rig.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
