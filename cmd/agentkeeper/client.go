package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/api"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
)

// defaultControl is where a service has its control socket that was not told
// otherwise.
const defaultControl = "/run/agentkeeper/control.sock"

type controlFlag struct {
	Control string `env:"AGENTKEEPER_CONTROL" default:"/run/agentkeeper/control.sock" placeholder:"PATH" help:"Control socket of the service (default: ${default})."`
}

// client is the running service, over its control socket. Its errors carry the
// exit code that they mean.
type client struct {
	socket string
	http   *http.Client
}

// longestWait is longer than anything that the service is asked to wait for.
const longestWait = 11 * time.Minute

func (c controlFlag) client() *client { return newClient(c.Control, longestWait) }

func newClient(socket string, timeout time.Duration) *client {
	return &client{socket: socket, http: &http.Client{Timeout: timeout, Transport: &http.Transport{
		MaxIdleConnsPerHost: sendAtOnce,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// ask gets a path of the service's API over its control socket.
func ask(socket, path string) ([]byte, error) {
	body, err := newClient(socket, longestWait).call(context.Background(), http.MethodGet, path, nil)
	return body, err
}

// call makes one request; body is sent as JSON, nil sends none.
func (c *client) call(ctx context.Context, method, path string, body any) ([]byte, error) {
	res, err := c.open(ctx, method, path, body, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err != nil {
		return nil, &exit{exitUnavailable, fmt.Errorf("the service's answer broke off: %w", err)}
	}
	return answer, nil
}

// open makes one request and returns its good answer, which is JSON or a stream
// of events and whose body the caller closes.
func (c *client) open(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	res, err := c.send(ctx, method, path, body, header)
	if err != nil {
		return nil, err
	}
	if kind := res.Header.Get("Content-Type"); res.StatusCode == http.StatusOK && !strings.HasPrefix(kind, "application/json") && !strings.HasPrefix(kind, "text/event-stream") {
		_ = res.Body.Close()
		return nil, notOurs(c.socket, fmt.Errorf("it answers with %q", kind))
	}
	return res, nil
}

// send makes one request and returns its good answer, whose body the caller
// closes.
func (c *client) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	req, err := request(ctx, method, path, body, header)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable(c.socket, err)
	}
	if res.StatusCode >= http.StatusBadRequest {
		defer func() { _ = res.Body.Close() }()
		return nil, c.refused(res)
	}
	return res, nil
}

// request is a request to the service; body is sent as JSON, nil sends none.
func request(ctx context.Context, method, path string, body any, header http.Header) (*http.Request, error) {
	var text io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("ask the service: %w", err)
		}
		text = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://agentkeeper"+path, text)
	if err != nil {
		return nil, fmt.Errorf("ask the service: %w", err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return req, nil
}

// refused turns an answer's status into an exit code.
func (c *client) refused(res *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return &exit{exitUnavailable, fmt.Errorf("the service's answer broke off: %w", err)}
	}
	text, ours := errorText(body)
	if !ours {
		return notOurs(c.socket, fmt.Errorf("it answers with HTTP status %d", res.StatusCode))
	}
	switch res.StatusCode {
	case http.StatusBadRequest:
		return &exit{exitUsage, errors.New(text)}
	case http.StatusForbidden:
		return &exit{exitNotAllowed, errors.New(text)}
	case http.StatusUnprocessableEntity:
		return mistakes(text)
	case http.StatusServiceUnavailable:
		return &exit{exitTryLater, errors.New(text)}
	}
	return errors.New(text)
}

// mistakes are what is wrong with a configuration, one a line. They are printed
// as they are.
type mistakes string

func (m mistakes) Error() string { return string(m) }

func errorText(body []byte) (text string, ok bool) {
	var e struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &e) != nil || e.Error == "" {
		return "", false
	}
	return e.Error, true
}

// agents returns all agents, sorted by name.
func (c *client) agents(ctx context.Context) (all []view.Agent, err error) {
	err = agentList{client: c}.agents(ctx, func(page []view.Agent, _ bool) error {
		all = append(all, page...)
		return nil
	})
	return all, err
}

// service asks how the service itself is.
func (c *client) service(ctx context.Context) (api.Service, error) {
	return get[api.Service](ctx, c, "/api/v1/service")
}

// agent asks for all that is known about one agent.
func (c *client) agent(ctx context.Context, id session.ID) (view.Agent, error) {
	return get[view.Agent](ctx, c, agentPath(id.Platform, id.Login))
}

// agentPath is where an agent is in the API.
func agentPath(platform, login string) string {
	return "/api/v1/agents/" + url.PathEscape(platform) + "/" + url.PathEscape(login)
}

// get asks for a path and decodes its answer.
func get[T any](ctx context.Context, c *client, path string) (answer T, err error) {
	body, err := c.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return answer, err
	}
	return answer, decode(body, &answer)
}

func decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the service's answer: %w", err)
	}
	return nil
}

// query returns the parameters that have a value.
func query(pairs map[string]string) url.Values {
	q := url.Values{}
	for name, value := range pairs {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// unreachable says why the control socket does not answer and how to mend it.
func unreachable(socket string, err error) error {
	info, statErr := os.Stat(socket)
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err // who asked knows what was asked
	}
	var network *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case socket == "" || len(socket) > address.SocketPathLimit:
		return &exit{exitUnavailable, fmt.Errorf("%q is no control socket: a path has 1 to %d bytes; give the service's to --control or AGENTKEEPER_CONTROL", socket, address.SocketPathLimit)}
	case errors.Is(err, fs.ErrNotExist):
		return &exit{exitUnavailable, fmt.Errorf("no service at %s: start it, or name its control socket with --control or AGENTKEEPER_CONTROL", socket)}
	case errors.Is(err, fs.ErrPermission):
		return &exit{exitNotAllowed, fmt.Errorf("you may not open %s: ask as root, as the service's user or as a member of its group", socket)}
	case statErr == nil && info.Mode().Type() != fs.ModeSocket:
		return &exit{exitUnavailable, fmt.Errorf("%s is no socket: name the service's control socket with --control or AGENTKEEPER_CONTROL", socket)}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &exit{exitUnavailable, fmt.Errorf("nothing answers on %s: the service that made this socket has ended; start it again", socket)}
	case !errors.As(err, &network) && !errors.Is(err, io.EOF) && !errors.Is(err, context.DeadlineExceeded):
		return notOurs(socket, err)
	}
	return &exit{exitUnavailable, fmt.Errorf("the service at %s does not answer: %w", socket, err)}
}

// notOurs says that somebody else is at the socket.
func notOurs(socket string, err error) error {
	return &exit{exitUnavailable, fmt.Errorf("what answers on %s is no agentkeeper: name the service's control socket with --control or AGENTKEEPER_CONTROL (%w)", socket, err)}
}
