package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"time"

	"agentkeeper/test/rig"
	"agentkeeper/test/sim/huawei"
)

// ledger follows the events as a consumer that lives on while the service comes
// and goes, and holds what it got against what the platform handed out.
type ledger struct {
	url  string
	done sync.WaitGroup

	mu       sync.Mutex
	position uint64
	seen     map[string]bool         // events by id
	got      map[string]map[int]bool // by login: numbers
	last     map[string]int          // by login: the highest number
	marked   map[string]int          // by login: events told as lost, not yet set off
	settled  map[string]int          // by login: up to which number all is accounted for
	lost     string                  // one of those that were lost at the last settlement
	disorder []string                // what came behind a later one
}

func newLedger(url string) *ledger {
	return &ledger{url: url, seen: map[string]bool{}, got: map[string]map[int]bool{}, last: map[string]int{}, marked: map[string]int{}, settled: map[string]int{}}
}

// start follows until ctx ends; wait joins it.
func (l *ledger) start(ctx context.Context) {
	l.done.Go(func() {
		for ctx.Err() == nil {
			l.follow(ctx)
			rest(ctx, 100*time.Millisecond)
		}
	})
}

func (l *ledger) wait() { l.done.Wait() }

func (l *ledger) follow(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/api/v1/events?type=huawei.AgentOther_Simulated,session.gap", nil)
	if err != nil {
		return
	}
	l.mu.Lock()
	const back = 50 // as a consumer that saves its position now and then
	req.Header.Set("Last-Event-ID", strconv.FormatUint(l.position-min(l.position, back), 10))
	l.mu.Unlock()
	res, err := (&http.Client{Transport: rig.Insecure()}).Do(req)
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
		return
	}
	silence := time.AfterFunc(40*time.Second, cancel) // a comment comes every 15 s
	defer silence.Stop()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	var position uint64
	for lines.Scan() {
		silence.Reset(40 * time.Second)
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			position, _ = strconv.ParseUint(id, 10, 64)
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			l.hear(position, data)
		}
	}
}

// notice is what the ledger reads of an event.
type notice struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Type   string `json:"type"`
	Data   struct {
		Events  int `json:"events"`
		Content struct {
			Number int `json:"number"`
		} `json:"content"`
	} `json:"data"`
}

func (l *ledger) hear(position uint64, data string) {
	var e notice
	if json.Unmarshal([]byte(data), &e) != nil || e.ID == "" {
		return
	}
	login := e.Source[strings.LastIndexByte(e.Source, '/')+1:]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.position = max(l.position, position)
	if l.seen[e.ID] {
		return
	}
	l.seen[e.ID] = true
	n := e.Data.Content.Number
	switch {
	case e.Type == "session.gap":
		l.marked[login] += e.Data.Events
	case n > 0:
		if l.got[login] == nil {
			l.got[login] = map[int]bool{}
		}
		if n <= l.last[login] && !l.got[login][n] {
			l.disorder = append(l.disorder, fmt.Sprintf("event %d of agent %s came behind %d", n, login, l.last[login]))
		}
		l.got[login][n] = true
		l.last[login] = max(l.last[login], n)
	}
}

// account is what became of the events that were due.
type account struct {
	due  int // handed out, and followed by a poll on the connection that they came by
	lost int // of them: not there
	told int // of those: told as lost by an event session.gap
}

// lastLost names one event that was found lost last.
func (l *ledger) lastLost() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// weigh holds the ledger against the platform's numbers since the last
// settlement; settle makes this one.
func (l *ledger) weigh(s rig.State[huawei.AgentState], settle bool) (total account, disorder []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, login := range slices.Sorted(maps.Keys(s.Agents)) {
		a := s.Agents[login]
		to := a.Generated
		if slices.Contains(a.Unfollowed, to) {
			to-- // on its way: the next settlement's
		}
		var one account
		for n := l.settled[login] + 1; n <= to; n++ {
			if slices.Contains(a.Unfollowed, n) {
				continue
			}
			one.due++
			if !l.got[login][n] {
				one.lost++
				l.lost = fmt.Sprintf("for example event %d of agent %s is lost", n, login)
			}
		}
		one.told = min(one.lost, l.marked[login])
		total.due += one.due
		total.lost += one.lost
		total.told += one.told
		if settle {
			l.marked[login] -= one.told
			l.settled[login] = max(l.settled[login], to)
		}
	}
	disorder = l.disorder
	if settle {
		l.disorder = nil
	}
	return total, disorder
}
