package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// mark is how far the stream of events had come, in a small file beside the
// server's own: the server drops events behind a damaged byte without a word,
// and their positions are what tells. It is written after the server has
// acknowledged the events, so that a mark that lags raises no false alarm.
//
// The file has slots of one size, each with a sum of its own. The first two
// hold the newest position, in turn; the others a position and a time at which it
// was still to come, some for each of the stream's life times, which tell what
// may be gone by age from what may not.
const (
	markName  = "events.mark"
	slotSize  = 64
	markSlots = 64 // beside the first two
)

// slackBytes is how near to its limit a stream may be for its oldest events to
// have gone by size.
const slackBytes = 1 << 20

type mark struct {
	log *slog.Logger

	mu    sync.Mutex
	dir   string
	file  *os.File      // nil: none can be made
	last  uint64        // position of the newest event; 0: none
	first uint64        // position of the oldest one kept, as last seen
	holes uint64        // events known to be missing between them
	turn  uint64        // counts the writes of the first two slots
	age   time.Duration // the limits under which events went so far; 0: unknown
	bytes int64
	ring  [markSlots]point
	next  int // slot of the ring that is written next
}

// point is a position that had no event yet at some time: neither it nor what
// lies behind it is older.
type point struct {
	seq uint64
	at  time.Time
}

// openMark reads the mark of a directory. Slots that are damaged do not count.
func openMark(dir string, log *slog.Logger) *mark {
	m := &mark{log: log, dir: dir}
	m.reopen()
	if m.file == nil {
		return m
	}
	data := make([]byte, slotSize*(2+markSlots))
	n, err := m.file.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		log.Warn("store: the mark of the newest event cannot be read", "error", err)
	}
	data = data[:n]
	for i := 0; (i+1)*slotSize <= len(data); i++ {
		m.load(i, data[i*slotSize:(i+1)*slotSize])
	}
	return m
}

// reopen makes the file where it is not.
func (m *mark) reopen() {
	name := filepath.Join(m.dir, markName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		f, err = os.Open(name)
	}
	if err != nil {
		m.log.Warn("store: the mark of the newest event cannot be kept", "error", err)
		return
	}
	m.file = f
}

func (m *mark) load(i int, slot []byte) {
	v, ok := readSlot(slot)
	switch {
	case !ok:
	case i < 2:
		if v[3] >= m.turn {
			m.last = v[0]
			m.first = v[1]
			m.holes = v[2]
			m.turn = v[3]
			m.age = time.Duration(v[4])
			m.bytes = int64(v[5])
		}
	default:
		m.ring[i-2] = point{v[0], time.Unix(0, int64(v[1]))}
		if m.ring[i-2].at.After(m.ring[m.newest()].at) {
			m.next = (i - 2 + 1) % markSlots
		}
	}
}

func (m *mark) newest() int { return (m.next + markSlots - 1) % markSlots }

func writeSlot(values ...uint64) []byte {
	b := make([]byte, slotSize)
	for i, v := range values {
		binary.LittleEndian.PutUint64(b[8+8*i:], v)
	}
	binary.LittleEndian.PutUint32(b, sum(b[8:]))
	return b
}

func readSlot(b []byte) (values [slotSize/8 - 1]uint64, ok bool) {
	for i := range values {
		values[i] = binary.LittleEndian.Uint64(b[8+8*i:])
	}
	return values, binary.LittleEndian.Uint64(b) == uint64(sum(b[8:]))
}

// reach notes that a commit which began then has brought the events up to seq on
// the disk. All events of a commit are as young as its beginning, so a point is
// the position of its first one: a point behind it would leave those before the
// point out of what can be missed.
func (m *mark) reach(seq uint64, began time.Time, maxAge time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seq <= m.last {
		return
	}
	first := m.last + 1
	m.last = seq
	m.save()
	if last := m.ring[m.newest()]; began.Sub(last.at) >= maxAge/markSlots || began.Before(last.at) {
		m.ring[m.next] = point{first, began}
		m.put(2+m.next, writeSlot(first, uint64(began.UnixNano())))
		m.next = (m.next + 1) % markSlots
	}
}

