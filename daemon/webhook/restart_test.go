package webhook

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/store"
)

// After a crash some events are repeated, none is missing and no order
// changes; after an orderly end nothing is repeated.
func TestRestart(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.set(func(p post, w http.ResponseWriter) {
			time.Sleep(30 * time.Millisecond)
			if p.agent == "299" && p.n == 3 {
				w.WriteHeader(500) // holds the position back for a long time
			}
		})
		agents := []string{"291", "292", "293", "294", "299"}
		r.apply(hookTo("crm"))
		repeats := 0
		for round := range 6 {
			r.publish(40, agents...)
			time.Sleep(2300*time.Millisecond - time.Duration(round)*270*time.Millisecond)
			before := r.inOrderSoFar()
			if round%2 == 0 {
				r.crash()
			} else {
				r.close()
			}
			r.open(hookTo("crm"))
			time.Sleep(200 * time.Millisecond)
			more := r.inOrderSoFar() - before
			if round%2 == 1 && more > 0 {
				t.Errorf("%d repeats after an orderly end", more)
			}
			if more > 300 {
				t.Errorf("%d repeats after a crash", more)
			}
			repeats += more
		}
		r.set(nil)
		r.settle(5 * time.Minute)
		t.Logf("%d repeats of %d posts", r.inOrder(r.got(200)), len(r.got(200)))
		if repeats == 0 {
			t.Error("the crashes came at good moments only")
		}
	})
}

// inOrderSoFar counts the repeats, without wanting all events.
func (r *rig) inOrderSoFar() (repeats int) {
	last := map[string]int{}
	for _, p := range r.got(200) {
		switch {
		case p.n <= last[p.agent]:
			repeats++
		case p.n != last[p.agent]+1:
			r.t.Errorf("agent %s: event %d follows %d", p.agent, p.n, last[p.agent])
			last[p.agent] = p.n
		default:
			last[p.agent] = p.n
		}
	}
	return repeats
}

// 410 stops a hook, over restarts too, until its configuration changes or a
// person resumes it; then it gets what waited.
func TestGone(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.apply(hookTo("crm"), hookTo("other"))
		r.publish(2, "291", "292")
		r.settle(time.Second)
		r.set(func(p post, w http.ResponseWriter) {
			if p.path == "/crm" || p.path == "/crm2" {
				w.WriteHeader(http.StatusGone)
			}
		})
		r.publish(1, "291")
		r.settle(time.Second)
		r.publish(3, "292")
		r.settle(time.Hour)
		check := func(when string) {
			t.Helper()
			tried := 0
			for _, p := range r.got(http.StatusGone) {
				if p.path == "/crm" {
					tried++
				}
			}
			s := r.status("crm")
			if tried != 1 || s.State != Stopped || s.Since.IsZero() || s.Dead[DeadGone] != 4 || s.Lag != 4 || s.Cursor != 4 || s.Age(time.Now()) < time.Hour {
				t.Errorf("%s: tried %d times; %+v", when, tried, s)
			}
			if o := r.status("other"); o.State != Delivering || o.Lag != 0 {
				t.Errorf("%s, the other hook: %+v", when, o)
			}
		}
		check("after 410")
		r.crash()
		r.open(hookTo("crm"), hookTo("other"))
		r.settle(time.Hour)
		check("after a crash")
		r.apply(hookTo("crm"), hookTo("other"))
		r.settle(time.Second)
		check("after a reload")
		changed := hookTo("crm")
		changed.URL = hookTo("crm2").URL
		r.apply(changed, hookTo("other"))
		r.settle(time.Second)
		if n := len(r.got(http.StatusGone)); n < 2 || r.status("crm").State != Stopped {
			t.Errorf("tried %d times after a change of its address, %+v", n, r.status("crm"))
		}
		r.set(nil)
		if err := r.hooks.Resume(r.t.Context(), "crm", "a test", "mended"); err != nil {
			t.Error(err)
		}
		r.settle(time.Second)
		if s := r.status("crm"); s.State != Delivering || s.Lag != 0 || s.Dead[DeadGone] != 0 {
			t.Errorf("after resume: %+v", s)
		}
		if err := r.hooks.Resume(r.t.Context(), "nobody", "a test", "mended"); !errors.Is(err, ErrUnknown) {
			t.Errorf("resume of nobody: %v", err)
		}
		var ids []string
		for _, p := range r.got(200) {
			if strings.HasPrefix(p.path, "/crm") {
				ids = append(ids, p.id)
			}
		}
		if len(ids) != 8 {
			t.Errorf("delivered %v", ids)
		}
		if n := strings.Count(r.logs.String(), "stopped, because"); n != 2 {
			t.Errorf("%d lines about the stop, want 2", n)
		}
	})
}

