// Package browser drives a real Chromium for tests and measurements of the
// status page, and notes what a page must not do: ask another host, write
// errors, throw.
//
// Chromium comes from the distribution (test/install.sh). It runs headless,
// with a directory of its own, and asks nothing of its maker.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// ErrNone means that there is no Chromium on this machine.
var ErrNone = errors.New("no chromium found: run `sh test/install.sh`, or install your distribution's chromium")

// Find returns the path of Chromium, or [ErrNone].
func Find() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome-stable", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNone
}

// Tab is one page. Its methods may be called from one goroutine.
type Tab struct {
	ctx    context.Context
	cancel []context.CancelFunc
	dir    string

	mu       sync.Mutex
	requests []string
	troubles []string
	headers  map[string]string // of the document
}

// Open starts Chromium with one empty page of the given size. Close ends it.
func Open(ctx context.Context, width, height int) (*Tab, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "agentkeeper-browser-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the browser: %w", err)
	}
	t := &Tab{dir: dir, headers: map[string]string{}}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.WindowSize(width, height),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewExecAllocator(ctx, options...)
	t.cancel = append(t.cancel, cancel)
	t.ctx, cancel = chromedp.NewContext(ctx)
	t.cancel = append(t.cancel, cancel)
	if err := t.listen(); err != nil {
		t.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return t, nil
}

func (t *Tab) listen() error {
	if err := chromedp.Listen(t.ctx, t.hear); err != nil {
		return err
	}
	if _, err := chromedp.Call(t.ctx, network.Enable, network.EnableParams{}); err != nil {
		return err
	}
	if _, err := chromedp.Call(t.ctx, log.Enable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := chromedp.Call(t.ctx, runtime.Enable, cdp.Empty{})
	return err
}

// Close ends Chromium and removes its directory.
func (t *Tab) Close() {
	for i := len(t.cancel) - 1; i >= 0; i-- {
		t.cancel[i]()
	}
	_ = os.RemoveAll(t.dir)
}

// hear notes what the page does.
func (t *Tab) hear(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, e.Request.URL)
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			for name, value := range e.Response.Headers {
				t.headers[strings.ToLower(name)] = fmt.Sprint(value)
			}
		}
	case *runtime.EventExceptionThrown:
		t.troubles = append(t.troubles, "exception: "+described(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			t.troubles = append(t.troubles, fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			t.troubles = append(t.troubles, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

// Requests returns the addresses that the page asked for.
func (t *Tab) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.requests)
}

// Troubles returns the errors that the page wrote or threw since the last call.
func (t *Tab) Troubles() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.troubles
	t.troubles = nil
	return all
}

// Header returns a header of the last document.
func (t *Tab) Header(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.headers[strings.ToLower(name)]
}

// described is an exception with its text, where it has one.
func described(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Exception.Description
	}
	return d.Text
}

// patience is for a machine that has other things to do.
const patience = time.Minute

// Go opens an address and waits until it has loaded.
func (t *Tab) Go(url string) error { return t.do(chromedp.Navigate(url)) }

// Key presses keys, characters or those of package kb, one after the other as
// a keyboard does: what the page makes of a key going down decides whether a
// character follows.
func (t *Tab) Key(keys string) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	for _, r := range keys {
		for _, e := range kb.Encode(r) {
			if e.Type == input.DispatchKeyEventTypeKeyDown {
				e.Type = input.DispatchKeyEventTypeRawKeyDown
			}
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, *e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Tab) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Ask evaluates an expression, or the promise that it is.
func Ask[T any](t *Tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Look makes the page dark or light and as large as given; narrow screens are
// telephones.
func (t *Tab) Look(theme string, width, height int64) error {
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
	if err != nil {
		return err
	}
	_, err = chromedp.Call(t.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
	return err
}

// Picture writes what is in sight to a file.
func (t *Tab) Picture(path string) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return fmt.Errorf("take a picture: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("keep a picture: %w", err)
	}
	return os.WriteFile(path, png, 0o600)
}
