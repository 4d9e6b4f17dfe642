package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"agentkeeper/test/browser"
)

// measure prints what the page takes in the browser and costs the service.
func measure(ctx context.Context, url string, agents int) error {
	fmt.Printf("%d agents\n\n| in Chromium | ms |\n|---|---|\n", agents)
	if err := inBrowser(ctx, url, agents); err != nil {
		return err
	}
	fmt.Print("\n| open pages | CPU, % of one core | to each page, kB/s |\n|---|---|---|\n")
	for _, viewers := range []int{0, 1, 10, 50} {
		cpu, rate, err := cost(ctx, url, viewers)
		if err != nil {
			return err
		}
		fmt.Printf("| %d | %.1f | %.1f |\n", viewers, cpu, rate)
	}
	return ctx.Err()
}

// first tells when the page was painted, when the summary was there, and when
// the whole table was.
const first = `new Promise((done) => {
  const all = %d;
  const look = () => {
    const text = document.getElementById('count').textContent.replaceAll(',', '');
    if (!window.summaryAt && !document.getElementById('overview').hidden) window.summaryAt = performance.now();
    if (parseInt(text, 10) !== all) return requestAnimationFrame(look);
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    done([paint ? paint.startTime : 0, window.summaryAt, performance.now()]);
  };
  look();
})`

// act runs an action and tells how long its script took and how long it was
// until the next frame was painted.
const act = `new Promise((done) => {
  const search = document.getElementById('search');
  const type = (text) => { search.value = text; search.dispatchEvent(new Event('input')); };
  const sort = (name) => document.querySelector('[data-sort=' + name + ']').click();
  const began = performance.now();
  %s;
  const ran = performance.now() - began;
  requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => done([ran, performance.now() - began]); c.port2.postMessage(0); });
})`

// scroll goes through the table and tells the median and the worst frame.
const scroll = `new Promise((done) => {
  const frames = [];
  let last = performance.now();
  let n = 0;
  const step = () => {
    const now = performance.now();
    frames.push(now - last);
    last = now;
    if (++n === 120) {
      frames.sort((a, b) => a - b);
      scrollTo(0, 0);
      return done([frames[60], frames[119]]);
    }
    scrollBy(0, 1500);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})`

// quiet counts the main thread's long tasks of ten seconds, while agents come
// and go, and tells the longest.
const quiet = `new Promise((done) => {
  const tasks = [];
  const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((e) => e.duration)));
  observer.observe({ type: 'longtask' });
  setTimeout(() => { observer.disconnect(); done([tasks.length, Math.max(0, ...tasks)]); }, 10000);
})`

var actions = []struct{ name, script string }{
	{`search "29"`, `type('29')`},
	{`search "291 hq team-3"`, `type('291 hq team-3')`},
	{"search cleared", `type('')`},
	{"sort by name", `sort('id')`},
	{"sort by since", `sort('since')`},
	{"sort by state", `sort('state')`},
	{"one state, and every state again", `const s = document.getElementById('state'); for (const v of ['parked', '']) { s.value = v; s.dispatchEvent(new Event('change')); }`},
}

func inBrowser(ctx context.Context, url string, agents int) error {
	tab, err := browser.Open(ctx, 1280, 900)
	if err != nil {
		return err
	}
	defer tab.Close()
	var firsts [3][]float64
	for range 5 {
		if err := tab.Go(url + "/"); err != nil {
			return err
		}
		at, err := browser.Ask[[]float64](tab, fmt.Sprintf(first, agents))
		if err != nil {
			return err
		}
		for i, v := range at {
			firsts[i] = append(firsts[i], v)
		}
	}
	for i, name := range []string{"first paint", "summary there", "all agents in the table"} {
		fmt.Printf("| %s (median of 5 loads) | %.0f |\n", name, median(firsts[i]))
	}
	for _, a := range actions {
		var ran, painted []float64
		for range 9 {
			took, err := browser.Ask[[]float64](tab, fmt.Sprintf(act, a.script))
			if err != nil {
				return err
			}
			ran, painted = append(ran, took[0]), append(painted, took[1])
		}
		fmt.Printf("| %s: script (median of 9), to the next frame | %.1f, %.0f |\n", a.name, median(ran), median(painted))
	}
	for _, l := range []struct{ name, script, format string }{
		{"scroll through: median frame, worst", scroll, "%.0f, %.0f"},
		{"ten seconds of changes: tasks over 50 ms, the longest", quiet, "%.0f, %.0f"},
	} {
		got, err := browser.Ask[[]float64](tab, l.script)
		if err != nil {
			return err
		}
		fmt.Printf("| %s | "+l.format+" |\n", l.name, got[0], got[1])
	}
	if troubles := tab.Troubles(); len(troubles) > 0 {
		return fmt.Errorf("the page wrote errors:\n%s", strings.Join(troubles, "\n"))
	}
	return nil
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// cost is what open pages take: of this process's CPU, and of the network,
// once each has its first picture.
func cost(ctx context.Context, url string, viewers int) (cpu, rate float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var open sync.WaitGroup
	defer open.Wait()
	defer cancel()
	counts := make([]counter, viewers)
	for i := range counts {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/changes", nil)
		if err != nil {
			return 0, 0, err
		}
		res, err := new(http.Transport).RoundTrip(req)
		if err != nil {
			return 0, 0, err
		}
		open.Go(func() {
			defer func() { _ = res.Body.Close() }()
			_, _ = io.Copy(&counts[i], res.Body) // until cancel
		})
	}
	wait(ctx, 3*time.Second)
	before, began := used(), time.Now()
	sent := total(counts)
	wait(ctx, *span)
	took := time.Since(began)
	cpu = float64(used()-before) / float64(took) * 100
	if viewers > 0 {
		rate = float64(total(counts)-sent) / 1e3 / took.Seconds() / float64(viewers)
	}
	return cpu, rate, ctx.Err()
}

// counter counts what is written to it.
type counter struct {
	mu sync.Mutex
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += int64(len(p))
	return len(p), nil
}

func total(counts []counter) (sum int64) {
	for i := range counts {
		c := &counts[i]
		c.mu.Lock()
		sum += c.n
		c.mu.Unlock()
	}
	return sum
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// used is the CPU time of this process.
func used() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // cannot fail for oneself
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
