package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/proxy"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/test/sim"
	"agentkeeper/vendors/wire"
)

// nobody is a service without agents.
type nobody struct{}

func (nobody) Page(session.ID, int) []fleet.Agent                  { return nil }
func (nobody) Agents() []fleet.Agent                               { return nil }
func (nobody) Agent(session.ID) (fleet.Agent, bool)                { return fleet.Agent{}, false }
func (nobody) Platforms() []fleet.Platform                         { return nil }
func (nobody) Healthy() error                                      { return nil }
func (nobody) Ready() error                                        { return nil }
func (nobody) FollowerCame(string)                                 {}
func (nobody) FollowerLeft(string)                                 {}
func (nobody) FollowerRefused(string)                              {}
func (nobody) EventsDelivered(string, int)                         {}
func (nobody) EventDelivery(string, time.Duration)                 {}
func (nobody) Service() api.Service                                { return api.Service{} }
func (nobody) Credential(session.ID) (h keeper.Handed, err error)  { return h, fleet.ErrUnknownAgent }
func (nobody) Refuse(session.ID, uint64, string) error             { return keeper.ErrNoSession }
func (nobody) Place(string) (p wire.Place, vendor string, ok bool) { return p, "", false }
func (nobody) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, _ = io.WriteString(w, strings.Repeat("x", 8<<20))
}

// faces are the handlers that are served, each as its listener does.
func faces(events *storetest.Memory) map[string]http.Handler {
	reader := api.Reader{Agents: nobody{}, Events: events, Audience: nobody{}, Health: nobody{}, Metrics: nobody{}, Page: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)}
	controller := api.Controller{Reader: reader}
	public := listener.ReadOnly(reader.Handler(), func() listener.Hosts { return listener.Hosts{Open: true} }, "listen_hosts", nil)
	return map[string]http.Handler{"listen": public, "control": controller.Handler(), "proxy": proxy.New(proxy.Options{Fleet: nobody{}})}
}

// serveInMemory serves a handler as the daemon does, inside a bubble.
func serveInMemory(t *testing.T, h http.Handler) *sim.PipeListener {
	t.Helper()
	places := listener.NewPlaces(listener.Limits{Total: func() int { return openfiles.Most }}, nil)
	l, s := sim.Pipe(), listener.NewServer(listener.Handler(h, nil), places)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); _ = l.Close(); <-done })
	return l
}

func dial(t *testing.T, l *sim.PipeListener) net.Conn {
	t.Helper()
	c, err := l.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Whoever says nothing, or little by little, or goes silent, is cut off in
// bounded time, at every listener.
func TestTimeLimits(t *testing.T) {
	// `listen` takes no body, and the proxy gives one half a minute.
	whole := map[string]time.Duration{"listen": 6 * time.Second, "control": 16 * time.Second, "proxy": 31 * time.Second}
	for name := range faces(nil) {
		for what, tt := range map[string]struct {
			begin string
			drip  string // every five seconds
			limit time.Duration
		}{
			"says nothing":         {"", "", 6 * time.Second},
			"drips its header":     {"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n", "X: y\r\n", 6 * time.Second},
			"drips its body":       {"POST /hq/1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n", "x", whole[name]},
			"is silent afterwards": {"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "", 121 * time.Second},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := dial(t, serveInMemory(t, faces(nil)[name]))
					began, gone := time.Now(), make(chan struct{})
					go func() { defer close(gone); _, _ = io.Copy(io.Discard, c) }()
					_, _ = io.WriteString(c, tt.begin)
					for open := true; open; {
						select {
						case <-gone:
							open = false
						case <-time.After(5 * time.Second):
							if time.Since(began) > 10*time.Minute {
								t.Fatal("still connected after ten minutes")
							}
							_, _ = io.WriteString(c, tt.drip)
						}
					}
					if took := time.Since(began); took > tt.limit {
						t.Errorf("cut off after %v, want %v at most", took, tt.limit)
					}
				})
			})
		}
	}
}

// A client that asks and takes nothing of a long answer is cut off, so is a
// follower of events who never reads.
func TestNeverReads(t *testing.T) {
	for _, path := range []string{"/metrics", "/api/v1/events"} {
		synctest.Test(t, func(t *testing.T) {
			events := storetest.NewMemory()
			c := dial(t, serveInMemory(t, faces(events)["listen"]))
			_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: 0\r\n\r\n", path)
			synctest.Wait()
			for range 4 {
				m := store.Message{ID: session.ID{Platform: "hq", Login: "1"}, Type: "huawei.A", Data: []byte(`"` + strings.Repeat("x", 1<<20) + `"`)}
				if err := events.Publish(t.Context(), []store.Message{m}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(40 * time.Second)
			if _, err := io.WriteString(c, "more"); err == nil {
				t.Errorf("%s: still connected after 40 s in which nothing was taken", path)
			}
		})
	}
}

// A follower who reads is served for as long as it likes: no time limit for
// requests ends its stream.
func TestLongStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, serveInMemory(t, faces(storetest.NewMemory())["listen"]))
		_, _ = io.WriteString(c, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		began, beats := time.Now(), 0
		_ = c.SetReadDeadline(began.Add(time.Hour))
		lines := bufio.NewScanner(c)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), ":") {
				beats++
			}
		}
		if took := time.Since(began); !isTimeout(lines.Err()) || beats < 240 {
			t.Errorf("the stream ended after %v and %d comments: %v", took, beats, lines.Err())
		}
	})
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// A header that is too long is refused, and for one connection too many the one
// that says nothing for longest makes room.
func TestSizeLimits(t *testing.T) {
	for name, h := range faces(storetest.NewMemory()) {
		synctest.Test(t, func(t *testing.T) {
			l := serveInMemory(t, h)
			status := func(c net.Conn, head string) int {
				go func() { _, _ = io.WriteString(c, head) }()
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					return 0
				}
				_ = res.Body.Close()
				return res.StatusCode
			}
			if got := status(dial(t, l), "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "+strings.Repeat("y", 128<<10)+"\r\n\r\n"); got != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("%s: a header of 128 KiB: %d, want 431", name, got)
			}
			time.Sleep(time.Minute)
			crowd := make([]net.Conn, openfiles.Most)
			for i := range crowd {
				crowd[i] = dial(t, l)
				synctest.Wait()
			}
			const get = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
			if got := status(dial(t, l), get); got == 0 {
				t.Errorf("%s: silent clients keep one out that speaks", name)
			}
			if got := status(crowd[0], get); got != 0 {
				t.Errorf("%s: the one that waited longest is still answered: %d", name, got)
			}
			if got := status(crowd[1], get); got == 0 {
				t.Errorf("%s: the next is not answered", name)
			}
		})
	}
}
