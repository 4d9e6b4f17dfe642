package edna

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

func TestUsable(t *testing.T) {
	for text, want := range map[string]string{
		"t":                               "t",
		"Bearer t":                        "t",
		"bearer t":                        "t",
		"Bearer Bearer t":                 "t",
		" BEARER\tBearer   bEaReR t ":     "t",
		"Bearer":                          "",
		"Bearer ":                         "",
		"Bearer Bearer":                   "",
		"":                                "",
		"Bearert":                         "Bearert",
		"two words":                       "",
		"Basic t":                         "",
		"line\nbreak":                     "",
		"тoken":                           "",
		strings.Repeat("x", tokenLimit+1): "",
		strings.Repeat("x", 5000):         strings.Repeat("x", 5000),
	} {
		if got := usable(text); got != want {
			t.Errorf("usable(%.40q) = %.40q, want %.40q", text, got, want)
		}
	}
}

func TestWelcome(t *testing.T) {
	tests := map[string]struct {
		header []string
		body   string
		want   grant
	}{
		"Russian page":     {[]string{"Bearer " + token1}, `{"userId":1,"login":"k","token":"` + token1 + `","role":"INTEGRATION"}`, grant{token: token1}},
		"English page":     {[]string{"Bearer Bearer " + token1}, `{"userId":0,"login":null,"token":"Bearer ` + token1 + `","role":"OPERATOR"}`, grant{token: token1}},
		"header only":      {[]string{"bearer " + token1}, `{"userId":1}`, grant{token: token1}},
		"body only":        {nil, `{"token":"BEARER ` + token1 + `"}`, grant{token: token1}},
		"mismatch":         {[]string{"Bearer " + token2}, `{"token":"` + token1 + `"}`, grant{token: token1, mismatch: true}},
		"bare header":      {[]string{token1}, ``, grant{token: token1}},
		"second header":    {[]string{"Basic abc def", "Bearer " + token1}, `null`, grant{token: token1}},
		"unusable header":  {[]string{"Basic abc def"}, `{"token":"` + token1 + `"}`, grant{token: token1}},
		"number":           {nil, `{"token":12345}`, grant{token: "12345"}},
		"null token":       {[]string{"Bearer " + token1}, `{"token":null}`, grant{token: token1}},
		"object for token": {[]string{"Bearer " + token1}, `{"token":{"value":"x"}}`, grant{token: token1}},
		"page":             {nil, `<html>`, grant{}},
		"nothing":          {nil, ``, grant{}},
		"array":            {nil, `["` + token1 + `"]`, grant{}},
		"only the word":    {[]string{"Bearer"}, `{"token":"Bearer "}`, grant{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := grantOf(wire.Answer{Status: 200, Header: http.Header{"Authorization": tt.header}, Body: []byte(tt.body)})
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

// jwt is a token with the given claims.
func jwt(claims string) string {
	return "eyJh." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig"
}

func TestLifeOf(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	tests := map[string]struct {
		token string
		date  time.Time
		want  time.Duration
	}{
		"opaque":               {token1, now, 0},
		"two dots, no claims":  {"a.b.c", now, 0},
		"exp and iat":          {jwt(`{"exp":1003600,"iat":1000000}`), time.Time{}, time.Hour},
		"another clock":        {jwt(`{"exp":503600,"iat":500000}`), now, time.Hour},
		"given out again":      {jwt(`{"exp":1003600,"iat":997000}`), now, time.Hour},
		"no iat":               {jwt(`{"exp":1001800}`), now, 30 * time.Minute},
		"no iat, no date":      {jwt(`{"exp":1001800}`), time.Time{}, 30 * time.Minute},
		"as text":              {jwt(`{"exp":"1003600","iat":"1000000"}`), now, time.Hour},
		"fraction":             {jwt(`{"exp":1003600.5,"iat":1000000}`), time.Time{}, time.Hour + 500*time.Millisecond},
		"milliseconds":         {jwt(`{"exp":1700003600000,"iat":1700000000000}`), time.Time{}, time.Hour},
		"over":                 {jwt(`{"exp":999000}`), now, 0},
		"never":                {jwt(`{"exp":99999999999}`), now, 0},
		"negative":             {jwt(`{"exp":-5}`), now, 0},
		"null":                 {jwt(`{"exp":null}`), now, 0},
		"no exp":               {jwt(`{"iat":1000000}`), now, 0},
		"iat behind exp":       {jwt(`{"exp":1003600,"iat":1009000}`), now, time.Hour},
		"padded":               {"h." + base64.URLEncoding.EncodeToString([]byte(`{"exp":1003600,"iat":1000000}`)) + ".s", now, time.Hour},
		"claims are no object": {jwt(`[1]`), now, 0},
		"broken claims":        {jwt(`{"exp":`), now, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := lifeOf(tt.token, tt.date, now); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// What comes out of any log-in's answer can be sent and kept.
func FuzzWelcome(f *testing.F) {
	for _, seed := range []string{
		`{"token":"Bearer Bearer x"}`, `{"token":7,"x":[{}]}`, `{"token":null}`, `<html>`, ``, `{"token":"a b"}`, `{"token":"` + jwt(`{"exp":1e300}`) + `"}`,
	} {
		f.Add(seed, "Bearer "+token1)
	}
	f.Fuzz(func(t *testing.T, body, header string) {
		w := grantOf(wire.Answer{Status: 200, Header: http.Header{"Authorization": {header}}, Body: []byte(body)})
		if w.token == "" {
			if w.mismatch {
				t.Error("a mismatch of nothing")
			}
			return
		}
		if usable(w.token) != w.token {
			t.Errorf("token %q still has something before it", w.token)
		}
		now := time.Unix(1_000_000, 0)
		k := newKey(w, time.Time{}, now)
		if k.JWTLife < 0 || k.JWTLife > longestLife {
			t.Errorf("a life of %v", k.JWTLife)
		}
		again, ok := decodeKey(k.encode())
		if !ok || again.Token != w.token || !again.Issued.Equal(now) {
			t.Errorf("key %+v came back as %+v, %v", k, again, ok)
		}
	})
}

func FuzzClaims(f *testing.F) {
	for _, seed := range []string{jwt(`{"exp":1003600,"iat":1000000}`), jwt(`{"exp":"x"}`), jwt(`{`), "a.b.c", "..", jwt(`{"exp":1e14}`), jwt(`{"exp":"NaN"}`)} {
		f.Add(seed)
	}
	now := time.Unix(1_000_000, 0)
	f.Fuzz(func(t *testing.T, token string) {
		if life := lifeOf(token, now, now); life < 0 || life > longestLife {
			t.Errorf("a life of %v", life)
		}
	})
}

// No body of a failure makes more of it than its status, or shows the password.
func FuzzRefusal(f *testing.F) {
	for _, seed := range []string{`{"message":"Bad credentials"}`, `{"error":7,"message":{}}`, `<html>401</html>`, ``, `{"message":"` + pass + `"}`, `{"message":null,"error":"Unauthorized"}`} {
		f.Add(401, seed)
	}
	s := bearer{password: session.NewSecret(pass), key: key{Token: token1}}
	f.Fuzz(func(t *testing.T, status int, body string) {
		for _, r := range []code.Request{code.SignIn, code.KeepAlive} {
			got := refusal(r, wire.Answer{Status: status, Body: []byte(body)}, s.clean)
			if ok := status >= 200 && status <= 299; ok != (got == nil) && r == code.SignIn {
				t.Errorf("status %d at a log-in: %v", status, got)
			}
			if got == nil {
				continue
			}
			if line, _ := codes.Line(code.Status(status)); got.Kind != line.On[r].Kind || got.Cause != line.On[r].Cause {
				t.Errorf("status %d: %v instead of %v", status, got, line.On[r])
			}
			noSecret(t, got.Error())
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	now := time.Unix(1_000_000, 0)
	full := newKey(grant{token: token1, mismatch: true}, now, now)
	full.Life = life{}.died(death{Alive: time.Hour, Dead: 2 * time.Hour}, now)
	for _, seed := range []string{full.encode().Reveal(), "", "{}", "null", "[]", `{"token":"Bearer x","issued":"2025-01-01T00:00:00Z"}`, `{"guid":"x"}`, `{"token":"x","issued":"2025-01-01T00:00:00Z","share":99,"told":-1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, ok := decodeKey(session.NewKey([]byte(text)))
		if !ok {
			return
		}
		if usable(k.Token) != k.Token || k.Token == "" || k.Share != k.Share.Clamp() || k.JWTLife < 0 {
			t.Errorf("a key that cannot be used: %+v", k)
		}
		if again, ok := decodeKey(k.encode()); !ok || again.Token != k.Token || !again.Life.equal(k.Life) {
			t.Errorf("key %+v came back as %+v, %v", k, again, ok)
		}
	})
}
