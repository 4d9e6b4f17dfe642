package live

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is an `agentkeeper run` that was started.
type service struct {
	*process
	dir    string
	url    string // of the public half
	client *http.Client
}

// agent is one agent as the API tells of it.
type agent struct {
	ID      string `json:"id"`
	Login   string `json:"login"`
	Wish    string `json:"wish"`
	State   string `json:"state"`
	Reason  string `json:"reason"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Action  string `json:"action"`
	SignIns int    `json:"sign_ins"`
	Session *struct {
		Started string `json:"started"`
		Adopted bool   `json:"adopted"`
	} `json:"session"`
}

// insecure is a transport that takes any certificate: what the simulators show
// is the service's to check.
func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
}

// get asks the public half.
func (s *service) get(path string) (status int, body string, err error) {
	return s.fetch(http.MethodGet, path)
}

func (s *service) fetch(method, path string) (status int, body string, err error) {
	req, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// ready returns nil once the service serves and says that it is ready.
func (s *service) ready() error {
	if s.ended() {
		return fmt.Errorf("ended with exit code %d: %s", s.cmd.ProcessState.ExitCode(), tail(s.err.String()))
	}
	if s.url == "" {
		started := s.logged("started")
		if len(started) == 0 {
			return errors.New("not started")
		}
		s.url = "http://" + started[0].text("listen")
	}
	status, body, err := s.get("/-/ready")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d %s", status, body)
	}
	return err
}

func (s *service) list() ([]agent, error) {
	_, body, err := s.get("/api/v1/agents")
	if err != nil {
		return nil, err
	}
	var list struct {
		Agents []agent `json:"agents"`
	}
	err = json.Unmarshal([]byte(body), &list)
	return list.Agents, err
}

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
func (s *service) metric(series string) (float64, error) {
	_, body, err := s.get("/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no series %s", series)
}

// shows returns nil when the series has that value.
func (s *service) shows(series string, want float64) error {
	got, err := s.metric(series)
	if err == nil && got != want {
		err = fmt.Errorf("%s is %v, want %v", series, got, want)
	}
	return err
}

// line is one line of the log.
type line map[string]any

func (l line) text(key string) string {
	text, _ := l[key].(string)
	return text
}

// logged returns the lines of the log with that message.
func (s *service) logged(msg string) (lines []line) {
	for text := range strings.Lines(s.err.String()) {
		var l line
		if json.Unmarshal([]byte(text), &l) == nil && l.text("msg") == msg {
			lines = append(lines, l)
		}
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
func overUnix(path string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
}

// control asks the control socket.
func (s *service) control(method, path, body string) (status int, answer string, err error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: overUnix(s.socket())}
	req, err := http.NewRequest(method, "http://agentkeeper"+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// freeAddress is an address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
