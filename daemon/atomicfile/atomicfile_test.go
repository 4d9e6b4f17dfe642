package atomicfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Readers see one content or the other, whole, with the mode that it is to have.
func TestReadersSeeWholeFiles(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	one, other := bytes.Repeat([]byte("1"), 1<<16), bytes.Repeat([]byte("2"), 1<<15)
	if err := Write(name, one, 0o640, os.Getgid()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if got, err := os.ReadFile(name); err != nil || (!bytes.Equal(got, one) && !bytes.Equal(got, other)) {
				t.Errorf("%d bytes, %v", len(got), err)
				return
			}
		}
	})
	for range 20 {
		for _, data := range [][]byte{other, one} {
			if err := Write(name, data, 0o640, -1); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	readers.Wait()
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// What cannot be replaced stays as it was, and nothing is left beside it.
func TestAFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := os.MkdirAll(filepath.Join(name, "x"), 0o700); err != nil { // a directory is not replaced by a file
		t.Fatal(err)
	}
	if err := Write(name, []byte("x"), 0o600, -1); err == nil {
		t.Error("a directory was replaced")
	}
	if err := Write(filepath.Join(dir, "absent", "f"), nil, 0o600, -1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a directory that is not there: %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
}
