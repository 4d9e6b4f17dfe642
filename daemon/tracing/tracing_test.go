package tracing

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

func agents(logins ...string) (ids []session.ID) {
	for _, login := range logins {
		ids = append(ids, session.ID{Platform: "hq", Login: login})
	}
	return ids
}

func order(d time.Duration, logins ...string) Order {
	return Order{Agents: agents(logins...), For: d, By: "olga", Reason: "dispute"}
}

// talk makes an agent say something, if it is traced.
func talk(t *Tracer, login, body string) {
	if one := t.Traces().Of(session.ID{Platform: "hq", Login: login}); one != nil {
		one.Answer(1, 200, http.Header{"Guid": {"secret-guid"}}, []byte(body), time.Now())
	}
}

func names(t *Tracer) string {
	var list []string
	for _, r := range t.Running() {
		list = append(list, r.Agent.String()+" "+time.Until(r.Until).String()+" "+r.By)
	}
	return strings.Join(list, ", ")
}

// The lines go to the log whatever its level, and the audit log knows who, when
// and why it ended.
func TestTheLogHasTheLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		level := new(slog.LevelVar)
		tracer := New(slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: level})))
		defer tracer.Close()
		if _, err := tracer.Start(order(time.Minute, "1"), false); err != nil {
			t.Fatal(err)
		}
		level.Set(slog.LevelError)
		talk(tracer, "1", `{"token":"abcdef"}`)
		talk(tracer, "2", "not traced")
		level.Set(slog.LevelInfo)
		time.Sleep(time.Minute)
		synctest.Wait()
		talk(tracer, "1", "too late")
		var got []map[string]any
		for line := range strings.Lines(out.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, m)
		}
		if len(got) != 3 {
			t.Fatalf("%d lines: %s", len(got), out.String())
		}
		for i, want := range []map[string]any{
			{"msg": "audit", "operation": "trace", "agent": "hq/1", "by": "olga", "reason": "dispute", "for": "1m0s"},
			{"msg": "trace", "agent": "hq/1", "step": "answer", "status": 200.0, "body": `{"token":"***"}`},
			{"msg": "audit", "operation": "trace_end", "agent": "hq/1", "by": "olga", "reason": "time over"},
		} {
			for name, value := range want {
				if got[i][name] != value {
					t.Errorf("line %d: %s is %v, want %v", i, name, got[i][name], value)
				}
			}
		}
	})
}

func TestOrdersOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := New(slog.New(slog.DiscardHandler))
		if _, err := tracer.Start(order(10*time.Minute, "1", "2"), false); err != nil {
			t.Fatal(err)
		}
		if _, err := tracer.Start(order(20*time.Minute, "2", "3"), false); err != nil {
			t.Fatal(err)
		}
		if got := names(tracer); got != "hq/1 10m0s olga, hq/2 20m0s olga, hq/3 20m0s olga" {
			t.Error(got)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := names(tracer); got != "hq/2 10m0s olga, hq/3 10m0s olga" {
			t.Error(got)
		}
		if n := tracer.End(agents("2", "9"), "ivan"); n != 1 || names(tracer) != "hq/3 10m0s olga" || tracer.Agents() != 1 {
			t.Error(n, names(tracer))
		}
		tracer.Close()
		if tracer.Agents() != 0 {
			t.Error("the end is none")
		}
		if _, err := tracer.Start(order(time.Minute, "1"), false); err == nil {
			t.Error("a trace begins though the service ends")
		}
	})
}

// Each load of the configuration begins its time anew, and leaves people's orders
// alone.
func TestConfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := New(slog.New(slog.DiscardHandler))
		defer tracer.Close()
		if _, err := tracer.Start(order(time.Hour, "9"), false); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"hq/1 10m0s configuration, hq/9 1h0m0s olga", "hq/1 10m0s configuration, hq/9 54m0s olga"} {
			if err := tracer.Configure(agents("1"), 10*time.Minute); err != nil {
				t.Fatal(err)
			}
			if got := names(tracer); got != want {
				t.Error(got)
			}
			time.Sleep(6 * time.Minute)
		}
		if err := tracer.Configure(nil, 0); err != nil || names(tracer) != "hq/9 48m0s olga" {
			t.Error(err, names(tracer))
		}
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracer := New(slog.New(slog.DiscardHandler))
		defer tracer.Close()
		for name, tt := range map[string]struct {
			fails error
			cut   bool
			want  error
		}{"to its end": {}, "left": {cut: true, want: context.Canceled}, "broken": {fails: http.ErrHandlerTimeout, want: http.ErrHandlerTimeout}} {
			run, err := tracer.Start(order(time.Minute, "1"), true)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done, seen := make(chan error), 0
			go func() {
				why, err := run.Follow(ctx, func(trace.Line) error { seen++; return tt.fails })
				if (why == "time over") != (err == nil) {
					t.Errorf("%s: ended for %q", name, why)
				}
				done <- err
			}()
			talk(tracer, "1", "a")
			synctest.Wait()
			if tt.cut {
				cancel()
			}
			if err := <-done; !errors.Is(err, tt.want) || seen != 1 || tracer.Agents() != 0 {
				t.Errorf("%s: %v after %d lines, %d are traced still", name, err, seen, tracer.Agents())
			}
			cancel()
		}
	})
}

func TestSlowFollower(t *testing.T) {
	tracer := New(slog.New(slog.DiscardHandler))
	defer tracer.Close()
	run, err := tracer.Start(order(time.Minute, "1"), true)
	if err != nil {
		t.Fatal(err)
	}
	for range waiting + 1 {
		talk(tracer, "1", "a")
	}
	tracer.End(agents("1"), "olga")
	var first trace.Line
	n := 0
	why, err := run.Follow(t.Context(), func(l trace.Line) error {
		if n++; n == 1 {
			first = l
		}
		return nil
	})
	if err != nil || why != "ended by olga" {
		t.Fatal(why, err)
	}
	if n != waiting+1 || first.Step != StepDropped || !strings.HasPrefix(first.Detail, "1 lines") {
		t.Errorf("%d lines, the first %+v", n, first)
	}
}

func TestBounds(t *testing.T) {
	tracer := New(slog.New(slog.DiscardHandler))
	defer tracer.Close()
	var logins []string
	for range trace.MostAgents + 1 {
		logins = append(logins, strings.Repeat("x", len(logins)+1))
	}
	if _, err := tracer.Start(order(trace.Longest, logins...), false); !errors.Is(err, ErrMany) {
		t.Errorf("one agent too many: %v", err)
	}
	if _, err := tracer.Start(order(trace.Longest+1, "1"), false); !errors.Is(err, ErrTime) {
		t.Errorf("too long: %v", err)
	}
	if _, err := tracer.Start(order(0, "1"), false); !errors.Is(err, ErrTime) {
		t.Errorf("for no time: %v", err)
	}
	run, err := tracer.Start(order(trace.Longest, logins[1:]...), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tracer.Start(order(trace.Longest, logins[0]), false); !errors.Is(err, ErrMany) {
		t.Errorf("one agent too many beside others: %v", err)
	}
	talk(tracer, logins[1], strings.Repeat("x", 2*trace.BodyLimit))
	if l := <-run.lines; len(l.Body) != trace.BodyLimit+len("…") {
		t.Errorf("a body of %d bytes", len(l.Body))
	}
}
