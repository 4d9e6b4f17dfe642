package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
)

// verify checks both signatures as a receiver does, without this package.
func verify(t *testing.T, p post, key string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%s.%s.%s", p.header.Get("webhook-id"), p.header.Get("webhook-timestamp"), p.body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); p.header.Get("webhook-signature") != want {
		t.Errorf("webhook-signature is %q, want %q", p.header.Get("webhook-signature"), want)
	}
	mac = hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(p.body))
	if want := fmt.Sprintf("sha256=%x", mac.Sum(nil)); p.header.Get("X-Hub-Signature-256") != want {
		t.Errorf("X-Hub-Signature-256 is %q, want %q", p.header.Get("X-Hub-Signature-256"), want)
	}
	stamp, _ := strconv.ParseInt(p.header.Get("webhook-timestamp"), 10, 64)
	if d := p.at.Sub(time.Unix(stamp, 0)); d < 0 || d > time.Second {
		t.Errorf("webhook-timestamp is %v off", d)
	}
}

// A request is one event as it is stored, signed; only new events come, each
// once, and in order per agent.
func TestDelivers(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.publish(3, "old")
		delete(r.next, "old")
		r.apply(hookTo("crm"))
		r.publish(50, "291", "292", "293", "294", "295", "296")
		r.settle(0)
		posts := r.got()
		if n := r.inOrder(posts); n != 0 || len(posts) != 300 {
			t.Errorf("%d posts with %d repeats, want 300", len(posts), n)
		}
		for _, p := range posts {
			verify(t, p, testSecret)
			if p.path != "/crm" || p.header.Get("Content-Type") != "application/cloudevents+json" || p.header.Get("webhook-id") != p.id ||
				p.header.Get("User-Agent") != "agentkeeper/1" || p.header.Get("X-Idempotency-Key") != "" {
				t.Fatalf("a request to %s with %v", p.path, p.header)
			}
		}
		first := posts[slices.IndexFunc(posts, func(p post) bool { return p.agent == "291" })]
		if first.body != string(r.firstOf("291")) {
			t.Errorf("the body is %s", first.body)
		}
		s := r.status("crm")
		if s.State != Delivering || s.Cursor != 303 || s.Lag != 0 || s.Delivered != 300 || s.Retries != 0 || s.Failing != nil || s.Age(time.Now()) != 0 {
			t.Errorf("status %+v", s)
		}
		if r.counts.n["webhook:crm"] != 300 || len(r.counts.took) != 300 {
			t.Errorf("counted %v and %d times", r.counts.n, len(r.counts.took))
		}
	})
}

func (r *rig) firstOf(agent string) []byte {
	r.next[agent] = 0
	return r.event(agent, "huawei.A").Data
}

func TestFilters(t *testing.T) {
	inBubble(t, func(r *rig) {
		h := hookTo("crm")
		h.Types, h.Agents = []string{"huawei.*", "session.lost"}, []string{"hq/29*", "hq/7"}
		r.apply(h)
		for _, e := range [][2]string{{"291", "huawei.A"}, {"291", "session.lost"}, {"291", "session.signed_in"}, {"7", "huawei.B"}, {"77", "huawei.A"}} {
			r.add(r.event(e[0], e[1]))
		}
		r.settle(time.Second)
		var got []string
		for _, p := range r.got() {
			got = append(got, p.id)
		}
		if text := strings.Join(got, " "); len(got) != 3 || strings.Contains(text, "/77/") {
			t.Errorf("got %s", text)
		}
		if s := r.status("crm"); s.Lag != 0 || s.Cursor != 5 {
			t.Errorf("what is filtered out lags: %+v", s)
		}
	})
}

// A receiver that was away for a minute catches up: nothing is missing, no
// agent's order changes, and meanwhile it was not pelted.
func TestOutage(t *testing.T) {
	for name, away := range map[string]func(r *rig){
		"refused":      func(r *rig) { r.line.RefuseFor(time.Minute); r.line.DropAll() },
		"500":          func(r *rig) { r.set(always(500)); time.AfterFunc(time.Minute, func() { r.set(nil) }) },
		"hangs":        func(r *rig) { r.set(hang); time.AfterFunc(time.Minute, func() { r.set(nil) }) },
		"cuts":         func(r *rig) { r.set(cut); time.AfterFunc(time.Minute, func() { r.set(nil) }) },
		"endless body": func(r *rig) { r.set(endless); time.AfterFunc(time.Minute, func() { r.set(nil) }) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				var agents []string
				for i := range 40 {
					agents = append(agents, fmt.Sprint(200+i))
				}
				r.apply(hookTo("crm"))
				r.publish(1, agents...)
				r.settle(time.Second)
				away(r)
				for range 59 {
					r.publish(1, agents...)
					r.settle(time.Second)
				}
				s := r.status("crm")
				if s.State != Paused || s.Lag < 1000 || s.Failing == nil || s.Failing.Attempts == 0 || s.LastError == "" || s.Age(time.Now()) < 50*time.Second {
					t.Errorf("in the outage: %+v %+v", s, s.Failing)
				}
				r.settle(2 * time.Minute)
				posts := r.got(200)
				n := r.inOrder(posts)
				if s := r.status("crm"); s.State != Delivering || s.Lag != 0 || s.Delivered != 40*60 {
					t.Errorf("after the outage: %+v", s)
				}
				if tries := r.status("crm").Retries; tries > 60 || n > 60 {
					t.Errorf("%d retries, %d repeats", tries, n)
				}
			})
		})
	}
}

