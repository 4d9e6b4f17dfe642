package view

import "time"

// Instant is a time that prints in UTC with milliseconds.
type Instant time.Time

// InstantOf returns t for a field that is null where nothing is known: nil for the
// zero time.
func InstantOf(t time.Time) *Instant {
	if t.IsZero() {
		return nil
	}
	i := Instant(t)
	return &i
}

// MarshalText implements encoding.TextMarshaler.
func (i Instant) MarshalText() ([]byte, error) {
	return []byte(time.Time(i).UTC().Format("2006-01-02T15:04:05.000Z07:00")), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (i *Instant) UnmarshalText(text []byte) error { return (*time.Time)(i).UnmarshalText(text) }

// Time returns the instant.
func (i Instant) Time() time.Time { return time.Time(i) }
