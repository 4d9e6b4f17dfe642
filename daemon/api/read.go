package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/listener"
	"agentkeeper/daemon/store"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
	"agentkeeper/session/work"
)

// Agents is what is asked about agents.
type Agents interface {
	// Page returns the next agents behind one, sorted by name; see fleet.Page.
	Page(after session.ID, limit int) []fleet.Agent
	Agent(id session.ID) (fleet.Agent, bool)
	Platforms() []fleet.Platform
}

// Events is what consumers follow.
type Events interface {
	LastSeq(ctx context.Context) (uint64, error)
	Follow(ctx context.Context, after uint64, f store.Filter, fn func(events []*store.Event) error, gap func(store.Gap) error) error
	// Read gives what is kept and ends.
	Read(ctx context.Context, after uint64, f store.Filter, fn func(events []*store.Event) error, gap func(store.Gap) error) error
}

// Audience hears of those who read the events. Door is one of Doors. Its methods
// must not block.
type Audience interface {
	FollowerCame(door string)
	FollowerLeft(door string)
	FollowerRefused(door string) // all places of the door were taken
	// EventsDelivered and EventDelivery are told of [Sink].
	EventsDelivered(sink string, n int)
	EventDelivery(sink string, took time.Duration)
}

// Sink is the name, among the consumers that are counted, of those who follow the
// events over HTTP.
const Sink = "sse"

// Doors are where the API is served.
func Doors() []string { return []string{doorListen, doorControl} }

const (
	doorListen  = "listen"
	doorControl = "control"
)

// Health answers for the process.
type Health interface {
	// Healthy says why the process and its scheduler do not move; nil if they do.
	Healthy() error
	// Ready says what is not up yet; nil once configuration, store and fleet are.
	Ready() error
	// Service tells what the process knows about itself; the webhooks' problems
	// are added to it.
	Service() Service
}

// Reader is the read-only half. All fields are required.
type Reader struct {
	Agents   Agents
	Work     Work
	Events   Events
	Audience Audience
	Webhooks Webhooks
	Health   Health
	Metrics  http.Handler
	Page     http.Handler // the status page, and what it is fed with
	Log      *slog.Logger
}

// Handler returns the routes.
func (r *Reader) Handler() http.Handler {
	mux := http.NewServeMux()
	r.routes(mux, doorListen)
	return limited(mux)
}

func (r *Reader) routes(mux *http.ServeMux, door string) {
	for _, pattern := range []string{"/{$}", "/agents/{platform}/{login}", "/page/{file}", "/api/v1/changes", "/api/v1/activity"} {
		mux.Handle("GET "+pattern, r.Page)
	}
	mux.Handle("GET /metrics", r.Metrics)
	mux.HandleFunc("GET /-/healthy", r.answers(func() error { return r.Health.Healthy() }))
	mux.HandleFunc("GET /-/ready", r.answers(func() error { return r.Health.Ready() }))
	mux.HandleFunc("GET /api/v1/agents", r.list)
	mux.HandleFunc("GET /api/v1/agents/{platform}/{login}", r.one)
	mux.HandleFunc("GET /api/v1/platforms", r.platforms)
	mux.HandleFunc("GET /api/v1/events", newPlaces(followers, door, r.Audience, r.Log).serve(r.events))
	mux.HandleFunc("GET /api/v1/service", r.service)
	mux.HandleFunc("GET /api/v1/webhooks", r.webhooks)
}

func (r *Reader) answers(ask func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := ask(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	}
}

// StateUnmet is what the filter of states calls agents that are not as they are wished.
const StateUnmet = "unmet"

// choice is which agents a request asks for; an empty value asks for all.
type choice struct{ platform, state, work, group, label string }

// choiceNames are the parameters of a choice.
var choiceNames = []string{"platform", "state", "work", "group", "label"}

// choiceOf reads a choice and says what is wrong with it.
func choiceOf(q url.Values) (choice, error) {
	for name := range q {
		if !slices.Contains(choiceNames, name) && !slices.Contains(pageNames, name) {
			return choice{}, fmt.Errorf("unknown parameter %q: use platform, state, work, group, label, limit and after", session.Cut(name, textLimit))
		}
	}
	c := choice{platform: q.Get("platform"), state: q.Get("state"), work: q.Get("work"), group: q.Get("group"), label: q.Get("label")}
	if c.state != "" && c.state != StateUnmet && !validState(c.state) {
		return choice{}, fmt.Errorf("unknown state %q: use one of %s, or %s", session.Cut(c.state, textLimit), listed(session.States()), StateUnmet)
	}
	if c.work != "" && !validWork(c.work) {
		return choice{}, fmt.Errorf("unknown working state %q: use one of %s, or %s", session.Cut(c.work, textLimit), listed(work.States()), StateNotReady)
	}
	return c, nil
}

// place reports whether an agent's place in the configuration is asked for.
func (c choice) place(a fleet.Agent) bool {
	return matches(c.platform, a.ID.Platform) && matches(c.group, a.Group) && contains(a.Label, c.label)
}

// condition reports whether an agent's state is asked for.
func (c choice) condition(a view.Agent) bool {
	return (matches(c.state, a.State) || (c.state == StateUnmet && a.Unmet())) && c.working(a)
}

func validState(name string) bool {
	return slices.Contains(session.States(), session.State(name))
}

func listed[T ~string](states []T) string {
	words := make([]string, len(states))
	for i, s := range states {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// contains reports whether a label has these words in it, in whatever case.
func contains(label, words string) bool {
	return strings.Contains(strings.ToLower(label), strings.ToLower(words))
}

func matches(want, got string) bool { return want == "" || want == got }

func (r *Reader) one(w http.ResponseWriter, req *http.Request) {
	r.tell(w, http.StatusOK, idOf(req))
}

// tell answers with all that is known about one agent.
func (r *Reader) tell(w http.ResponseWriter, status int, id session.ID) {
	a, ok := r.Agents.Agent(id)
	if !ok {
		fail(w, http.StatusNotFound, r.unknown(id))
		return
	}
	now := time.Now()
	out := r.show(a, now)
	e := explanation{a: a, p: r.platform(id.Platform), now: now}
	if s, ok := r.Work.Of(id); ok {
		s = view.Present(&a, s)
		e.work = &s
	}
	out.Story = view.StoryOf(a, explain(e))
	reply(w, status, out)
}

// platform returns a platform by its name; the zero Platform if there is none.
func (r *Reader) platform(name string) fleet.Platform {
	for _, p := range r.Agents.Platforms() {
		if p.Name == name {
			return p
		}
	}
	return fleet.Platform{}
}

// unknown says that there is no such agent, and which one may be meant.
func (r *Reader) unknown(id session.ID) string {
	if name := id.String(); len(name) > idLimit {
		return fmt.Sprintf("no such agent: %s (a name has at most %d bytes)", session.Cut(name, textLimit), idLimit)
	}
	var names []string
	r.each(session.ID{}, func(a fleet.Agent) bool {
		names = append(names, a.ID.String())
		return true
	})
	return "no such agent: " + id.String() + DidYouMean(id.String(), names)
}

// idLimit is how long an agent's full name can be, in bytes: a platform's name
// has at most 128.
const idLimit = 128 + len("/") + session.NameLimit

func idOf(req *http.Request) session.ID {
	return session.ID{Platform: req.PathValue("platform"), Login: req.PathValue("login")}
}

func reply(w http.ResponseWriter, status int, body any) { listener.Reply(w, status, body) }

// fail answers {"error": …}, with a text of bounded length.
func fail(w http.ResponseWriter, status int, text string) { listener.Fail(w, status, text) }
