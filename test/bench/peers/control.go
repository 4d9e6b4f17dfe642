package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
)

// tally counts what the loops did.
type tally struct {
	rounds, events, failed atomic.Int64

	mu    sync.Mutex
	first error
}

// fail notes that a loop has ended.
func (t *tally) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed.Add(1)
	if t.first == nil {
		t.first = err
	}
}

func (t *tally) firstError() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first == nil {
		return ""
	}
	return t.first.Error()
}

// report is the answer to an order. Memory is in bytes.
type report struct {
	Rounds    int64  `json:"rounds"` // polls answered, or pings answered
	Events    int64  `json:"events"`
	Failed    int64  `json:"failed"` // loops that ended
	Error     string `json:"error"`  // of the first of them
	Allocated uint64 `json:"allocated"`
	Heap      uint64 `json:"heap"`
	Stack     uint64 `json:"stack"`
}

func (t *tally) report() report {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return report{t.rounds.Load(), t.events.Load(), t.failed.Load(), t.firstError(), m.TotalAlloc, m.HeapAlloc, m.StackInuse}
}

// control is the benchmark's end of the process.
type control struct {
	in  *bufio.Reader
	out io.Writer
}

func newControl(in io.Reader, out io.Writer) *control { return &control{bufio.NewReader(in), out} }

func (c *control) say(line string) { fmt.Fprintln(c.out, line) }

func (c *control) line() (string, error) {
	text, err := c.in.ReadString('\n')
	return strings.TrimSpace(text), err
}

func (c *control) await(word string) error {
	text, err := c.line()
	if err != nil {
		return fmt.Errorf("waiting for %q: %w", word, err)
	}
	if text != word {
		return fmt.Errorf("got %q, want %q", text, word)
	}
	return nil
}

// serve carries orders out until the input ends.
func (c *control) serve(t *tally) error {
	for {
		text, err := c.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := obey(text); err != nil {
			return err
		}
		if err := json.NewEncoder(c.out).Encode(t.report()); err != nil {
			return err
		}
	}
}

func obey(text string) error {
	switch word, file, _ := strings.Cut(text, " "); word {
	case "count":
		return nil
	case "collect":
		runtime.GC()
		runtime.GC() // what finalizers and pools held on to is garbage now
		return nil
	case "free":
		debug.FreeOSMemory()
		return nil
	case "profile":
		if file == "" {
			pprof.StopCPUProfile()
			return nil
		}
		out, err := os.Create(file) // closed by the end of the process
		if err != nil {
			return err
		}
		return pprof.StartCPUProfile(out)
	}
	return fmt.Errorf("unknown order %q", text)
}
