package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

const recordVersion = 1

// record is what a hook leaves to the next process.
type record struct {
	Version int               `json:"v"`
	Done    uint64            `json:"done"`              // everything up to here is delivered
	Late    map[string]uint64 `json:"late,omitempty"`    // but of these agents from here on
	Oldest  time.Time         `json:"oldest,omitzero"`   // when the oldest event that is late was received
	Dead    uint64            `json:"dead,omitempty"`    // events that were dropped before they were delivered
	GivenUp map[string]uint64 `json:"buried,omitempty"`  // events that were given up, by reason
	Letters []DeadLetter      `json:"letters,omitempty"` // the latest of them, oldest first
	Gone    *gone             `json:"gone,omitempty"`    // the receiver answered 410
	Removed time.Time         `json:"removed,omitzero"`  // when the hook left the configuration
}

// gone says since when a hook is stopped, and with which settings.
type gone struct {
	At       time.Time `json:"at"`
	Settings string    `json:"settings"`
}

func decodeRecord(data []byte) (record, error) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		return record{}, fmt.Errorf("decode a webhook's position: %w", err)
	}
	if r.Version != recordVersion {
		return record{}, fmt.Errorf("decode a webhook's position: version %d, this program reads %d", r.Version, recordVersion)
	}
	return r, nil
}

func (r record) encode() []byte {
	r.Version = recordVersion
	data, _ := json.Marshal(r) // numbers, text and times encode
	return data
}

// position is how far a hook has come: what it has read, and what the process
// before had delivered beyond that.
type position struct {
	read  uint64            // everything up to here is delivered or in the window
	done  uint64            // of the process before; of no meaning once it is read
	lates map[string]uint64 // likewise: not delivered from here on
}

// resume returns the position that a record describes.
func resume(r record) position {
	p := position{read: r.Done, done: r.Done, lates: maps.Clone(r.Late)}
	for _, seq := range r.Late {
		p.read = min(p.read, seq-1)
	}
	return p
}

// replaying reports whether what is read was partly delivered by the process
// before.
func (p *position) replaying() bool { return p.read < p.done }

// delivered reports whether the process before had delivered an event.
func (p *position) delivered(seq uint64, key string) bool {
	late, is := p.lates[key]
	return seq <= p.done && (!is || seq < late)
}

// advance goes on to an event's position and returns how many events were
// dropped in between that this hook had still to get: of the part that is
// replayed one for each agent at least.
func (p *position) advance(seq uint64) (dropped uint64) {
	if seq <= p.read { // the stream began anew
		*p = position{read: seq}
		return 0
	}
	if seq > p.read+1 {
		if p.replaying() {
			for _, late := range p.lates {
				if late > p.read && late < seq {
					dropped++
				}
			}
		}
		if from := max(p.read, p.done); seq > from+1 {
			dropped += seq - from - 1
		}
	}
	p.read = seq
	return dropped
}

// remaining are the agents of which the process before had not delivered all.
func (p *position) remaining() map[string]uint64 {
	if !p.replaying() {
		return nil
	}
	return p.lates
}

// record describes the position, given the first events that are not delivered.
func (p *position) record(heads map[string]uint64) (done uint64, late map[string]uint64) {
	late = map[string]uint64{}
	if p.replaying() {
		for key, seq := range p.lates {
			late[key] = max(seq, p.read+1)
		}
	}
	maps.Copy(late, heads)
	return max(p.read, p.done), late
}
