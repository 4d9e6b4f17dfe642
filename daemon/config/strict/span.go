package strict

import "time"

// Span is a duration of Go's, zero or above.
func (m *Mapping) Span(key string) time.Duration {
	fallback, _ := time.ParseDuration(m.spec(key).Fallback)
	text, ok := m.Scalar(key)
	if !ok {
		return fallback
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		m.Wrong(key, "is no duration; write for example 0s, 30s or 1m30s")
		return fallback
	}
	return d
}
