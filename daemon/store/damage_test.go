package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
)

const damageAgents = 24

// contents is all that a store holds, in a form that can be compared.
type contents struct {
	Records, Wishes, Gates, Hooks map[string]string
}

func contentsOf(t *testing.T, s *Store) contents {
	t.Helper()
	c := contents{map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}}
	for id, r := range load(t, s) {
		data, err := encodeRecord(r)
		check(t, err)
		c.Records[id.String()] = string(data)
	}
	wishes, err := s.All(t.Context(), Wishes)
	check(t, err)
	for id, data := range wishes {
		c.Wishes[id] = string(data)
	}
	gates, err := s.All(t.Context(), Gates)
	check(t, err)
	for name, data := range gates {
		c.Gates[name] = string(data)
	}
	hooks, err := s.All(t.Context(), Hooks)
	check(t, err)
	for name, data := range hooks {
		c.Hooks[name] = string(data)
	}
	return c
}

// image is a store with everything in it, some of it written more than once and
// some removed again. Tests work on copies of its directories.
type image struct {
	killed string // as a kill leaves it
	closed string // as the end of a process does
	want   contents
	events int
}

var (
	imageOnce sync.Once
	theImage  image
	imageRoot string // made and removed by TestMain
)

// populated returns the image, which is made once for all tests.
func populated(t *testing.T) image {
	t.Helper()
	imageOnce.Do(func() { theImage = makeImage(t) })
	if theImage.events == 0 {
		t.Fatal("the image could not be made; an earlier test says why")
	}
	return theImage
}

func makeImage(t *testing.T) image {
	t.Helper()
	im := image{killed: filepath.Join(imageRoot, "killed"), closed: filepath.Join(imageRoot, "closed")}
	s := open(t, im.closed)
	ctx := t.Context()
	for round := range 3 {
		together(t, damageAgents, func(i int) error {
			r := session.Record{Sequence: uint64(100*round + i), SecretHash: strings.Repeat("x", 100), Key: session.NewKey([]byte("key"))}
			err := errors.Join(s.Save(ctx, agent(i), r), s.Publish(ctx, []Message{event(i, round)}))
			if i%3 == 0 {
				err = errors.Join(err, s.Put(ctx, Wishes, agent(i).String(), fmt.Appendf(nil, `{"verb":"pause","reason":"round %d"}`, round)))
			}
			return err
		})
		check(t, s.Put(ctx, Gates, "hq huawei 10.0.0.5", fmt.Appendf(nil, `{"version":1,"reason":"%d"}`, round)))
		check(t, s.Put(ctx, Hooks, "bi", fmt.Appendf(nil, `{"position":%d}`, round)))
	}
	for i := 1; i < damageAgents; i += 3 {
		check(t, s.Put(ctx, Wishes, agent(i).String(), []byte(`{"verb":"sign-out"}`)))
		check(t, s.Put(ctx, Wishes, agent(i).String(), nil))
		check(t, s.Forget(ctx, agent(i)))
	}
	im.want = contentsOf(t, s)
	check(t, os.CopyFS(im.killed, os.DirFS(im.closed)))
	check(t, s.Close())
	im.events = 3 * damageAgents
	return im
}

// copyOf returns a copy of a directory that the test may change.
func copyOf(t *testing.T, image string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	check(t, os.CopyFS(dir, os.DirFS(image)))
	return dir
}

// flip inverts one bit of a file.
func flip(t *testing.T, name string, at int64) {
	t.Helper()
	data, err := os.ReadFile(name)
	check(t, err)
	data[at] ^= 1 << (at % 8)
	check(t, os.WriteFile(name, data, 0o600))
}

// spots chooses bytes over every file of a directory, more in longer ones.
func spots(t *testing.T, dir string, random *rand.Rand) (list []spot) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil || info.Size() == 0 {
			return err
		}
		name, err := filepath.Rel(dir, path)
		n := min(2+info.Size()/3000, 5)
		for i := range n {
			list = append(list, spot{name, info.Size()*i/n + random.Int64N(max(1, info.Size()/n))})
		}
		return err
	}))
	return list
}

type spot struct {
	name string
	at   int64
}

// lossSpots is how many places of each directory one run damages.
const lossSpots = 10

