package live

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// stream reads server-sent events until the test ends.
type stream struct {
	status int
	header http.Header

	mu       sync.Mutex
	text     strings.Builder
	ids      []string
	events   []cloudEvent
	comments []time.Time
}

// cloudEvent is what consumers rely on of an event.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Sequence    uint64          `json:"sequence"`
	Data        json.RawMessage `json:"data"`
}

// follow opens the event stream behind lastID ("" = only new ones).
func follow(t *testing.T, k *service, lastID, query string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.url+"/api/v1/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := (&http.Client{Transport: &http.Transport{ResponseHeaderTimeout: patience, DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatalf("the event stream: %v", err)
	}
	s := &stream{status: res.StatusCode, header: res.Header}
	done := make(chan struct{})
	go func() { // joined by the clean-up
		defer close(done)
		lines := bufio.NewScanner(res.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			s.hear(lines.Text())
		}
	}()
	t.Cleanup(func() { cancel(); <-done; _ = res.Body.Close() })
	return s
}

func (s *stream) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.WriteString(line + "\n")
	if strings.HasPrefix(line, ":") {
		s.comments = append(s.comments, time.Now())
	}
	if id, ok := strings.CutPrefix(line, "id: "); ok {
		s.ids = append(s.ids, id)
	}
	if data, ok := strings.CutPrefix(line, "data: "); ok {
		var e cloudEvent
		if json.Unmarshal([]byte(data), &e) == nil {
			s.events = append(s.events, e)
		}
	}
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// got returns the positions and events so far.
func (s *stream) got() (ids []string, events []cloudEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ids), slices.Clone(s.events)
}

// has returns nil once n events have come.
func (s *stream) has(n int) error {
	if _, events := s.got(); len(events) < n {
		return fmt.Errorf("%d events, want %d", len(events), n)
	}
	return nil
}

// commented returns when comments came.
func (s *stream) commented() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.comments)
}

// TestEventStream reads the events as a consumer does: only new ones, all that
// are kept, behind a position, and filtered.
func TestEventStream(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	s.place = []string{"options: {hold: 1s}"}
	s.write()
	k := s.runOnline()
	quiet := follow(t, k, "", "?type=huawei.Never")
	fresh := follow(t, k, "", "?type=huawei.Test")
	if fresh.status != http.StatusOK || fresh.header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream begins with %d %v", fresh.status, fresh.header)
	}
	within(t, patience, "the stream's first comment", func() error { return atLeast(len(fresh.commented()), 1) })
	opened := quiet.commented()
	for i := range 5 {
		s.platform.order("agents/291/event", fmt.Sprintf(`{"type":"Test","content":{"n":%d}}`, i))
	}
	s.platform.order("agents/292/event", `{"type":"Test","content":null}`)
	within(t, patience, "new events", func() error { return fresh.has(6) })

	ids, events := fresh.got()
	wantSequence(t, ofSource(events, "/platforms/hq/agents/291"), 5)
	for _, c := range []struct {
		name, after, query string
		types              map[string]int
	}{
		{"all from the oldest on", "0", "?type=session.*", map[string]int{"session.signed_in": 3}},
		{"of two types", "0", "?type=session.signed_in,huawei.Test", map[string]int{"session.signed_in": 3, "huawei.Test": 6}},
		{"of one agent", "0", "?agent=hq/292&type=huawei.Test", map[string]int{"huawei.Test": 1}},
		{"behind a position", ids[3], "?type=huawei.Test", map[string]int{"huawei.Test": 2}},
	} {
		some := follow(t, k, c.after, c.query)
		within(t, patience, "the events "+c.name, func() error {
			_, events := some.got()
			if diff := cmp.Diff(c.types, types(events)); diff != "" {
				return fmt.Errorf("(-want +got):\n%s", diff)
			}
			return nil
		})
		if got, _ := some.got(); c.after != "0" && got[0] != ids[4] {
			t.Errorf("behind %s comes %s, want %s", c.after, got[0], ids[4])
		}
	}
	within(t, patience, "the heartbeat", func() error { return atLeast(len(quiet.commented()), len(opened)+1) })
	if beats := quiet.commented(); len(opened) > 0 && beats[len(opened)].Sub(opened[0]) > 25*time.Second {
		t.Errorf("the first heartbeat came after %v, want 15 s", beats[len(opened)].Sub(opened[0]))
	}
	if _, events := quiet.got(); len(events) != 0 {
		t.Errorf("the filter lets through %v", events)
	}
	t.Logf("a heartbeat %v after the opening", quiet.commented()[1].Sub(quiet.commented()[0]).Round(10*time.Millisecond))
}

// wantSequence wants n whole events in order, numbered by the test and by the
// service.
func wantSequence(t *testing.T, events []cloudEvent, n int) {
	t.Helper()
	if len(events) != n {
		t.Errorf("%d events, want %d", len(events), n)
	}
	last := uint64(0)
	for i, e := range events {
		if e.SpecVersion != "1.0" || e.ID == "" || e.Sequence <= last || !strings.Contains(string(e.Data), fmt.Sprintf(`"n":%d`, i)) {
			t.Errorf("event %d is %+v with data %s", i, e, e.Data)
		}
		last = e.Sequence
	}
}

func ofSource(events []cloudEvent, source string) []cloudEvent {
	return slices.DeleteFunc(slices.Clone(events), func(e cloudEvent) bool { return e.Source != source })
}

func types(events []cloudEvent) map[string]int {
	n := map[string]int{}
	for _, e := range events {
		n[e.Type]++
	}
	return n
}

func atLeast(got, want int) error {
	if got < want {
		return fmt.Errorf("%d, want at least %d", got, want)
	}
	return nil
}
