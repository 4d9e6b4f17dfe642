package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Service is an `agentkeeper run` that was started.
type Service struct {
	*Process
	URL    string // of the public half, once Ready has found it in the log
	Socket string // the control socket
	Client *http.Client
}

// NewService looks at p, which runs `agentkeeper run` with a log in JSON.
func NewService(p *Process, socket string) *Service {
	return &Service{Process: p, Socket: socket, Client: &http.Client{Timeout: 10 * time.Second, Transport: Insecure()}}
}

// Agent is one agent as the API tells of it.
type Agent struct {
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

// Get asks the public half.
func (s *Service) Get(path string) (status int, body string, err error) {
	return s.Fetch(http.MethodGet, path)
}

// Fetch asks the public half with any method.
func (s *Service) Fetch(method, path string) (status int, body string, err error) {
	req, err := http.NewRequest(method, s.URL+path, nil) //nolint:noctx // the client has a time-out
	if err != nil {
		return 0, "", err
	}
	return do(s.Client, req)
}

// Control asks the control socket.
func (s *Service) Control(method, path, body string) (status int, answer string, err error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: OverUnix(s.Socket)}
	req, err := http.NewRequest(method, "http://agentkeeper"+path, strings.NewReader(body)) //nolint:noctx // the client has a time-out
	if err != nil {
		return 0, "", err
	}
	return do(client, req)
}

func do(client *http.Client, req *http.Request) (status int, body string, err error) {
	res, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// OverUnix is a transport to a unix socket.
func OverUnix(path string) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
}

// Started returns nil once the service has said in its log where it listens,
// and sets URL.
func (s *Service) Started() error {
	if s.Ended() {
		return fmt.Errorf("%w with exit code %d: %s", ErrEnded, s.Cmd.ProcessState.ExitCode(), Tail(s.Err.String()))
	}
	if s.URL != "" {
		return nil
	}
	started := s.Logged("started")
	if len(started) == 0 {
		return errors.New("not started")
	}
	s.URL = "http://" + started[0].Text("listen")
	return nil
}

// Ready returns nil once the service serves and says that it is ready.
func (s *Service) Ready() error {
	if err := s.Started(); err != nil {
		return err
	}
	status, body, err := s.Get("/-/ready")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%d %s", status, body)
	}
	return err
}

// Agents lists the agents as the public half does.
func (s *Service) Agents() ([]Agent, error) {
	_, body, err := s.Get("/api/v1/agents")
	if err != nil {
		return nil, err
	}
	var list struct {
		Agents []Agent `json:"agents"`
	}
	err = json.Unmarshal([]byte(body), &list)
	return list.Agents, err
}

// Metric is the value of one series, for example up{a="b"}.
func (s *Service) Metric(series string) (float64, error) {
	_, body, err := s.Get("/metrics")
	if err != nil {
		return 0, err
	}
	return Sample(body, series)
}

// Sample finds the value of one series in a page of metrics.
func Sample(page, series string) (float64, error) {
	for line := range strings.Lines(page) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), series+" "); ok {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("no series %s", series)
}

// Line is one line of the log.
type Line map[string]any

// Text is a field of the line that is a text; "" where it is none.
func (l Line) Text(key string) string {
	text, _ := l[key].(string)
	return text
}

// Log returns the lines of the log that are JSON.
func (s *Service) Log() (lines []Line) {
	for text := range strings.Lines(s.Err.String()) {
		var l Line
		if json.Unmarshal([]byte(text), &l) == nil {
			lines = append(lines, l)
		}
	}
	return lines
}

// Logged returns the lines of the log with that message.
func (s *Service) Logged(msg string) (lines []Line) {
	for _, l := range s.Log() {
		if l.Text("msg") == msg {
			lines = append(lines, l)
		}
	}
	return lines
}
