package page

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"agentkeeper/session"
)

const (
	lookEvery  = 500 * time.Millisecond // at most so often
	lookShare  = 50                     // and looking takes this part of the time at most
	maxViewers = 50
	chunk      = 1000    // agents in one message
	maxNews    = 100     // news kept for viewers that lag; who lags more gets everything anew
	keepNews   = 8 << 20 // and so many bytes of them, one aside
)

// board is the fleet as its viewers see it. The zero board has no viewers;
// without them it looks at nothing and keeps nothing.
type board struct {
	fleet Fleet

	mu      sync.Mutex // held over a look, which waits for nothing but the fleet's own lock
	viewers int
	view
}

// view is what the viewers share.
type view struct {
	due       time.Time // the next look
	looks     uint64
	last      uint64 // the number of the newest news
	rows      map[session.ID]*entry
	platforms []byte // the message
	news      []news // the newest, oldest first
	size      int    // of the news, in bytes
}

// entry is a row and how it is sent.
type entry struct {
	row  row
	json []byte
	seen uint64 // the look that saw it last
}

// news is what one look found.
type news struct {
	number   uint64
	messages [][]byte
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
		b.view = view{}
	}
}

// since returns what a viewer that knows everything up to number has to be
// sent, and the number that it knows then. For 0, and for whoever fell too far
// behind, that is everything.
func (b *board) since(number uint64) (messages [][]byte, now uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look()
	if number == 0 || number < b.last && (len(b.news) == 0 || b.news[0].number > number+1) {
		return b.everything(), b.last
	}
	for _, n := range b.news {
		if n.number > number {
			messages = append(messages, n.messages...)
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
	agents := b.fleet.Agents()
	for i := range agents {
		a := &agents[i]
		e := b.rows[a.ID]
		if e == nil {
			e = &entry{row: row{ID: a.ID.String()}}
			b.rows[a.ID] = e
		}
		if r := rowOf(a, e.row.ID, began); e.row != r {
			e.row, e.json = r, encode(r)
			changed = append(changed, e.json)
		}
		if p := index[a.ID.Platform]; p != nil {
			p.count(a, &e.row, began)
		}
		e.seen = b.looks
	}
	b.note(list, changed, b.gone())
	b.due = began.Add(max(lookEvery, lookShare*time.Since(began)))
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
func (b *board) note(list []platform, changed [][]byte, gone []string) {
	n := news{number: b.last + 1}
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
	b.news = append(b.news, n)
	b.size += n.size()
	for len(b.news) > maxNews || len(b.news) > 1 && b.size > keepNews {
		b.size -= b.news[0].size()
		b.news = slices.Delete(b.news, 0, 1)
	}
}

func (n news) size() (sum int) {
	for _, m := range n.messages {
		sum += len(m)
	}
	return sum
}

// everything is the platforms, every agent, and a mark behind the last.
func (b *board) everything() [][]byte {
	rows := make([][]byte, 0, len(b.rows))
	for _, e := range b.rows {
		rows = append(rows, e.json)
	}
	messages := append([][]byte{message("reset", []byte("{}")), b.platforms}, inChunks(rows)...)
	return append(messages, message("complete", []byte("{}")))
}

// inChunks makes messages of encoded rows.
func inChunks(rows [][]byte) (messages [][]byte) {
	for part := range slices.Chunk(rows, chunk) {
		list := bytes.Join(part, []byte(","))
		data := append(append([]byte(`{"agents":[`), list...), "]}"...)
		messages = append(messages, message("agents", data))
	}
	return messages
}

// message is one server-sent event. JSON has no line ends of its own.
func message(event string, data []byte) []byte {
	out := make([]byte, 0, len(event)+len(data)+len("event: \ndata: \n\n"))
	out = append(append(append(out, "event: "...), event...), "\ndata: "...)
	return append(append(out, data...), "\n\n"...)
}

// encode makes JSON of our own types, which cannot fail.
func encode(v any) []byte {
	data, _ := json.Marshal(v)
	return data
}
