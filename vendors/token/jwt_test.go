package token

import (
	"encoding/base64"
	"testing"
	"time"
)

func jwt(payload string) string {
	return "eyJhbGciOiJub25lIn0." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestJWT(t *testing.T) {
	exp, iat := time.Unix(1_900_003_600, 0), time.Unix(1_900_000_000, 0)
	for text, want := range map[string][2]time.Time{
		jwt(`{"exp":1900003600,"iat":1900000000}`): {exp, iat},
		jwt(`{"exp":"1900003600000"}`):             {exp},
		jwt(` {"exp":1900003600,"iat":"soon"}`):    {exp},
		jwt(`{"iat":1900000000}`):                  {},
		jwt(`{"exp":-1}`):                          {},
		jwt(`[1900003600]`):                        {},
		"a.b":                                      {}, "a.%.c": {}, "": {},
	} {
		expires, issued, ok := JWT(text)
		if ok != !want[0].IsZero() || !expires.Equal(want[0]) || (ok && !issued.Equal(want[1])) {
			t.Errorf("%s: %v %v %v", text, expires, issued, ok)
		}
	}
}

func TestInstant(t *testing.T) {
	for text, want := range map[string]time.Time{
		"1900003600": time.Unix(1_900_003_600, 0), "1900003600.25": time.Unix(1_900_003_600, 250_000_000), "1900003600000": time.Unix(1_900_003_600, 0),
		"": {}, "0": {}, "-5": {}, "NaN": {}, "Inf": {}, "1e14": {}, "soon": {},
	} {
		if got, ok := Instant(text); ok == want.IsZero() || !got.Equal(want) {
			t.Errorf("%q: %v %v", text, got, ok)
		}
	}
}