func hang(p post, w http.ResponseWriter) {
	time.Sleep(time.Hour / 100)
	w.WriteHeader(http.StatusGatewayTimeout)
}

func cut(post, http.ResponseWriter) { panic(http.ErrAbortHandler) }

func endless(_ post, w http.ResponseWriter) {
	w.WriteHeader(http.StatusInternalServerError)
	for {
		if _, err := w.Write(make([]byte, 32<<10)); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
}

// What the receiver asks for is obeyed: of one event by its agent, of 429 and
// 503 by the whole hook.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		after  func() string
		wait   time.Duration
		whole  bool
	}{
		{"429 in seconds", 429, func() string { return "30" }, 30 * time.Second, true},
		{"429 as a date", 429, func() string { return time.Now().Add(45 * time.Second).UTC().Format(http.TimeFormat) }, 44 * time.Second, true},
		{"503", 503, func() string { return "90" }, 90 * time.Second, true},
		{"422", 422, func() string { return "20" }, 20 * time.Second, false},
		{"301", 301, func() string { return "15" }, 15 * time.Second, false},
		{"500", 500, func() string { return "25" }, 25 * time.Second, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(r *rig) {
				r.set(func(p post, w http.ResponseWriter) {
					if p.agent == "291" {
						w.Header().Set("Retry-After", tt.after())
						w.Header().Set("Location", "http://elsewhere.example/")
						w.WriteHeader(tt.status)
					}
				})
				r.apply(hookTo("crm"))
				r.publish(1, "291")
				r.settle(time.Millisecond)
				r.set(nil)
				began := time.Now()
				r.publish(2, "291", "292")
				r.settle(time.Second)
				if others := len(r.got(200)); tt.whole != (others == 0) {
					t.Errorf("%d posts while the receiver asked for a pause", others)
				}
				r.settle(5 * time.Minute)
				for _, p := range r.got(200) {
					if (p.agent == "291" && p.at.Sub(began) < tt.wait-time.Millisecond) || p.at.Sub(began) > tt.wait+2*time.Second {
						t.Errorf("%s came after %v, want %v", p.id, p.at.Sub(began), tt.wait)
					}
				}
				if r.inOrder(r.got(200)) != 0 {
					t.Error("repeats")
				}
			})
		})
	}
}

// 429 halves what is in flight; successes give it back.
func TestSlowedAndBack(t *testing.T) {
	inBubble(t, func(r *rig) {
		var most, now atomic.Int64
		var quick atomic.Bool
		r.set(func(_ post, w http.ResponseWriter) {
			now.Add(1)
			time.Sleep(5 * time.Millisecond)
			most.Store(max(most.Load(), now.Load()))
			time.Sleep(5 * time.Millisecond)
			if !quick.Load() {
				w.WriteHeader(429)
			}
			now.Add(-1)
		})
		r.apply(hookTo("crm"))
		agents := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
		r.publish(1, agents...)
		for _, step := range []struct {
			quick  bool
			events int
			wait   time.Duration
			want   int64
		}{{false, 0, 20 * time.Millisecond, 4}, {true, 0, 3 * time.Second, 2}, {true, 20, time.Minute, 4}} {
			quick.Store(step.quick)
			most.Store(0)
			r.publish(step.events, agents...)
			r.settle(step.wait)
			if most.Load() != step.want {
				t.Errorf("%+v: %d in flight", step, most.Load())
			}
		}
		r.inOrder(r.got(200))
	})
}

// An event that the receiver does not take holds up its agent alone, for as long
// as it is not given up.
func TestPoison(t *testing.T) {
	for _, status := range []int{400, 500} {
		inBubble(t, func(r *rig) {
			r.set(func(p post, w http.ResponseWriter) {
				if p.agent < "295" && p.n == 2 {
					w.WriteHeader(status)
					_, _ = w.Write([]byte("cannot digest\x00 this"))
				}
			})
			r.apply(hookTo("crm"))
			r.publish(3, "291", "292", "293", "294")
			for range 280 {
				r.publish(1, "300", "301")
				r.settle(time.Second)
			}
			s := r.status("crm")
			if s.Failing == nil || s.Failing.ID != "hq/291/2" || s.Failing.Attempts < 8 || !strings.Contains(s.Failing.Error, "cannot digest this") || s.Cursor != s.Failing.Position-1 {
				t.Errorf("%d: status %+v, failing %+v", status, s, s.Failing)
			}
			healthy := 0
			for _, p := range r.got(200) {
				if p.agent >= "300" {
					healthy++
				}
			}
			if healthy < 550 || s.Retries > 150 {
				t.Errorf("%d: %d of 560 events of others, %d retries", status, healthy, s.Retries)
			}
			r.set(nil)
			r.settle(2 * time.Minute)
			r.inOrder(r.got(200))
		})
	}
}

