package session

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what every secret prints as.
const Redacted = "***"

// Secret is text that no format verb, encoder or logger can print: all of
// them yield "***". Only Reveal gives the text. The zero Secret is empty.
// Secrets are comparable with ==; use Equal where timing matters.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal returns the text itself, for the request or file that needs it.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == "" }

// Equal compares two secrets in constant time for equal lengths.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(o.text)) == 1
}

// String returns "***".
func (s Secret) String() string { return Redacted }

// GoString returns "***".
func (s Secret) GoString() string { return Redacted }

// Format prints "***" for every verb, %x and %q included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// MarshalText yields "***", so that JSON and YAML encoders print no secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// LogValue makes log/slog print "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(Redacted) }

// Key is what proves a session to its platform (Guid and cookies, a token).
// Only the adapter that made it can read it; for everybody else it is opaque
// bytes that are stored as Reveal gives them and print as "***". The zero Key
// is none.
type Key struct{ Secret }

// NewKey wraps the adapter's own encoding of a key.
func NewKey(encoded []byte) Key { return Key{NewSecret(string(encoded))} }
