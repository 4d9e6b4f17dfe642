// Package openfiles divides the files that the process may open between the
// agents and the listeners.
//
// Every connection is an open file. An agent that cannot open one misses its
// window and is signed out, so the agents come first: what they, the webhooks
// and the process itself need is set aside, and the listeners share what is
// left. A listener asks [Budget.Connections] at each new connection and closes
// the one that is too many.
package openfiles

import (
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Listener names one of the process's listeners as the configuration does.
type Listener string

// The listeners.
const (
	Public   Listener = "listen"
	Control  Listener = "control"
	Proxy    Listener = "proxy.listen"
	Callback Listener = "callback.listen"
	Events   Listener = "events.listen"
)

// Listeners returns the names of all.
func Listeners() []string {
	names := make([]string, len(table))
	for i, t := range table {
		names[i] = string(t.name)
	}
	return names
}

// Most is how many connections a listener takes at once where files are not
// short.
const Most = 512

// Reserved is how many open files the process needs beside those of [Demand]:
// for the store, logs, secrets and its sockets, and for the few connections
// that each listener takes even where no files are left.
const Reserved = 300

// terms are what one listener asks for.
type terms struct {
	name  Listener
	least int // connections that it gets in any case, from Reserved
	files int // of one connection
}

// table is every listener. A request to the proxy opens a second connection, to
// the platform.
var table = [...]terms{
	{Control, 32, 1},
	{Public, 16, 1},
	{Proxy, 8, 2},
	{Callback, 16, 1},
	{Events, 16, 1},
}

// Demand is what comes before every listener.
type Demand struct {
	Agents   int // one connection each
	SignIns  int // in flight at once, over all platforms
	Webhooks int // deliveries in flight at once, over all webhooks
}

func (d Demand) files() int { return Reserved + d.Agents + d.SignIns + d.Webhooks }

// Share is what one listener gets.
type Share struct {
	Listener    Listener
	Connections int
}

// Plan is one division of the files.
type Plan struct {
	Limit  uint64 // open files that the process may have; 0: unknown, nothing is bounded by it
	Demand Demand
	Left   int     // files left for the listeners; negative: missing for the agents
	Needed int     // the limit at which every listener gets Most
	Shares []Share // of the listeners in use
}

// Divide divides limit open files. 0 stands for an unknown limit: every
// listener gets Most.
func Divide(limit uint64, d Demand, on ...Listener) Plan {
	p := Plan{Limit: limit, Demand: d, Needed: d.files()}
	var used []terms
	for _, t := range table {
		for _, name := range on {
			if t.name == name {
				used = append(used, t)
				p.Needed += (Most - t.least) * t.files
			}
		}
	}
	wanted := p.Needed - d.files() // beyond what Reserved holds
	p.Left = wanted
	if limit > 0 {
		p.Left = int(min(limit, 1<<30)) - d.files()
	}
	part := min(max(p.Left, 0), wanted)
	for _, t := range used {
		p.Shares = append(p.Shares, Share{t.name, t.least + (Most-t.least)*part/max(wanted, 1)})
	}
	return p
}

// Connections returns a listener's share, 0 for one that is not in use.
func (p Plan) Connections(l Listener) int {
	for _, s := range p.Shares {
		if s.Listener == l {
			return s.Connections
		}
	}
	return 0
}

// Warning says what is short and what to do about it; "" where nothing is.
func (p Plan) Warning() string {
	switch {
	case p.Limit == 0 || uint64(p.Needed) <= p.Limit:
		return ""
	case p.Left < 0:
		return fmt.Sprintf("%d open files are allowed, and %d agents and the service itself need %d: agents will fail to connect, and the listeners take the fewest connections (%s); raise LimitNOFILE of the unit to %d or more",
			p.Limit, p.Demand.Agents, p.Demand.files(), p.shares(), p.Needed)
	}
	return fmt.Sprintf("%d open files are allowed, of which %d are kept for %d agents and the service itself, so the listeners take fewer connections than %d each (%s); raise LimitNOFILE of the unit to %d or more",
		p.Limit, p.Demand.files(), p.Demand.Agents, Most, p.shares(), p.Needed)
}

func (p Plan) shares() string {
	list := make([]string, len(p.Shares))
	for i, s := range p.Shares {
		list[i] = fmt.Sprintf("%s %d", s.Listener, s.Connections)
	}
	return strings.Join(list, ", ")
}

// Budget is the division in force. Its methods may be called from any
// goroutine; none of them blocks.
type Budget struct {
	limit uint64
	on    []Listener

	mu   sync.RWMutex
	plan Plan
}

// New returns the budget of a process that may open limit files and listens on
// what is named. Before the first [Budget.Apply] it has no agents.
func New(limit uint64, on ...Listener) *Budget {
	return &Budget{limit: limit, on: on, plan: Divide(limit, Demand{}, on...)}
}

// Apply divides the files anew, at the start and after each reload. A share that
// shrinks ends no connection by itself: the listeners see to that.
func (b *Budget) Apply(d Demand) Plan {
	p := Divide(b.limit, d, b.on...)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plan = p
	return p
}

// Plan returns the division in force.
func (b *Budget) Plan() Plan {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.plan
}

// Connections returns how many connections a listener may have now, 0 for one
// that [New] was not given.
func (b *Budget) Connections(l Listener) int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.plan.Connections(l)
}

// RaiseLimit raises the soft limit of open files to the hard one and returns
// it; 0: unknown.
func RaiseLimit() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	if r.Cur < r.Max {
		raised := unix.Rlimit{Cur: r.Max, Max: r.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			return raised.Cur
		}
	}
	return r.Cur
}

// Fit returns how many agents fit under a limit of open files.
func Fit(limit uint64) uint64 { return limit - min(limit, Reserved) }