// position is how far the events have come.
func (m *mark) position() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// look takes note of the oldest event that is kept, and of what is missing
// behind it. It returns how many events have gone from the middle since the last
// look: no limit drops those, so the server came upon damage. It fails where the
// newest ones are gone, up to a position that the events had reached before the
// state was asked for.
func (m *mark) look(s jetstream.StreamState, reached uint64) (lost uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.LastSeq < reached {
		return 0, fmt.Errorf("the newest event is at position %d and was at %d: the server came upon damage", s.LastSeq, reached)
	}
	holes := holesOf(s)
	if holes > m.holes {
		lost = holes - m.holes
	}
	if m.first != s.FirstSeq || m.holes != holes {
		m.first, m.holes = s.FirstSeq, holes
		m.save()
	}
	return lost, nil
}

// holesOf counts the events missing between the oldest and the newest.
func holesOf(s jetstream.StreamState) uint64 {
	if s.Msgs == 0 || s.LastSeq+1-s.FirstSeq < s.Msgs {
		return 0
	}
	return s.LastSeq + 1 - s.FirstSeq - s.Msgs
}

// save writes one of the first two slots. The caller holds mu.
func (m *mark) save() {
	m.turn++
	m.put(int(m.turn%2), writeSlot(m.last, m.first, m.holes, m.turn, uint64(m.age), uint64(m.bytes)))
}

func (m *mark) put(slot int, data []byte) {
	if m.file != nil {
		_, _ = m.file.WriteAt(data, int64(slot)*slotSize) // one that lags is none the worse
	}
}

// move goes on in the directory that has taken the place of the old one.
func (m *mark) move() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		_ = m.file.Close()
		m.file = nil
	}
	m.reopen()
	m.save()
}

func (m *mark) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		_ = m.file.Close()
	}
	m.file = nil
}

// missing returns how many events are gone that neither the limits nor an
// earlier find account for, and takes note of what there is. It is asked at an
// engine's start.
func (m *mark) missing(s jetstream.StreamState, now time.Time, maxAge time.Duration, maxBytes int64) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.gone(s, now, lesser(m.age, maxAge), lesser(m.bytes, maxBytes))
	m.first = s.FirstSeq
	m.holes = holesOf(s)
	m.last = s.LastSeq
	m.age, m.bytes = maxAge, maxBytes
	m.forget()
	m.save()
	return n
}

// lesser is the stricter of an old limit, 0 where it is unknown, and a new one.
func lesser[T time.Duration | int64](before, now T) T {
	if before > 0 {
		return min(before, now)
	}
	return now
}

// gone counts at the newest end, in the middle and at the oldest end, without
// what was told before. The caller holds mu.
func (m *mark) gone(s jetstream.StreamState, now time.Time, maxAge time.Duration, maxBytes int64) (n uint64) {
	begin := m.begin(now, maxAge)
	if s.Msgs == 0 {
		return m.last + 1 - begin
	}
	missing := holesOf(s)
	if m.last > s.LastSeq { // the positions that an earlier find left open may have gone, too
		missing += m.last - max(s.LastSeq, begin-1)
	}
	if missing > m.holes {
		n = missing - m.holes
	}
	if s.FirstSeq > begin && int64(s.Bytes) < maxBytes-slackBytes {
		n += s.FirstSeq - begin
	}
	return n
}

// begin is the position of the oldest event that cannot be gone by age, as far
// as is known. The caller holds mu.
func (m *mark) begin(now time.Time, maxAge time.Duration) uint64 {
	begin := m.last + 1 // no point is young enough: everything may be gone
	for _, p := range m.ring {
		if p.seq > 0 && p.seq <= m.last && now.Sub(p.at) < maxAge-maxAge/markSlots {
			begin = min(begin, p.seq)
		}
	}
	return min(max(begin, m.first, 1), m.last+1)
}

// forget drops the points of positions that are to come again.
func (m *mark) forget() {
	for i, p := range m.ring {
		if p.seq > m.last {
			m.ring[i] = point{}
			m.put(2+i, writeSlot(0, 0))
		}
	}
}
