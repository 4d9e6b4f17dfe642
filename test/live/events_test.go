package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// number reads a number from the environment.
func number(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%s is no number", name, text)
	}
	return n
}

// numbered is an event that the simulator generated, as a consumer gets it.
type numbered struct {
	id       string
	login    string
	sequence uint64
	number   int
	position uint64
}

// subscriber follows the events as a consumer that lives on while the service is
// killed, and that goes back a few events each time, as one does that saves its
// position now and then.
type subscriber struct {
	url string

	mu       sync.Mutex
	position uint64
	got      []numbered // as they came, with the repeats
	unique   map[string]bool
	opened   int
	gaps     int
}

const stepBack = 50

// read follows until ctx ends.
func (r *subscriber) read(ctx context.Context) {
	for ctx.Err() == nil {
		r.follow(ctx)
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (r *subscriber) follow(ctx context.Context) {
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.url+"/api/v1/events?type=huawei.*", nil)
	r.mu.Lock()
	from := r.position - min(r.position, stepBack)
	r.mu.Unlock()
	req.Header.Set("Last-Event-ID", fmt.Sprint(from))
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	r.mu.Lock()
	r.opened++
	r.mu.Unlock()
	var position uint64
	for lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			position, _ = strconv.ParseUint(id, 10, 64)
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			r.hear(position, data)
		}
		if lines.Text() == "event: gap" {
			r.mu.Lock()
			r.gaps++
			r.mu.Unlock()
		}
	}
}

func (r *subscriber) hear(position uint64, data string) {
	var e struct {
		cloudEvent
		Data struct {
			Content struct {
				Number int `json:"number"`
			} `json:"content"`
		} `json:"data"`
	}
	if json.Unmarshal([]byte(data), &e) != nil || e.Data.Content.Number == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position = max(r.position, position)
	r.unique[e.ID] = true
	r.got = append(r.got, numbered{id: e.ID, login: e.Source[strings.LastIndexByte(e.Source, '/')+1:], sequence: e.Sequence,
		number: e.Data.Content.Number, position: position})
}

func (r *subscriber) has() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.unique)
}

// inOrder drops the repeats by their ids and wants each agent's events in the
// order of their numbers and of their sequence.
func (r *subscriber) inOrder(t *testing.T) (byLogin map[string][]int, repeats int) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	byLogin = map[string][]int{}
	last := map[string]numbered{}
	seen := map[string]numbered{}
	for _, e := range r.got {
		if before, known := seen[e.id]; known {
			if repeats++; before != e {
				t.Fatalf("%+v came again as %+v", before, e)
			}
			continue
		}
		seen[e.id] = e
		if before := last[e.login]; e.number <= before.number || e.sequence <= before.sequence || e.position <= before.position {
			t.Fatalf("%+v follows %+v", e, before)
		}
		last[e.login] = e
		byLogin[e.login] = append(byLogin[e.login], e.number)
	}
	return byLogin, repeats
}

// TestEventsSurvive kills the service again and again while 200 agents get
// numbered events. Of those that the platform knows to have been read, for
// another poll followed on the connection that they came by, none may be
// missing. Longer, as in test/README.md:
//
//	AGENTKEEPER_SECONDS=60 AGENTKEEPER_KILLS=5 go test -count=1 -v -run TestEventsSurvive ./test/live
func TestEventsSurvive(t *testing.T) {
	t.Parallel()
	seconds, kills := number(t, "AGENTKEEPER_SECONDS", 6), number(t, "AGENTKEEPER_KILLS", 2)
	rate := number(t, "AGENTKEEPER_RATE", 2000) / fleetSize // of each agent
	seed := uint64(number(t, "AGENTKEEPER_SEED", int(time.Now().UnixNano()%1e6)))
	random := rand.New(rand.NewPCG(seed, 0))
	names := logins(1000, fleetSize)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "2s"), names)
	s.place, s.listen = []string{"options: {hold: 2s}"}, freeAddress(t)
	s.write()
	k := s.runOnline()
	before := s.platform.huawei()

	ctx, cancel := context.WithCancel(t.Context())
	var consumer sync.WaitGroup
	r := &subscriber{url: k.url, unique: map[string]bool{}}
	consumer.Go(func() { r.read(ctx) })
	defer func() { cancel(); consumer.Wait() }()
	began := time.Now()
	for _, login := range names {
		s.platform.order("agents/"+login+"/generate", fmt.Sprintf(`{"rate":%d,"count":%d}`, rate, rate*seconds))
	}
	all := rate * seconds
	patient := patience + 2*time.Duration(seconds)*time.Second
	for i := range kills {
		// By what was handed out and not by the clock: a slow machine's kills, too,
		// come among the events.
		part := fleetSize * all / kills
		due := i*part + part/4 + random.IntN(part/2)
		within(t, patient, "the instant of a kill", func() error { return errors.Join(handedOut(s.platform, due), atLeast(r.has(), 1)) })
		k.kill9()
		t.Logf("kill -9 after %v, %d events of %d", time.Since(began).Round(time.Millisecond), due, fleetSize*all)
		k = s.launch()
	}
	within(t, patient, "all events to be handed out", func() error { return handedOut(s.platform, fleetSize*all) })
	// One more of each, behind every kill: whatever the consumer had read before
	// the last of them, it must come back for these.
	for _, login := range names {
		s.platform.order("agents/"+login+"/generate", fmt.Sprintf(`{"rate":%d,"count":1}`, rate))
	}
	all++
	within(t, patient, "the last events", func() error { return handedOut(s.platform, fleetSize*all) })
	// Whether an event was read, the next poll tells, on whatever connection.
	last := s.platform.huawei()
	within(t, patient, "a poll of every agent behind its last event", func() error { return polledSince(s.platform, last, fleetSize) })
	took := time.Since(began)
	s.await(k)

	after := s.platform.huawei()
	unread := 0
	for _, a := range after.Agents {
		unread += len(a.Unfollowed)
	}
	within(t, patience, "the consumer to catch up", func() error { return atLeast(r.has(), fleetSize*all-unread) })
	byLogin, repeats := r.inOrder(t)
	missing, late := 0, 0
	for login, a := range after.Agents {
		for n := 1; n <= a.Generated; n++ {
			_, found := slices.BinarySearch(byLogin[login], n)
			switch {
			case !found && slices.Contains(a.Unfollowed, n):
				late++
			case !found:
				missing++
				t.Errorf("event %d of agent %s is missing", n, login)
			}
		}
	}
	if signIns := after.Total.SignIns - before.Total.SignIns; signIns != 0 {
		t.Errorf("%d sign-ins", signIns)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t.Logf("seed %d: %d agents, %d events handed out in %v (%.0f a second), %d kills: %d of those whose next poll had left are missing; "+
		"of %d that were on their way at a kill %d did not arrive; the consumer connected %d times and got %d events, %d of them repeats told apart by id",
		seed, fleetSize, fleetSize*all, took.Round(100*time.Millisecond), float64(fleetSize*all)/took.Seconds(), kills, missing, unread, late, r.opened, len(r.got), repeats)
	if repeats == 0 && kills > 0 {
		t.Error("no event came twice: the consumer did not go back")
	}
	if r.gaps > 0 {
		t.Errorf("%d gaps were told", r.gaps)
	}
}

// handedOut returns nil once the platform has handed out n numbered events.
func handedOut(pl *platform, n int) error {
	events := 0
	for _, a := range pl.huawei().Agents {
		events += a.Generated
	}
	if events < n {
		return fmt.Errorf("%d of %d events were handed out", events, n)
	}
	return nil
}