// Redirects are not followed, and what to do about them is said.
func TestRedirect(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.set(always(307, "Location", "http://crm.example/elsewhere"))
		r.apply(hookTo("crm"))
		r.publish(1, "291")
		r.settle(time.Second / 2)
		if posts := r.got(); len(posts) != 1 || posts[0].path != "/crm" {
			t.Errorf("posts: %+v", posts)
		}
		if got := r.status("crm").LastError; !strings.Contains(got, "redirects are not followed") {
			t.Errorf("the error is %q", got)
		}
	})
}

// No text tells what may be a secret, not even where the receiver repeats it.
func TestNoTextTellsASecret(t *testing.T) {
	inBubble(t, func(r *rig) {
		h := hookTo("crm")
		h.URL = session.NewSecret("http://user:pa55word@crm.example/hooks/AbCdEf0123456789AbCdEf?token=t0k3nt0k3n&v=2")
		h.Shown = "http://***@crm.example/hooks/***?***"
		r.set(func(p post, w http.ResponseWriter) {
			w.WriteHeader(401)
			fmt.Fprintf(w, "no: %s %s %s %s", p.path, p.header.Get("Authorization"), "pa55word", testSecret)
		})
		r.apply(h)
		r.publish(1, "291")
		r.settle(time.Second / 2)
		if p := r.got(); len(p) != 1 || p[0].header.Get("Authorization") == "" || !strings.Contains(p[0].path, "token=t0k3nt0k3n") {
			t.Fatalf("posts: %+v", p)
		}
		r.line.Refuse(true)
		r.line.DropAll()
		r.settle(time.Minute)
		said := r.logs.String() + fmt.Sprintf("%+v %#v", r.hooks.Status(r.t.Context()), h)
		for _, secret := range []string{"pa55word", "t0k3n", testSecret, "AbCdEf"} {
			if strings.Contains(said, secret) {
				t.Errorf("%q is told by\n%s", secret, said)
			}
		}
	})
}

// A new content of the secret file acts within ten seconds, on what the
// receiver refused for the old one, too; a file that cannot be used changes
// nothing.
func TestSecretChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first-first-first\n")
	inBubble(t, func(r *rig) {
		h := hookTo("crm")
		h.Source, h.Secret = config.Source{Key: "secret_file", Path: file}, session.NewSecret("first-first-first")
		r.apply(h)
		r.publish(1, "291")
		r.settle(time.Second)
		verify(t, r.got()[0], "first-first-first")
		r.set(always(401))
		r.publish(1, "291")
		r.settle(5 * time.Minute)
		r.set(func(p post, w http.ResponseWriter) {
			if p.header.Get("X-Hub-Signature-256") != fmt.Sprintf("sha256=%x", sum([]byte("second-second-second"), []byte(p.body))) {
				w.WriteHeader(401)
			}
		})
		write("second-second-second")
		r.settle(10 * time.Second)
		posts := r.got(200)
		if len(posts) != 2 {
			t.Fatalf("%d posts, want 2", len(posts))
		}
		verify(t, posts[1], "second-second-second")
		write("whsec_!")
		r.settle(10 * time.Second)
		write("")
		r.settle(10 * time.Second)
		r.publish(1, "291")
		r.settle(time.Second)
		verify(t, r.got(200)[2], "second-second-second")
		if n := strings.Count(r.logs.String(), "the old one stays in use"); n != 2 {
			t.Errorf("%d lines about secrets that cannot be used, want 2:\n%s", n, r.logs)
		}
		write("whsec_" + "c2Vjb25kLXNlY29uZC1zZWNvbmQ=")
		r.settle(10 * time.Second)
		r.publish(1, "291")
		r.settle(time.Second)
		verify(t, r.got(200)[3], "second-second-second")
	})
}

// A flaky receiver gets everything, in order.
func TestFlaky(t *testing.T) {
	inBubble(t, func(r *rig) {
		dice := rand.New(rand.NewPCG(1, 2))
		r.set(func(p post, w http.ResponseWriter) {
			r.mu.Lock()
			n := dice.IntN(10)
			r.mu.Unlock()
			time.Sleep(time.Duration(n) * time.Millisecond)
			switch n {
			case 0:
				w.WriteHeader(500)
			case 1:
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(429)
			case 2:
				panic(http.ErrAbortHandler)
			}
		})
		r.apply(hookTo("crm"))
		for range 50 {
			r.publish(1, "291", "292", "293", "294", "295")
			r.settle(100 * time.Millisecond)
		}
		r.settle(30 * time.Minute)
		r.inOrder(r.got(200))
	})
}
