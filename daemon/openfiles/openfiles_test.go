package openfiles

import (
	"strings"
	"testing"
)

var all = []Listener{Public, Control, Proxy, Callback, Events}

// files is what the listeners of p can open beyond Reserved.
func files(p Plan) (n int) {
	for _, t := range table {
		if c := p.Connections(t.name); c > 0 {
			n += (c - t.least) * t.files
		}
	}
	return n
}

func TestReservedHoldsTheLeast(t *testing.T) {
	n := 0
	for _, l := range table {
		n += l.least * l.files
	}
	if n > Reserved-190 {
		t.Errorf("the least connections take %d of %d reserved files, of which the process needs 190", n, Reserved)
	}
}

// Whatever the limit, what agents need is never given to a listener.
func TestDivideKeepsTheAgentsFiles(t *testing.T) {
	for _, on := range [][]Listener{all, {Public, Control}, {Events}, nil} {
		for limit := uint64(1); limit < 6000; limit += 7 {
			for _, d := range []Demand{{}, {Agents: 1500, SignIns: 10, Webhooks: 8}, {Agents: 5000}} {
				p := Divide(limit, d, on...)
				if got := files(p); got > max(0, int(limit)-d.files()) {
					t.Fatalf("limit %d, %+v: the listeners get %d files of %d", limit, d, got, int(limit)-d.files())
				}
				for _, l := range on {
					if n := p.Connections(l); n < 8 || n > Most {
						t.Fatalf("limit %d, %+v: %s gets %d", limit, d, l, n)
					}
				}
			}
		}
	}
}

func TestDivide(t *testing.T) {
	for _, c := range []struct {
		name    string
		limit   uint64
		agents  int
		public  int
		warning string // part of it; "" = none
	}{
		{"plenty", 1 << 20, 20000, Most, ""},
		{"unknown", 0, 20000, Most, ""},
		{"at the limit where all get all", 2000 + 300 + 496 + 480 + 2*504 + 496 + 496, 2000, Most, ""},
		{"one below", 2000 + 300 + 496 + 480 + 2*504 + 496 + 496 - 1, 2000, Most - 1, "raise LimitNOFILE of the unit to 5276"},
		{"short", 2048, 1500, 16 + 496*248/2976, "of which 1800 are kept for 1500 agents"},
		{"nothing left", 1800, 1500, 16, "listen 16"},
		{"missing", 1024, 1500, 16, "agents will fail to connect"},
	} {
		p := Divide(c.limit, Demand{Agents: c.agents}, all...)
		if got := p.Connections(Public); got != c.public {
			t.Errorf("%s: listen gets %d, want %d", c.name, got, c.public)
		}
		if w := p.Warning(); (w == "") != (c.warning == "") || !strings.Contains(w, c.warning) {
			t.Errorf("%s: warning %q", c.name, w)
		}
	}
}

// A reload with more agents shrinks the shares, one with fewer gives them back.
func TestBudgetFollowsTheAgents(t *testing.T) {
	b := New(2048, all...)
	before := b.Connections(Events)
	b.Apply(Demand{Agents: 1700})
	during := b.Connections(Events)
	b.Apply(Demand{})
	if after := b.Connections(Events); during >= before || after != before {
		t.Errorf("%d connections, with 1700 agents %d, then %d", before, during, after)
	}
	if n := New(2048, Public).Connections(Events); n != 0 {
		t.Errorf("a listener that is not in use gets %d", n)
	}
}

func TestFit(t *testing.T) {
	if a, b := Fit(1024), Fit(10); a != 1024-Reserved || b != 0 {
		t.Errorf("%d agents fit under 1024 files, %d under 10", a, b)
	}
	if n := RaiseLimit(); n == 0 || n != RaiseLimit() {
		t.Errorf("the limit is %d", n)
	}
}
