package store

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

// childDir makes the test binary a writer that is killed; see TestKill.
const childDir = "AGENTKEEPER_STORE_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForEver(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	var err error
	if imageRoot, err = os.MkdirTemp("", "agentkeeper-store-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(imageRoot); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const (
	crashers    = 40
	burstEvents = 4
)

// writeForEver says on standard output what was acknowledged, a line each: the
// agent, and the number that its record and its last event carry.
func writeForEver(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	s.engine.keeper.cost = cost{single: time.Second, singleAt: time.Now(), batchAt: time.Now()} // batches whenever two wait
	s.engine.events.cost = s.engine.keeper.cost
	records, err := s.Load(ctx)
	if err != nil {
		return err
	}
	failed := make(chan error)
	for i := range crashers {
		go func() { failed <- writeAgent(ctx, s, i, records[agent(i)].Sequence) }()
	}
	return <-failed
}

func writeAgent(ctx context.Context, s *Store, i int, n uint64) error {
	for {
		n++
		var events []Message
		for part := range burstEvents {
			events = append(events, Message{
				ID: agent(i), Type: "t",
				MsgID: fmt.Sprintf("%d/%d/%d", i, n, part), Data: fmt.Appendf(nil, "%d %d", i, n),
			})
		}
		if err := s.Publish(ctx, events); err != nil {
			return err
		}
		if err := s.Save(ctx, agent(i), session.Record{Sequence: n, SignIns: n}); err != nil {
			return err
		}
		fmt.Printf("%d %d\n", i, n)
	}
}

// TestKill kills a writing process again and again; whatever it reported as
// written must be there.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[int]uint64{}
	for round := 0; round < 6 || (len(acked) < crashers && round < 40); round++ { // more where the machine is busy
		killAfter(t, dir, time.Duration(60+40*round)*time.Millisecond, acked)
		s := open(t, dir)
		if d := s.Damage(); !cmp.Equal(d, Damage{}) {
			t.Errorf("round %d: told of damage: %+v", round, d)
		}
		records := load(t, s)
		for i, n := range acked {
			got := records[agent(i)].Sequence
			if got < n || got > n+1 {
				t.Errorf("round %d: agent %d has record %d, %d was acknowledged", round, i, got, n)
			}
			acked[i] = got // what the next process finds and goes on from
		}
		eventsComplete(t, s, acked)
		check(t, s.Close())
	}
	if len(acked) != crashers {
		t.Errorf("only %d agents ever wrote", len(acked))
	}
}

// killAfter lets a child write for a while after its first line, kills it and
// notes what it reported.
func killAfter(t *testing.T, dir string, after time.Duration, acked map[int]uint64) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	read := bufio.NewReader(out)
	_, err = read.Peek(1)
	check(t, err)
	killer := time.AfterFunc(after, func() { _ = child.Process.Kill() })
	defer killer.Stop()
	readAcked(t, read, acked)
	_ = child.Wait() // it was killed
}

func readAcked(t *testing.T, read *bufio.Reader, acked map[int]uint64) {
	t.Helper()
	for {
		line, err := read.ReadString('\n')
		if err != nil { // a line cut short was not reported
			if err != io.EOF && !strings.Contains(err.Error(), "closed") {
				t.Fatal(err)
			}
			return
		}
		var i int
		var n uint64
		if _, err := fmt.Sscan(line, &i, &n); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		acked[i] = n
	}
}

// eventsComplete checks that each agent's events are there in order, in full
// bursts up to the last acknowledged one.
func eventsComplete(t *testing.T, s *Store, acked map[int]uint64) {
	t.Helper()
	last, err := s.LastSeq(t.Context())
	check(t, err)
	count, highest := map[[2]uint64]int{}, map[int]uint64{}
	data, _ := take(t, s, 0, Filter{}, int(last))
	for _, d := range data {
		var i int
		var n uint64
		_, err := fmt.Sscan(d, &i, &n)
		check(t, err)
		if n < highest[i] {
			t.Fatalf("agent %d: event %d behind event %d", i, n, highest[i])
		}
		highest[i] = n
		count[[2]uint64{uint64(i), n}]++
	}
	for i, last := range acked {
		for n := uint64(1); n <= last; n++ {
			if got := count[[2]uint64{uint64(i), n}]; got < burstEvents {
				t.Fatalf("agent %d: %d of %d events of burst %d, %d was acknowledged", i, got, burstEvents, n, last)
			}
		}
	}
}
