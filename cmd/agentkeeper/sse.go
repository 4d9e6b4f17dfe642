package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// serverEvent is one event of a stream of server-sent events.
type serverEvent struct {
	id, name string
	data     string
}

// largestEvent is more than the store takes.
const largestEvent = 16 << 20

// readEvents calls fn with each event of a stream until it ends, which is no
// error, or fn fails. An event that the end cut off is none.
func readEvents(r io.Reader, fn func(e serverEvent) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, largestEvent)
	var e serverEvent
	var data []string
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if data != nil {
				e.data = strings.Join(data, "\n")
				if err := fn(e); err != nil {
					return err
				}
			}
			e, data = serverEvent{}, nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			data = append(data, value)
		default: // a comment, or nothing of ours
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("an event is larger than %d MiB: %w", largestEvent>>20, err)
	} else if err != nil {
		return &brokenOff{err}
	}
	return nil
}

// brokenOff means that a stream ended in the middle.
type brokenOff struct{ err error }

func (e *brokenOff) Error() string { return "the stream broke off: " + e.err.Error() }

func (e *brokenOff) Unwrap() error { return e.err }