// TestNoSilentLoss inverts one bit of a store, at many places one after the
// other: each start succeeds, and whatever is missing then is told.
func TestNoSilentLoss(t *testing.T) {
	im := populated(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, from := range []string{im.killed, im.closed} {
		list := spots(t, from, random)
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, at := range list[:lossSpots] {
			t.Run(fmt.Sprintf("%s/%s/%d", filepath.Base(from), strings.ReplaceAll(at.name, "/", "_"), at.at), func(t *testing.T) {
				dir := copyOf(t, from)
				flip(t, filepath.Join(dir, at.name), at.at)
				toldOrWhole(t, dir, im)
			})
		}
	}
}

// toldOrWhole opens a damaged directory twice and returns what it told.
func toldOrWhole(t *testing.T, dir string, im image) Damage {
	t.Helper()
	s := open(t, dir)
	check(t, s.Err())
	d := s.Damage()
	if diff := cmp.Diff(im.want, contentsOf(t, s)); diff != "" {
		t.Errorf("records are lost (-want +got), told of %+v:\n%s", d, diff) // one bit never hits both copies
	}
	if d.Grave() {
		t.Errorf("told of a loss where nothing is lost: %+v", d)
	}
	if missing := im.events - countEvents(t, s); missing > int(d.Events) {
		t.Errorf("%d events are missing, told of %d", missing, d.Events)
	}
	check(t, s.Save(t.Context(), agent(999), session.Record{Sequence: 1}))
	check(t, s.Close())
	s = open(t, dir)
	if d := s.Damage(); d.Restored+d.Copies != 0 || d.Events != 0 || d.Grave() {
		t.Errorf("the next start finds damage, too: %+v", d)
	}
	check(t, s.Close())
	return d
}

// countEvents counts what a reader gets or is told to have missed.
func countEvents(t *testing.T, s *Store) (n int) {
	t.Helper()
	for {
		n = 0
		err := s.Read(t.Context(), 0, Filter{}, func(events []*Event) error { n += len(events); return nil },
			func(g Gap) error { n += int(g.To - g.From + 1); return nil })
		if !stuck(t, s.engine, err) {
			return n
		}
	}
}

// stuck reports whether reading has come upon an event that cannot be read, which
// has been so for long then.
func stuck(t *testing.T, e *engine, err error) bool {
	t.Helper()
	if err == nil {
		return false
	}
	if wrong := new(unreadableError); !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	e.unreadable.mu.Lock()
	defer e.unreadable.mu.Unlock()
	for seq, since := range e.unreadable.since {
		if !since.IsZero() {
			e.unreadable.since[seq] = since.Add(-unreadableFor)
		}
	}
	return true
}

// TestBothCopiesDamaged destroys records of both copies: what cannot be known
// is told as unknown, and the store goes on with the rest.
func TestBothCopiesDamaged(t *testing.T) {
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		told   func(d Damage) bool
	}{
		{"one override", func(t *testing.T, dir string) {
			check(t, os.RemoveAll(streamDir(dir, keeperName)))
			spoilLine(t, dir, agentKey("wish", agent(3)), 4)
		}, func(d Damage) bool { return cmp.Equal(d.Wishes, []session.ID{agent(3)}) && d.Unknown }},
		{"the name of one", func(t *testing.T, dir string) {
			check(t, os.RemoveAll(streamDir(dir, keeperName)))
			spoilLine(t, dir, agentKey("wish", agent(3)), 2)
		}, func(d Damage) bool { return d.Unknown }},
		{"the journal, and the stream cannot be opened", func(t *testing.T, dir string) {
			check(t, os.Remove(filepath.Join(dir, journalName)))
			for _, name := range []string{copiesDir(dir, keeperName), streamDir(dir, keeperName)} {
				each(t, name, "meta.inf", truncate(t, 0.5))
			}
		}, func(d Damage) bool { return d.Unknown }},
		{"both hash keys", func(t *testing.T, dir string) {
			for _, name := range hashKeyFiles {
				flip(t, filepath.Join(dir, name), 5)
			}
		}, func(d Damage) bool { return d.HashKey && !d.Unknown }},
		{"both hash keys removed", func(t *testing.T, dir string) {
			for _, name := range hashKeyFiles {
				check(t, os.Remove(filepath.Join(dir, name)))
			}
		}, func(d Damage) bool { return d.HashKey && !d.Unknown }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := copyOf(t, populated(t).closed)
			tt.damage(t, dir)
			s := open(t, dir)
			check(t, s.Err())
			if d := s.Damage(); !tt.told(d) || !d.Grave() {
				t.Errorf("told of %+v", d)
			}
			check(t, s.Save(t.Context(), agent(1), session.Record{Sequence: 1}))
			check(t, s.Close())
			if d := open(t, dir).Damage(); d.Grave() {
				t.Errorf("told once more at the next start: %+v", d)
			}
		})
	}
}

