package sse

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// Event is one event of a stream.
type Event struct {
	ID   string // "": none
	Name string // "": the nameless one, which browsers call message
	Data []byte // without line ends
}

// Append appends an event as it is sent.
func Append(to []byte, e Event) []byte {
	if e.Name != "" {
		to = append(append(append(to, "event: "...), e.Name...), '\n')
	}
	if e.ID != "" {
		to = append(append(append(to, "id: "...), e.ID...), '\n')
	}
	return append(append(append(to, "data: "...), e.Data...), "\n\n"...)
}

// AppendNumbered is Append for a nameless event whose id is a number.
func AppendNumbered(to []byte, id uint64, data []byte) []byte {
	to = append(strconv.AppendUint(append(to, "id: "...), id, 10), '\n')
	return Append(to, Event{Data: data})
}

// writeTimeout is how long a reader may take nothing before it is cut off.
const writeTimeout = 30 * time.Second

// Writer writes a stream to one reader. Its methods may be called from any
// goroutine; one write goes on at a time, for 30 s at most.
type Writer struct {
	turn chan struct{} // full while a write is under way
	w    http.ResponseWriter
	rc   *http.ResponseController
}

// NewWriter sets the headers of a stream; the first write sends them.
func NewWriter(w http.ResponseWriter) *Writer {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy passes events on as they come
	return &Writer{turn: make(chan struct{}, 1), w: w, rc: http.NewResponseController(w)}
}

// Write writes whole events, or comments, and sends them at once.
func (s *Writer) Write(events []byte) (int, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if err := s.rc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := s.w.Write(events)
	if err != nil {
		return n, err
	}
	return n, s.rc.Flush()
}

// Comment writes a line that readers skip.
func (s *Writer) Comment(text string) error {
	_, err := s.Write([]byte(": " + text + "\n\n"))
	return err
}

// Beat writes a comment again and again, so that proxies and readers know that
// the stream lives. It returns when ctx ends or the reader takes nothing any more.
func (s *Writer) Beat(ctx context.Context, every time.Duration, text string) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if s.Comment(text) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
