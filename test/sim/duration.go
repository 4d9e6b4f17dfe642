package sim

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that reads and writes Go's syntax ("1m30s") in
// JSON and on command lines. The zero Duration is written as "".
type Duration time.Duration

// MarshalText writes Go's syntax, or nothing for zero.
func (d Duration) MarshalText() ([]byte, error) {
	if d == 0 {
		return nil, nil
	}
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads Go's syntax; an empty text is zero, a negative duration
// is an error.
func (d *Duration) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%q is no duration: write for example 200ms, 10s or 1m30s", text)
	}
	*d = Duration(v)
	return nil
}