// What the retention drops before it was delivered is counted and said once,
// and stays counted over restarts.
func TestDeadLetters(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.apply(hookTo("crm"))
		r.set(always(500))
		r.publish(1, "291")
		r.settle(time.Minute)
		r.close()
		r.publish(50, "291")
		r.store.Drop(41)
		r.open(hookTo("crm"))
		r.settle(time.Second)
		r.set(nil)
		r.settle(2 * time.Minute)
		s := r.status("crm")
		if s.Dead[DeadRetention] != 41 || s.Lag != 0 || s.Cursor != 51 {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(r.logs.String(), "were dropped before"); n != 1 {
			t.Errorf("%d lines about dropped events, want 1", n)
		}
		var ids []string
		for _, p := range r.got(200) {
			ids = append(ids, p.id)
		}
		if want := 10; len(ids) != want || ids[0] != "hq/291/42" {
			t.Errorf("delivered %v", ids)
		}
		// Nothing new comes, and all that waited is dropped: it does not lag for ever.
		r.close()
		r.publish(5, "291")
		r.store.Drop(56)
		r.open(hookTo("crm"))
		r.settle(time.Second)
		if s := r.status("crm"); s.Dead[DeadRetention] != 46 || s.Lag != 0 {
			t.Errorf("after all was dropped: %+v", s)
		}
	})
}

// A hook that takes nothing keeps a bounded part of the stream in memory, and
// delays no other.
func TestSlowHookIsBounded(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.set(func(p post, w http.ResponseWriter) {
			if p.path == "/slow" {
				time.Sleep(9 * time.Second)
			}
		})
		r.apply(hookTo("slow"), hookTo("fast"))
		began := time.Now()
		for range 60 {
			r.publish(50, "291", "292")
			r.settle(100 * time.Millisecond)
		}
		fast := r.status("fast")
		if fast.Lag != 0 || fast.Delivered != 6000 {
			t.Errorf("the fast one: %+v", fast)
		}
		slow := r.hooks.running("slow")
		var events, bytes int
		slow.ask(r.t.Context(), func() { events, bytes = slow.win.events, slow.win.bytes })
		if events != maxEvents || bytes > maxBytes || r.status("slow").Lag < 5900 {
			t.Errorf("%d events of %d bytes in the window, lag %d", events, bytes, r.status("slow").Lag)
		}
		if d := time.Since(began); d > 7*time.Second {
			t.Errorf("it took %v", d)
		}
		r.settle(time.Hour)
		r.set(nil)
		r.settle(time.Minute)
		if s := r.status("slow"); s.Lag != 0 || s.Delivered != 6000 {
			t.Errorf("the slow one in the end: %+v", s)
		}
	})
}

// A reload adds, changes and removes hooks; the others do not notice, and no
// position is lost, not even of a hook that comes back.
func TestReload(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.apply(hookTo("a"), hookTo("b"))
		r.publish(5, "291")
		r.settle(time.Second)
		stays := r.hooks.running("a")
		changed := hookTo("b")
		changed.Concurrent = 2
		r.set(func(p post, w http.ResponseWriter) {
			if p.path == "/b" {
				w.WriteHeader(500)
			}
		})
		r.publish(5, "291")
		r.settle(time.Second)
		r.set(nil)
		r.apply(hookTo("a"), changed, hookTo("c"))
		r.publish(5, "291")
		r.settle(time.Minute)
		if r.hooks.running("a") != stays || r.hooks.running("b") == nil {
			t.Error("a reload touched a hook that did not change")
		}
		r.apply(hookTo("a")) // b and c leave
		r.publish(5, "291")
		r.settle(time.Hour)
		r.apply(hookTo("a"), changed)
		r.settle(time.Second)
		want := map[string][]int{}
		for _, p := range r.got(200) {
			want[p.path] = append(want[p.path], p.n)
		}
		upTo := func(from, to int) (list []int) {
			for n := from; n <= to; n++ {
				list = append(list, n)
			}
			return list
		}
		if diff := cmp.Diff(map[string][]int{"/a": upTo(1, 20), "/b": upTo(1, 20), "/c": upTo(11, 15)}, want); diff != "" {
			t.Errorf("delivered (-want +got):\n%s", diff)
		}
		// Beyond the retention the position of c is forgotten.
		time.Sleep(25 * time.Hour)
		r.apply(hookTo("a"), changed)
		if stored, _ := r.store.All(r.t.Context(), store.Hooks); len(stored) != 2 {
			t.Errorf("%d positions are stored, want 2", len(stored))
		}
	})
}

