package page

import (
	"fmt"
	"net/http"
	"time"

	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/sse"
)

const (
	beatEvery  = 5 * time.Second  // the page takes three missing beats for a dead connection
	retryAfter = 10 * time.Second // for whoever finds all places taken
)

// changes streams the fleet as it changes.
func (p *Page) changes(w http.ResponseWriter, req *http.Request) {
	if !p.board.enter() {
		listener.FailLater(w, retryAfter, fmt.Sprintf("%d pages are open, which is all: close one", maxViewers))
		return
	}
	defer p.board.leave()
	v := &viewer{out: sse.NewWriter(w)}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // the server's is for requests that end
	if err := p.show(req, v); err != nil {
		p.log.Debug("a page was cut off", "error", err)
	}
}

// show sends until the viewer goes away.
func (p *Page) show(req *http.Request, v *viewer) error {
	if err := v.send(text{ready: p.hello()}); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var number uint64
	for {
		var messages []text
		messages, number = p.board.since(number)
		if len(messages) == 0 && time.Since(v.sent) >= beatEvery {
			messages = []text{{ready: message("beat", encode(map[string]int64{"now": time.Now().UnixMilli()}))}}
		}
		if err := v.send(messages...); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-req.Context().Done():
			return nil
		}
	}
}

// hello tells a viewer who serves it, and what time it is there.
func (p *Page) hello() []byte {
	return message("hello", encode(map[string]any{
		"version": p.version, "build": p.build, "started": p.activity.since.UnixMilli(), "now": time.Now().UnixMilli(),
	}))
}

// viewer is one open page.
type viewer struct {
	out  *sse.Writer
	sent time.Time
}

// send sends messages, each in its own time.
func (v *viewer) send(messages ...text) error {
	for _, m := range messages {
		if _, err := v.out.Write(m.bytes()); err != nil {
			return err
		}
		v.sent = time.Now()
	}
	return nil
}
