package page

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Fleet is whom the page shows.
type Fleet interface {
	// Page returns the next agents behind one, sorted by name; see fleet.Page.
	Page(after session.ID, limit int) []fleet.Agent
	Platforms() []fleet.Platform
}

// Work tells agents' working states.
type Work interface {
	// Of returns an agent's; ok is false where its vendor tells none. The page asks it
	// for every agent, twice a second.
	Of(id session.ID) (s work.Shown, ok bool)
}

// Options are what a Page is made from. All but Log are required.
type Options struct {
	Fleet    Fleet
	Work     Work
	Activity *Activity
	// LastEvent returns the position of the newest event; the page shows those
	// shortly before it.
	LastEvent func(ctx context.Context) (uint64, error)
	Version   string
	Log       *slog.Logger // nil: silent
}

// Page serves GET /, /agents/{platform}/{login}, /page/{file},
// /api/v1/changes and /api/v1/activity. It starts no goroutine: requests do the
// work.
type Page struct {
	mux       *http.ServeMux
	board     board
	activity  *Activity
	lastEvent func(ctx context.Context) (uint64, error)
	version   string
	build     string // of the files
	log       *slog.Logger
}

// New returns a page.
func New(o Options) *Page {
	p := &Page{mux: http.NewServeMux(), board: board{fleet: o.Fleet, work: o.Work}, activity: o.Activity,
		lastEvent: o.LastEvent, version: o.Version, log: o.Log}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	f := readFiles()
	p.build = f.build
	p.mux.HandleFunc("GET /{$}", f.index)
	p.mux.HandleFunc("GET /agents/{platform}/{login}", f.agent)
	p.mux.HandleFunc("GET /page/{file}", f.file)
	p.mux.HandleFunc("GET /api/v1/changes", p.changes)
	p.mux.HandleFunc("GET /api/v1/activity", p.tellActivity)
	return p
}

// ServeHTTP implements http.Handler.
func (p *Page) ServeHTTP(w http.ResponseWriter, req *http.Request) { p.mux.ServeHTTP(w, req) }

// hour is the activity in JSON.
type hour struct {
	Now     time.Time `json:"now"`
	Since   time.Time `json:"since"` // nothing is known of the time before
	Minutes []Minute  `json:"minutes"`
	// LastEvent is the position of the newest event in /api/v1/events; null
	// while the store cannot tell.
	LastEvent *uint64 `json:"last_event"`
}

func (p *Page) tellActivity(w http.ResponseWriter, req *http.Request) {
	q := req.URL.Query()
	for name := range q {
		if name != "platform" {
			fail(w, http.StatusBadRequest, fmt.Sprintf("unknown parameter %q: use platform", session.Cut(name, nameLimit)))
			return
		}
	}
	now := time.Now()
	out := hour{Now: now.UTC(), Since: p.activity.since.UTC(), Minutes: p.activity.Hour(now, q.Get("platform"))}
	if last, err := p.lastEvent(req.Context()); err == nil {
		out.LastEvent = &last
	}
	listener.Reply(w, http.StatusOK, out)
}

// fail answers {"error": …}, with a text of bounded length.
func fail(w http.ResponseWriter, status int, text string) { listener.Fail(w, status, text) }

// nameLimit is how much of a name that a client chose an answer repeats, in
// bytes.
const nameLimit = 64
