package page

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/sse"
	"agentkeeper/session"
)

const (
	lookEvery      = 500 * time.Millisecond // at most so often
	lookShare      = 50                     // and looking takes this part of the time at most
	maxViewers     = 50
	chunk          = 1000    // agents in one message
	maxUpdates     = 100     // updates kept for viewers that lag; who lags more gets everything anew
	maxUpdateBytes = 8 << 20 // and so many bytes of them, one aside
)

// board is the fleet as its viewers see it. The zero board has no viewers;
// without them it looks at nothing and keeps nothing.
type board struct {
	fleet Fleet
	work  Work

	mu      sync.Mutex // held over a look, which waits for nothing but the fleet's own lock
	viewers int
	shared
}

// shared is what all viewers get.
type shared struct {
	due       time.Time // the next look
	looks     uint64
	last      uint64 // the number of the newest update
	rows      map[session.ID]*entry
	sorted    []*entry // the same, by name
	platforms []byte   // the message
	updates   []update // the newest, oldest first
	size      int      // of the updates, in bytes
}

// entry is a row and how it is sent.
type entry struct {
	row  row
	json []byte
	seen uint64 // the look that saw it last
}

// update is what one look found.
type update struct {
	number   uint64
	messages [][]byte
}

// text is a message that is made when it is sent: a viewer who gets everything has
// no room taken for all of it at once.
type text struct {
	ready []byte
	rows  [][]byte // of agents, where it is not ready
}

func (t text) bytes() []byte {
	if t.ready != nil {
		return t.ready
	}
	return ofAgents(t.rows)
}

// enter admits a viewer, unless there are too many.
func (b *board) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.viewers == maxViewers {
		return false
	}
	b.viewers++
	return true
}

// leave forgets everything with the last viewer.
func (b *board) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.viewers--
	if b.viewers == 0 {
		b.shared = shared{}
	}
}

// since returns what a viewer that knows everything up to number has to be
// sent, and the number that it knows then. For 0, and for whoever fell too far
// behind, that is everything.
func (b *board) since(number uint64) (messages []text, now uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	lagging := number < b.last && (len(b.updates) == 0 || b.updates[0].number > number+1)
	if number == 0 || lagging {
		return b.everything(), b.last
	}
	for _, n := range b.updates {
		if n.number > number {
			for _, m := range n.messages {
				messages = append(messages, text{ready: m})
			}
		}
	}
	return messages, b.last
}

// look notes what changed since the look before, if one is due. The caller
// holds mu.
func (b *board) look() {
	began := time.Now()
	if began.Before(b.due) {
		return
	}
	if b.rows == nil {
		b.rows = map[session.ID]*entry{}
	}
	b.looks++
	list, index := summary(b.fleet.Platforms())
	var changed [][]byte
	b.sorted = b.sorted[:0]
	for a := range b.agents {
		e := b.rows[a.ID]
		if e == nil {
			e = &entry{row: row{ID: a.ID.String()}}
			b.rows[a.ID] = e
		}
		r := rowOf(a, e.row.ID, began)
		if s, ok := b.work.Of(a.ID); ok {
			r.working = workingOf(a, s)
		}
		if e.row != r {
			e.row, e.json = r, encode(r)
			changed = append(changed, e.json)
		}
		if p := index[a.ID.Platform]; p != nil {
			p.add(a, &e.row, began)
		}
		e.seen = b.looks
		b.sorted = append(b.sorted, e)
	}
	b.note(list, changed, b.gone())
	b.due = began.Add(max(lookEvery, lookShare*time.Since(began)))
}

// agents yields every agent, and holds few of them at once.
func (b *board) agents(yield func(*fleet.Agent) bool) {
	for after := (session.ID{}); ; {
		list := b.fleet.Page(after, chunk)
		for i := range list {
			if !yield(&list[i]) {
				return
			}
		}
		if len(list) < chunk {
			return
		}
		after = list[len(list)-1].ID
	}
}

// gone removes the agents that the present look did not see.
func (b *board) gone() (ids []string) {
	for id, e := range b.rows {
		if e.seen != b.looks {
			ids = append(ids, id.String())
			delete(b.rows, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// note keeps what the present look found.
func (b *board) note(list []line, changed [][]byte, gone []string) {
	n := update{number: b.last + 1}
	if m := message("platforms", encode(map[string]any{"platforms": list})); !bytes.Equal(m, b.platforms) {
		b.platforms = m
		n.messages = append(n.messages, m)
	}
	n.messages = append(n.messages, inChunks(changed)...)
	if len(gone) > 0 {
		n.messages = append(n.messages, message("gone", encode(map[string]any{"gone": gone})))
	}
	if len(n.messages) == 0 {
		return
	}
	b.last = n.number
	b.updates = append(b.updates, n)
	b.size += n.size()
	for len(b.updates) > maxUpdates || (len(b.updates) > 1 && b.size > maxUpdateBytes) {
		b.size -= b.updates[0].size()
		b.updates = slices.Delete(b.updates, 0, 1)
	}
}

func (n update) size() (sum int) {
	for _, m := range n.messages {
		sum += len(m)
	}
	return sum
}

// everything is the platforms, every agent, sorted, and a mark behind the last.
func (b *board) everything() []text {
	messages := []text{{ready: message("reset", []byte("{}"))}, {ready: b.platforms}}
	for part := range slices.Chunk(b.sorted, chunk) {
		rows := make([][]byte, len(part))
		for i, e := range part {
			rows[i] = e.json
		}
		messages = append(messages, text{rows: rows})
	}
	return append(messages, text{ready: message("complete", []byte("{}"))})
}

// inChunks makes messages of encoded rows.
func inChunks(rows [][]byte) (messages [][]byte) {
	for part := range slices.Chunk(rows, chunk) {
		messages = append(messages, ofAgents(part))
	}
	return messages
}

// ofAgents makes one message of encoded rows.
func ofAgents(rows [][]byte) []byte {
	list := bytes.Join(rows, []byte(","))
	return message("agents", append(append([]byte(`{"agents":[`), list...), "]}"...))
}

// message is one server-sent event. JSON has no line ends of its own.
func message(event string, data []byte) []byte {
	return sse.Append(make([]byte, 0, len(event)+len(data)+len("event: \ndata: \n\n")), sse.Event{Name: event, Data: data})
}

// encode makes JSON of our own types, which cannot fail.
func encode(v any) []byte {
	data, _ := json.Marshal(v)
	return data
}
