package sse

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// largestEvent is the longest line that is read, in bytes: more than the store
// takes.
const largestEvent = 16 << 20

// Read calls fn with each event of a stream until that ends, which is no error, or
// fn fails. An event that the end cut off is none. A stream that breaks off is a
// [BrokenOff]. The event's data is fn's.
func Read(r io.Reader, fn func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, largestEvent)
	var e Event
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if e.Data != nil {
				if err := fn(e); err != nil {
					return err
				}
			}
			e = Event{}
			continue
		}
		e.take(line)
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("an event is larger than %d MiB: %w", largestEvent>>20, err)
	} else if err != nil {
		return &BrokenOff{err}
	}
	return nil
}

// take takes a line of an event.
func (e *Event) take(line []byte) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "id":
		e.ID = string(value)
	case "event":
		e.Name = string(value)
	case "data":
		if e.Data == nil {
			e.Data = []byte{}
		} else {
			e.Data = append(e.Data, '\n')
		}
		e.Data = append(e.Data, value...)
	default: // a comment, or a field that nobody here needs
	}
}

// BrokenOff means that a stream ended in the middle.
type BrokenOff struct{ err error }

// Error implements error.
func (e *BrokenOff) Error() string { return "the stream broke off: " + e.err.Error() }

// Unwrap returns what broke it off.
func (e *BrokenOff) Unwrap() error { return e.err }
