package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"agentkeeper/vendors/wire"
)

// JWT reads exp and iat of a token that happens to be a JWT, without looking at its
// signature: they are a hint and nothing is decided on them alone. issued is zero where
// iat is missing; ok is false without a sensible exp.
func JWT(text string) (expires, issued time.Time, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return time.Time{}, time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || !bytes.HasPrefix(bytes.TrimSpace(payload), []byte("{")) {
		return time.Time{}, time.Time{}, false
	}
	var v struct {
		Exp wire.Text `json:"exp"`
		Iat wire.Text `json:"iat"`
	}
	if json.Unmarshal(payload, &v) != nil {
		return time.Time{}, time.Time{}, false
	}
	issued, _ = Instant(string(v.Iat)) // zero without
	expires, ok = Instant(string(v.Exp))
	return expires, issued, ok
}

// Instant reads seconds, with or without a fraction, or milliseconds since 1970. ok is
// false for anything else, and for an instant after 5138.
func Instant(text string) (at time.Time, ok bool) {
	const year5138 = 1e11 // in seconds
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || !(n > 0 && n < 1000*year5138):
		return time.Time{}, false
	case n >= year5138:
		return time.UnixMilli(int64(n)), true
	}
	return time.UnixMicro(int64(n * 1e6)), true
}
