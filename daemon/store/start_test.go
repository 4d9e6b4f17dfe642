package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"agentkeeper/session"
)

// bare mounts a small disk with a store on it that a kill left behind in its
// first run: nothing but what the run itself needed is there.
func bare(t *testing.T) (dir string, want contents) {
	t.Helper()
	im := populated(t)
	dir = mount(t)
	check(t, os.CopyFS(dir, os.DirFS(im.killed)))
	return dir, im.want
}

// TestStartOnABadDisk starts on disks that take nothing: the records can be
// loaded, and once the disk takes writes again the store works by itself.
func TestStartOnABadDisk(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string) (mend func())
		heals bool // the server may free some room itself, for example of an index that it writes anew
	}{
		{name: "no space", heals: true, spoil: func(t *testing.T, dir string) func() { return fillDisk(t, dir, 0) }},
		{name: "no inodes", spoil: takeInodes},
		{name: "no space and no lock", spoil: func(t *testing.T, dir string) func() {
			check(t, os.Remove(filepath.Join(dir, "lock")))
			return takeInodes(t, dir)
		}},
		{name: "no small files", spoil: func(t *testing.T, dir string) func() {
			for _, name := range []string{"mode", "lock", "hash.key.copy", markName} {
				check(t, os.Remove(filepath.Join(dir, name)))
			}
			return takeInodes(t, dir)
		}},
		{name: "read-only", spoil: func(t *testing.T, dir string) func() {
			remount(t, dir, unix.MS_RDONLY)
			return func() { remount(t, dir, 0) }
		}},
		{name: "a file where the guards go", spoil: func(t *testing.T, dir string) func() {
			check(t, os.WriteFile(filepath.Join(dir, "guard"), nil, 0o600))
			return func() { check(t, os.Remove(filepath.Join(dir, "guard"))) }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, want := bare(t)
			mend := tt.spoil(t, dir)
			s := open(t, dir)
			if err := s.Err(); !errors.Is(err, ErrUnavailable) && !(tt.heals && err == nil) {
				t.Errorf("Err on such a disk: %v", err)
			}
			if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
				t.Errorf("on such a disk (-want +got):\n%s", diff)
			}
			if err := s.Save(t.Context(), agent(1), session.Record{}); !errors.Is(err, ErrUnavailable) && !(tt.heals && err == nil) {
				t.Errorf("Save on such a disk: %v", err)
			}
			mend()
			await(t, s, true)
			check(t, s.Save(t.Context(), agent(500), session.Record{Sequence: 1}))
			if got := load(t, s); len(got) != len(want.Records)+1 {
				t.Errorf("%d records afterwards, want %d", len(got), len(want.Records)+1)
			}
			if d := s.Damage(); !cmp.Equal(d, Damage{}) {
				t.Errorf("told of damage: %+v", d)
			}
			check(t, s.Close())
			if got := load(t, open(t, dir)); len(got) != len(want.Records)+1 {
				t.Errorf("%d records in the next run", len(got))
			}
		})
	}
}

func takeInodes(t *testing.T, dir string) (mend func()) {
	t.Helper()
	var fs unix.Statfs_t
	check(t, unix.Statfs(dir, &fs))
	limit := func(n uint64) {
		check(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, fmt.Sprintf("size=%d,nr_inodes=%d", smallDisk, n)))
	}
	limit(fs.Files - fs.Ffree)
	return func() { limit(fs.Files) }
}

func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	check(t, unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT|flags, fmt.Sprintf("size=%d", smallDisk)))
}

// TestStartThatMustFail says what is wrong.
func TestStartThatMustFail(t *testing.T) {
	disk := mount(t)
	check(t, os.WriteFile(filepath.Join(disk, "file"), nil, 0o600))
	remount(t, disk, unix.MS_RDONLY)
	t.Cleanup(func() { remount(t, disk, 0) })
	for dir, want := range map[string]string{
		filepath.Join(disk, "missing"): "create the store's directory",
		filepath.Join(disk, "file"):    "not a directory",
		disk:                           "read-only",
	} {
		if _, err := Open(t.Context(), options(t, dir)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error about %q", dir, err, want)
		}
	}
}

// TestDamagedModeIsMended starts with every kind of a damaged file.
func TestDamagedModeIsMended(t *testing.T) {
	im := populated(t)
	dir, want := copyOf(t, im.closed), im.want
	for _, content := range []string{"", "embeddeD\n", "embed", "\x00\x00\x00\x00\x00\x00\x00\x00\x00", strings.Repeat("x", 100_000)} {
		check(t, os.WriteFile(filepath.Join(dir, "mode"), []byte(content), 0o600))
		s := open(t, dir)
		if diff := cmp.Diff(want, contentsOf(t, s)); diff != "" {
			t.Errorf("mode %.20q (-want +got):\n%s", content, diff)
		}
		check(t, s.Close())
		if data, err := os.ReadFile(filepath.Join(dir, "mode")); err != nil || string(data) != "embedded\n" {
			t.Errorf("mode %.20q became %q, %v", content, data, err)
		}
	}
	check(t, os.Remove(filepath.Join(dir, "mode")))
	check(t, os.Mkdir(filepath.Join(dir, "mode"), 0o700))
	if diff := cmp.Diff(want, contentsOf(t, open(t, dir))); diff != "" {
		t.Errorf("a directory in its place (-want +got):\n%s", diff)
	}
}

// TestClustersDirectoryIsRefused whatever its mode says: the server would delete
// what it does not know.
func TestClustersDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "jetstream", "$SYS", "_js_", "_meta_"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "mode"), []byte("clusteR"), 0o600))
	if _, err := Open(t.Context(), options(t, dir)); err == nil || !strings.Contains(err.Error(), "cluster") {
		t.Errorf("got %v", err)
	}
}
