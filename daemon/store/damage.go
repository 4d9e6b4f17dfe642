package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"agentkeeper/session"
)

// Damage is what was found wrong with what is on disk since [Open], and what
// came of it. The zero Damage is none.
type Damage struct {
	// Restored counts records that the server had lost, or had only an older
	// value of, and that were written again from their second copy. Nothing is
	// lost by that.
	Restored int
	// Copies counts damaged parts of the second copies, which were written anew.
	// Nothing is lost by that.
	Copies int
	// Records, Wishes, Works, Gates, Hooks and Commands are those whose both copies are
	// damaged: there was one, and what it said is lost.
	Records []session.ID
	Wishes  []session.ID
	Works   []session.ID
	Gates   []string
	Hooks   []string
	// Commands are the names of requests with a key against sending twice.
	Commands []string
	// Unknown means that other records may be lost, too, and that nobody knows
	// which: any agent may have been refused, parked or paused.
	Unknown bool
	// HashKey means that the key of [Store.Hash] was lost and made anew: no
	// stored hash can be compared with a present one.
	HashKey bool
	// Events counts events that are gone and that no limit of age or size dropped.
	Events uint64
}

// Lost counts the records that are lost for certain.
func (d Damage) Lost() int {
	return len(d.Records) + len(d.Wishes) + len(d.Works) + len(d.Gates) + len(d.Hooks) + len(d.Commands)
}

// Grave reports whether anything is lost that sign-ins depend on.
func (d Damage) Grave() bool {
	return d.Unknown || d.HashKey || d.Lost() > len(d.Hooks)+len(d.Works)+len(d.Commands)
}

// String says what was lost, for a log line or a page; "" for nothing.
func (d Damage) String() string {
	var parts []string
	if n := d.Lost(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d records are lost", n))
	}
	if d.Unknown {
		parts = append(parts, "other records may be lost, nobody knows which")
	}
	if d.HashKey {
		parts = append(parts, "the key that tells changed secrets is lost")
	}
	if d.Events > 0 {
		parts = append(parts, fmt.Sprintf("%d events are lost", d.Events))
	}
	return strings.Join(parts, "; ")
}

// lose notes that a key's value is lost.
func (d *Damage) lose(key string) {
	for kind, list := range map[Kind]*[]string{Gates: &d.Gates, Hooks: &d.Hooks, Commands: &d.Commands} {
		if name, err := kind.nameIn(key); err == nil {
			*list = append(*list, name)
			return
		}
	}
	for kind, list := range map[Kind]*[]session.ID{Records: &d.Records, Wishes: &d.Wishes, Works: &d.Works} {
		name, err := kind.nameIn(key)
		if err != nil {
			continue
		}
		if id, err := session.ParseID(name); err == nil {
			*list = append(*list, id)
			return
		}
	}
	d.Unknown = true
}

func (d *Damage) add(more Damage) {
	d.Restored += more.Restored
	d.Copies += more.Copies
	d.Records = union(d.Records, more.Records)
	d.Wishes = union(d.Wishes, more.Wishes)
	d.Works = union(d.Works, more.Works)
	d.Gates = union(d.Gates, more.Gates)
	d.Hooks = union(d.Hooks, more.Hooks)
	d.Commands = union(d.Commands, more.Commands)
	d.Unknown = d.Unknown || more.Unknown
	d.HashKey = d.HashKey || more.HashKey
	d.Events += more.Events
}

func union[T comparable](a, b []T) []T {
	all := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

// Damage tells what was found damaged on disk so far.
func (s *Store) Damage() Damage {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d Damage
	d.add(s.damage) // a copy of the lists
	return d
}

// found takes note of damage and says so, once for each find.
func (s *Store) found(d Damage) {
	s.mu.Lock()
	s.damage.add(d)
	s.mu.Unlock()
	if d.Restored > 0 {
		s.log.Error("store: damage on disk: records that the server had lost are written again from their second copy; nothing is lost by it, but look at the disk",
			"records", d.Restored)
	}
	if d.Copies > 0 {
		s.log.Error("store: damage on disk: the second copy of the records is written anew; nothing is lost by it, but look at the disk",
			"damaged", d.Copies)
	}
	if text := d.String(); text != "" {
		s.log.Error("store: damage on disk: "+text, "records", d.Records, "overrides", d.Wishes, "working_states", d.Works, "budgets", d.Gates,
			"webhooks", d.Hooks, "commands", len(d.Commands), "events", d.Events)
	}
}

// keysIn lists an index's keys in a fixed order.
func keysIn(ix index) []string { return slices.Sorted(maps.Keys(ix.entries)) }
