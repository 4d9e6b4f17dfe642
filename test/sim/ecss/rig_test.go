package ecss_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

// rig is a platform on a network in memory, inside a bubble.
type rig struct {
	*ecss.Sim
	t    *testing.T
	pipe *sim.PipeListener
	http *http.Client
}

// bubble runs f against a platform with the agents 1 and 2 (password pin,
// numbers 401 and 402), the supervisor 9, a free number 500 and an inactive
// one 600. Goroutines left over after Close fail the test.
func bubble(t *testing.T, w ecss.Switches, f func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipe := sim.Pipe()
		s := ecss.New(ecss.Config{
			Agents: []ecss.Agent{
				{Login: "1", Password: "pin", Number: "401"},
				{Login: "2", Password: "pin", Number: "402"},
				{Login: "9", Password: "pin", Number: "409", Supervisor: true},
			},
			Numbers: []string{"500"}, Inactive: []string{"600"}, Switches: w, Line: pipe,
		})
		server := sim.Serve(pipe, s, nil)
		transport := &http.Transport{DialContext: pipe.DialContext, DisableKeepAlives: true}
		f(t, &rig{Sim: s, t: t, pipe: pipe, http: &http.Client{Transport: transport}})
		s.Close()
		if err := server.Close(); err != nil {
			t.Errorf("server: %v", err)
		}
		transport.CloseIdleConnections()
	})
}

// client is a plain websocket client: one goroutine reads, nothing is clever.
type client struct {
	t      *testing.T
	conn   *websocket.Conn
	frames chan []byte
	closed chan struct{} // when reading has ended; err says how
	err    error
	last   int
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, resp, err := r.tryDial("/", nil)
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	if ext, sub := resp.Header.Get("Sec-WebSocket-Extensions"), resp.Header.Get("Sec-WebSocket-Protocol"); ext+sub != "" {
		r.t.Errorf("handshake negotiated extension %q, subprotocol %q", ext, sub)
	}
	return c
}

func (r *rig) tryDial(path string, header http.Header) (*client, *http.Response, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	conn, resp, err := websocket.Dial(ctx, "ws://pbx"+path, &websocket.DialOptions{
		HTTPClient: r.http, HTTPHeader: header, CompressionMode: websocket.CompressionContextTakeover,
		Subprotocols: []string{"chat"},
	})
	if err != nil {
		return nil, resp, err
	}
	conn.SetReadLimit(-1)
	c := &client{t: r.t, conn: conn, frames: make(chan []byte, 4096), closed: make(chan struct{})}
	go c.read()
	r.t.Cleanup(func() { _ = conn.CloseNow() })
	return c, resp, nil
}

func (c *client) read() {
	defer close(c.closed)
	for {
		_, data, err := c.conn.Read(context.Background())
		if err != nil {
			c.err = err
			return
		}
		c.frames <- data
	}
}

func (c *client) write(text string) {
	c.t.Helper()
	if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// send sends a request in the documented form and returns its id.
func (c *client) send(action string, payload any) int {
	c.t.Helper()
	c.last++
	c.write(string(encode(c.t, map[string]any{"action": action, "requestId": c.last, "payload": payload})))
	return c.last
}

// next returns the next frame, waiting for up to a virtual minute.
func (c *client) next() map[string]any {
	c.t.Helper()
	select {
	case data := <-c.frames:
		var frame map[string]any
		if err := json.Unmarshal(data, &frame); err != nil {
			c.t.Fatalf("frame %.80q: %v", data, err)
		}
		return frame
	case <-time.After(time.Minute):
		c.t.Fatal("no frame within a minute")
	}
	return nil
}

// ask sends a request and returns the next frame.
func (c *client) ask(action string, payload any) map[string]any {
	c.t.Helper()
	c.send(action, payload)
	return c.next()
}

// quiet fails the test if a frame is waiting once all is still.
func (c *client) quiet() {
	c.t.Helper()
	synctest.Wait()
	if len(c.frames) > 0 {
		c.t.Errorf("unexpected frame %.200q", <-c.frames)
	}
}

// isClosed reports whether the platform has ended the websocket.
func (c *client) isClosed() bool {
	synctest.Wait()
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *client) vanish() {
	_ = c.conn.CloseNow()
	<-c.closed
}

func credentials(login, number string) map[string]any {
	return map[string]any{"login": login, "password": "pin", "number": number, "profile": "default", "role": "operator"}
}

// login dials and logs an agent in at its own number.
func (r *rig) login(login string) *client {
	r.t.Helper()
	c := r.dial()
	if got := c.ask("login", credentials(login, "40"+login)); got["status"] != 200.0 {
		r.t.Fatalf("login %s: %v", login, got)
	}
	return c
}

func (r *rig) agent(login string) ecss.AgentState {
	r.t.Helper()
	synctest.Wait()
	a, err := r.Agent(login)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// violations fails the test unless there are n violations, each holding text.
func (r *rig) violations(n int, text string) {
	r.t.Helper()
	synctest.Wait()
	got := r.Ops().Violations()
	if len(got) != n {
		r.t.Errorf("%d violations, want %d: %q", len(got), n, got)
	}
	for _, v := range got {
		if !strings.Contains(v, text) {
			r.t.Errorf("violation %q does not tell %q", v, text)
		}
	}
}

// request does one HTTP request and returns status and body.
func (r *rig) request(method, path, body string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://pbx"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func payloadOf(frame map[string]any) map[string]any {
	payload, _ := frame["payload"].(map[string]any)
	return payload
}
