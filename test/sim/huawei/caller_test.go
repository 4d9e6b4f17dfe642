package huawei

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/test/sim"
)

// caller is a plain client that keeps what the gateway tells it to keep.
type caller struct {
	t      *testing.T
	client *http.Client
	url    string
	login  string
	guid   string
	cookie string
	plain  bool // does not follow new Guids
	there  *there
}

// answer is what one call brought.
type answer struct {
	Status  int
	Code    string // retcode as text
	Event   string // eventType
	Content string
	NewGuid bool
	Result  map[string]any
	raw     string
}

// with runs f in a bubble against a gateway with the agents 291 to 293.
func with(t *testing.T, w Switches, f func(t *testing.T, s *Sim, a *caller)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := sim.Pipe()
		there := listenThere(t)
		s := New(Config{Agents: Range(291, 3, "secret", 40038), Switches: w, Line: l, Pushing: Pushing{Dial: there.line.DialContext}})
		defer s.Close()
		server := sim.Serve(l, s, nil)
		transport := &http.Transport{DialContext: l.DialContext, MaxIdleConnsPerHost: 10}
		a := &caller{t: t, there: there, client: &http.Client{Transport: transport}, url: server.URL(), login: "291"}
		defer func() {
			transport.CloseIdleConnections()
			if err := server.Close(); err != nil {
				t.Errorf("server: %v", err)
			}
		}()
		f(t, s, a)
	})
}

// as is the same client for another agent, without a Guid.
func (c *caller) as(login string) *caller {
	return &caller{t: c.t, client: c.client, url: c.url, login: login}
}

func (c *caller) try(ctx context.Context, method, path, body string) (answer, error) {
	path = strings.ReplaceAll(path, "{id}", c.login)
	r, err := http.NewRequestWithContext(ctx, method, c.url+base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	if c.guid != "" {
		r.Header.Set("Guid", c.guid)
	}
	if c.cookie != "" {
		r.Header.Set("Cookie", c.cookie)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return answer{}, err
	}
	return c.take(res, string(text)), nil
}

func (c *caller) take(res *http.Response, text string) answer {
	a := answer{Status: res.StatusCode, raw: text}
	if v := res.Header.Get("Set-GUID"); v != "" {
		a.NewGuid = true
		if !c.plain {
			c.guid = strings.TrimPrefix(v, "JSESSIONID=")
		}
	}
	for _, k := range res.Cookies() {
		c.cookie = k.Name + "=" + k.Value
	}
	var body struct {
		Retcode any
		Event   *struct {
			EventType string
			Content   json.RawMessage
		}
		Result map[string]any
	}
	if json.Unmarshal([]byte(text), &body) != nil {
		return a
	}
	a.Code, a.Result = fmt.Sprint(body.Retcode), body.Result
	if body.Event != nil {
		a.Event, a.Content = body.Event.EventType, string(body.Event.Content)
	}
	return a
}

func (c *caller) call(method, path, body string) answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (c *caller) phone() string {
	return map[string]string{"291": "40038", "292": "40039", "293": "40040"}[c.login]
}

func (c *caller) body(extra string) string {
	return `{"password":"secret","phonenum":"` + c.phone() + `"` + extra + `}`
}

func (c *caller) signIn() answer { return c.call("PUT", "/onlineagent/{id}", c.body("")) }
func (c *caller) force() answer  { return c.call("PUT", "/onlineagent/{id}/forcelogin", c.body("")) }
func (c *caller) poll() answer   { return c.call("GET", "/agentevent/{id}", "") }
func (c *caller) signOut() answer {
	return c.call("DELETE", "/onlineagent/{id}/logout", "")
}

// in signs in and polls away the first two events.
func (c *caller) in() *caller {
	c.t.Helper()
	c.want(c.signIn(), "0")
	c.want(c.poll(), "0")
	c.want(c.poll(), "0")
	return c
}

func (c *caller) want(a answer, code string) {
	c.t.Helper()
	if a.Code != code {
		c.t.Errorf("retcode %q (HTTP %d %s), want %q", a.Code, a.Status, a.raw, code)
	}
}

// keep polls until d has passed, as a good client does.
func (c *caller) keep(d time.Duration) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if a := c.poll(); a.Code != "0" {
			c.t.Fatalf("poll after %s: %s", d-time.Until(end), a.raw)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