// A store in trouble stops no delivery, and a new hook begins where the stream
// was when the store came back.
func TestStoreInTrouble(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.apply(hookTo("a"))
		r.publish(5, "291")
		r.settle(time.Second)
		r.store.Fail(errors.New("disk full"))
		go func() { time.Sleep(time.Minute); r.store.Fail(nil) }()
		r.apply(hookTo("a"), hookTo("new"))
		r.settle(30 * time.Second)
		if s := r.status("a"); s.State != Delivering || s.Delivered != 5 {
			t.Errorf("%+v", s)
		}
		r.settle(time.Minute)
		r.publish(5, "291")
		r.settle(10 * time.Second)
		if a, fresh := r.status("a"), r.status("new"); a.Delivered != 10 || fresh.Delivered != 5 {
			t.Errorf("delivered %d and %d", a.Delivered, fresh.Delivered)
		}
		r.crash()
		r.open(hookTo("a"), hookTo("new"))
		r.settle(time.Second)
		if a, fresh := r.status("a"), r.status("new"); a.Delivered != 0 || fresh.Delivered != 0 {
			t.Errorf("repeated %d and %d", a.Delivered, fresh.Delivered)
		}
	})
}

// Another process that took the hook over ends its delivery here.
func TestFenced(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.apply(hookTo("crm"))
		old := r.store
		other := r.store.Restart()
		r.publish(1, "291")
		r.settle(10 * time.Second)
		if s := r.status("crm"); s.State != Stopped {
			t.Errorf("%+v", s)
		}
		r.store = other
		r.publish(1, "291")
		r.settle(time.Second)
		if n := len(r.got(200)); n != 1 {
			t.Errorf("%d posts by the process that lost the hook", n)
		}
		r.store = old
	})
}

// A stream that was lost and begins anew is followed from its beginning.
func TestStreamBeginsAnew(t *testing.T) {
	p := resume(record{Done: 50, Late: map[string]uint64{"a": 30}})
	if n := p.advance(1); n != 0 || p.read != 1 || p.replaying() || p.delivered(2, "b") {
		t.Errorf("%d dropped, %+v", n, p)
	}
}

// The end waits a moment for requests in flight, and not longer.
func TestEnd(t *testing.T) {
	for _, tt := range []struct{ takes, want time.Duration }{{time.Second, time.Second}, {time.Hour, lastMoment + grace}} {
		inBubble(t, func(r *rig) {
			r.set(func(post, http.ResponseWriter) { time.Sleep(min(tt.takes, time.Minute)) })
			r.apply(hookTo("crm"))
			r.publish(1, "291")
			synctest.Wait()
			began := time.Now()
			r.close()
			if d := time.Since(began); d != tt.want {
				t.Errorf("with requests of %v the end took %v, want %v", tt.takes, d, tt.want)
			}
			time.Sleep(time.Minute)
		})
	}
}

// The last events of a stop are delivered before the end, where the receiver
// takes them; one that does not delays the end by a second at most.
func TestLastEventsOfAStop(t *testing.T) {
	inBubble(t, func(r *rig) {
		r.apply(hookTo("crm"))
		r.publish(1, "291")
		r.settle(time.Second)
		r.set(func(post, http.ResponseWriter) { time.Sleep(50 * time.Millisecond) })
		r.publish(5, "291", "292")
		r.close()
		if repeats := r.inOrder(r.got(200)); repeats > 0 {
			t.Errorf("%d repeats", repeats)
		}
		r.set(always(http.StatusInternalServerError))
		r.open(hookTo("crm"))
		r.publish(1, "291", "292", "293", "294")
		r.settle(time.Second)
		for _, answer := range []func(post, http.ResponseWriter){always(http.StatusInternalServerError), func(post, http.ResponseWriter) { time.Sleep(5 * time.Second) }} {
			r.set(answer)
			began := time.Now()
			r.close()
			if took := time.Since(began); took > lastMoment+grace+time.Second {
				t.Errorf("the end took %v", took)
			}
			r.open(hookTo("crm"))
		}
		r.close()
		time.Sleep(time.Minute)
	})
}