// spoilLine damages a field of every line about a key.
func spoilLine(t *testing.T, dir, key string, field int) {
	t.Helper()
	name := filepath.Join(dir, journalName)
	data, err := os.ReadFile(name)
	check(t, err)
	lines := strings.SplitAfter(string(data), "\n")
	for i, text := range lines {
		if f := strings.Split(text, " "); len(f) == 5 && f[2] == key {
			f[field] = "A" + f[field][1:]
			if f[field][1:] == f[field] {
				t.Fatal("nothing spoilt")
			}
			lines[i] = strings.Join(f, " ")
		}
	}
	check(t, os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600))
}

// TestTheServersFilesAreGone removes all of the server's files between two
// runs: the second copy fills a new stream.
func TestTheServersFilesAreGone(t *testing.T) {
	im := populated(t)
	for _, from := range []string{im.killed, im.closed} {
		name, dir := filepath.Base(from), copyOf(t, from)
		check(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
		s := open(t, dir)
		if diff := cmp.Diff(im.want, contentsOf(t, s)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if d := s.Damage(); d.Restored == 0 || d.Unknown || d.Events != uint64(im.events) {
			t.Errorf("%s: told of %+v, want %d events and no unknown loss", name, d, im.events)
		}
	}
}

// TestALaggingCopyIsNoDamage: what the journal lacks, a power cut took.
func TestALaggingCopyIsNoDamage(t *testing.T) {
	im := populated(t)
	data, err := os.ReadFile(filepath.Join(im.killed, journalName))
	check(t, err)
	marked, err := os.ReadFile(filepath.Join(im.killed, markName))
	check(t, err)
	for _, part := range []float64{0, 0.01, 0.3, 0.7, 0.999} {
		dir := copyOf(t, im.killed)
		check(t, os.WriteFile(filepath.Join(dir, journalName), data[:int(float64(len(data))*part)], 0o600))
		check(t, os.WriteFile(filepath.Join(dir, markName), marked[:int(float64(len(marked))*part)], 0o600))
		s := open(t, dir)
		if d := s.Damage(); !cmp.Equal(d, Damage{}) {
			t.Errorf("%v of the copy: told of %+v", part, d)
		}
		if diff := cmp.Diff(im.want, contentsOf(t, s)); diff != "" {
			t.Errorf("%v of the copy: (-want +got)\n%s", part, diff)
		}
		check(t, s.Close())
		check(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
		if diff := cmp.Diff(im.want, contentsOf(t, open(t, dir))); diff != "" {
			t.Errorf("%v of the copy was not completed: (-want +got)\n%s", part, diff)
		}
	}
}

// TestTheJournalStaysShort writes the same few records over and over.
func TestTheJournalStaysShort(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	r := session.Record{SecretHash: strings.Repeat("x", 40_000)}
	for round := range 60 {
		r.Sequence = uint64(round)
		check(t, s.Save(t.Context(), agent(round%2), r))
	}
	s.engine.tendJournal(t.Context())
	info, err := os.Stat(filepath.Join(dir, journalName))
	check(t, err)
	if info.Size() > 200_000 {
		t.Errorf("%d bytes for two records of 40 kB", info.Size())
	}
	for name := range 2 {
		check(t, s.Save(t.Context(), agent(name), r))
	}
	want := contentsOf(t, s)
	check(t, s.Close())
	check(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
	if diff := cmp.Diff(want, contentsOf(t, open(t, dir))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestRewriteUnderWrites shortens the journal while others write.
func TestRewriteUnderWrites(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var err error
		for n := uint64(0); ctx.Err() == nil && err == nil; n++ {
			err = s.Save(t.Context(), agent(int(n%50)), session.Record{Sequence: n})
		}
		done <- err
	}()
	for i := range 20 {
		if i%2 == 0 {
			check(t, s.journal.squeeze(dir))
		} else {
			check(t, s.engine.copyRecords(t.Context(), s.journal))
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	check(t, <-done)
	want := contentsOf(t, s)
	check(t, s.Close())
	check(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
	if diff := cmp.Diff(want, contentsOf(t, open(t, dir))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// BenchmarkSecondCopy is what the second copy and the look at the files add to
// the acknowledgement of one write; BenchmarkSave has the whole.
func BenchmarkSecondCopy(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir)
	value := []byte(strings.Repeat("v", 600))
	b.Run("line", func(b *testing.B) {
		for n := range b.N {
			s.journal.add([]line{{"sess.0001.hq/291", value, uint64(n)}})
			if s.journal.size > 64<<20 {
				check(b, s.journal.squeeze(dir))
			}
		}
	})
	b.Run("mark", func(b *testing.B) {
		for n := range b.N {
			s.mark.reach(uint64(n), time.Now(), time.Hour)
		}
	})
	b.Run("look", func(b *testing.B) { // at most every 200 ms
		for range b.N {
			check(b, s.engine.attached())
		}
	})
}
