package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/test/rig"
)

// harm is something done to a file.
type harm struct {
	name string
	do   func(path string, random func(int) int) error
}

func harms() []harm {
	return []harm{
		{"one bit flipped", func(path string, random func(int) int) error {
			return rewrite(path, func(data []byte) []byte {
				if len(data) > 0 {
					data[len(data)/4+random(len(data)/2+1)%len(data)] ^= 1 << random(8)
				}
				return data
			})
		}},
		{"cut in half", func(path string, _ func(int) int) error {
			return rewrite(path, func(data []byte) []byte { return data[:len(data)/2] })
		}},
		{"emptied", func(path string, _ func(int) int) error { return os.Truncate(path, 0) }},
		{"overwritten", func(path string, random func(int) int) error {
			return rewrite(path, func(data []byte) []byte {
				for i := range data {
					data[i] = byte(random(256))
				}
				return data
			})
		}},
		{"deleted", func(path string, _ func(int) int) error { return os.Remove(path) }},
	}
}

func rewrite(path string, change func([]byte) []byte) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(data), 0o600)
}

// storeFiles lists the files of a store, from its directory, those that hold
// the agents' records first.
func storeFiles(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	return names, err
}

func rank(name string) int {
	switch {
	case strings.Contains(name, "KV_keeper") && strings.HasSuffix(name, ".blk"):
		return 0
	case name == "mode":
		return 1
	case strings.HasSuffix(name, ".blk"):
		return 2
	case strings.Contains(name, "KV_keeper"):
		return 3
	}
	return 4
}

// damage harms the files of a store one by one, each in a cell of its own: in
// the short form the most telling ones, in the long form each in every way.
func damage(ctx context.Context, t *trial) error {
	if !t.long {
		for i, c := range []struct {
			file int // in the order of rank
			harm int
		}{{0, 0}, {1, 3}} {
			if err := t.harmOne(ctx, i, c.file, harms()[c.harm]); err != nil {
				return err
			}
		}
		return nil
	}
	n := 0
	for file := 0; ; file++ {
		for _, h := range harms() {
			err := t.harmOne(ctx, n, file, h)
			if errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
				t.note("%d cells, each with one file of its store harmed", n)
				return ctx.Err()
			}
			if err != nil {
				return err
			}
			n++
		}
	}
}

// harmOne harms the file at a place in the list; fs.ErrNotExist tells that the
// list is shorter.
func (t *trial) harmOne(ctx context.Context, n, file int, h harm) error {
	c, err := t.newCell(ctx, fmt.Sprintf("%s-%d-%d", t.fault.name, t.random.Uint32(), n))
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.handOver(); err != nil {
		return err
	}
	names, err := storeFiles(c.store())
	if err != nil {
		return err
	}
	if file >= len(names) {
		return fs.ErrNotExist
	}
	if err := h.do(filepath.Join(c.store(), names[file]), t.random.IntN); err != nil {
		return fmt.Errorf("harm %s: %w", names[file], err)
	}
	c.restarted(ctx, t, names[file]+" "+h.name)
	return nil
}

// takenAway deletes the directory of one running service, which must say that
// what it writes is kept nowhere, and the lock of another one, which must keep
// the store to itself.
func takenAway(ctx context.Context, t *trial) error {
	for i, what := range []string{"", "lock"} {
		c, err := t.newCell(ctx, fmt.Sprintf("away-%d-%d", t.random.Uint32(), i))
		if err != nil {
			return err
		}
		if err = os.RemoveAll(filepath.Join(c.store(), what)); err == nil {
			err = rig.Await(ctx, 10*time.Second, "word that it is not there", func() error { return c.minds(what) })
			if err != nil {
				t.broke("%s deleted: %v", filepath.Join("store", what), err)
				err = nil
			}
			c.second(t)
		}
		c.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// minds returns nil once the service is not ready, or has made a lock anew.
func (c *cell) minds(what string) error {
	if _, err := os.Stat(filepath.Join(c.store(), what)); what != "" && err == nil {
		return nil
	}
	status, body, err := c.k.Get("/-/ready")
	if err == nil && status != http.StatusServiceUnavailable {
		err = fmt.Errorf("/-/ready: %d %s", status, strings.TrimSpace(body))
	}
	return err
}

// second starts another process on the same configuration, beside one that
// says that it works: it must be refused.
func (c *cell) second(t *trial) {
	if c.k.Ready() != nil {
		return
	}
	first := c.k
	if err := c.launch(); err != nil {
		t.need(err)
		return
	}
	if code, err := c.k.Code(10 * time.Second); err != nil || code != 75 {
		t.broke("what was deleted let a second process into the store: exit code %d (%v), want 75", code, err)
	}
	c.k.Kill()
	c.k = first
}

// clock starts a service whose clock is an hour behind what is stored. The
// machine's clock stays as it is: the records are moved an hour ahead, by the
// package that wrote them. Two agents wait for the end of an outage meanwhile.
func clock(ctx context.Context, t *trial) error {
	c, err := t.newCell(ctx, fmt.Sprintf("clock-%d", t.random.Uint32()))
	if err != nil {
		return err
	}
	defer c.close()
	const waiting = 2
	for i := range waiting {
		login := cellFirst + i
		if err := c.hq.Order("faults", fmt.Sprintf(`{"op":"sign_in","agent":"%d","mode":"status"}`, login)); err != nil {
			return err
		}
		if err := c.hq.Order(fmt.Sprintf("agents/%d/kick", login), "{}"); err != nil {
			return err
		}
	}
	if err := rig.Await(ctx, patience, "two agents that wait", func() error { return c.settled(cellGood-waiting, cellRefused) }); err != nil {
		return err
	}
	rest(ctx, time.Second) // so that their next tries are stored
	if err := c.handOver(); err != nil {
		return err
	}
	if err := ahead(ctx, c.store(), time.Hour); err != nil {
		return err
	}
	if err := c.hq.Send("DELETE", "faults", ""); err != nil {
		return err
	}
	before, err := c.state()
	if err != nil {
		return err
	}
	if err := c.launch(); err != nil {
		return err
	}
	if err := rig.Await(ctx, window, "the return of agents that waited", func() error { return c.settledAtLeast(cellGood) }); err != nil {
		t.broke("promise 9: a start with the clock an hour behind: %v", err)
	}
	after, err := c.state()
	if err != nil {
		return err
	}
	if n := after.Total.Needless - before.Total.Needless; n > 0 {
		t.broke("promise 9: %d sign-ins where the session was alive, after a start with the clock behind", n)
	}
	return nil
}

// ahead moves every instant of the records in a store.
func ahead(ctx context.Context, dir string, d time.Duration) error {
	s, err := store.Open(ctx, store.Options{Dir: dir})
	if err != nil {
		return err
	}
	all, err := s.Load(ctx)
	for id, r := range all {
		if err == nil {
			err = s.Save(ctx, id, later(r, d))
		}
	}
	return errors.Join(err, s.Close())
}

// later moves every instant of a record, whatever a record will hold.
func later(r session.Record, d time.Duration) session.Record {
	move(reflect.ValueOf(&r).Elem(), d)
	r.Sequence += uint64(d.Microseconds())
	return r
}

// move moves the instants in v; those that are zero stay so.
func move(v reflect.Value, d time.Duration) {
	if at, ok := v.Interface().(time.Time); ok {
		if !at.IsZero() {
			v.Set(reflect.ValueOf(at.Add(d)))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				move(v.Field(i), d)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			move(v.Index(i), d)
		}
	default: // holds no instant
	}
}
