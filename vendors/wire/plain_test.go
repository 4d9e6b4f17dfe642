package wire_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

// known is the body that the tests' caller knows, wanted the headers that it reads.
const known = `{"message":"","retcode":"0","event":null}`

var wanted = []string{"Set-Guid", "Guid", "Set-Cookie", "Retry-After"}

// twice sends one request to a peer that answers raw and hangs up, with and
// without Reads, and returns both answers.
func twice(t *testing.T, raw []byte, limit int64) (plain, whole wire.Answer, plainErr, wholeErr error) {
	t.Helper()
	ask := func(reads *wire.Reads) (wire.Answer, error) {
		dial := func(context.Context, string, string) (net.Conn, error) { return one{r: bytes.NewReader(raw)}, nil }
		c := wire.NewTransport(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: dial}).Client(session.Account{})
		r := get()
		r.Limit, r.Reads = limit, reads
		return c.Do(context.Background(), r)
	}
	plain, plainErr = ask(&wire.Reads{Headers: wanted, Known: []byte(known)})
	whole, wholeErr = ask(nil)
	return plain, whole, plainErr, wholeErr
}

// agree fails the test where an answer that was read without its headers differs
// from the same one read whole.
func agree(t *testing.T, raw []byte) {
	t.Helper()
	plain, whole, plainErr, wholeErr := twice(t, raw, 1000)
	if plain.Status != whole.Status || !bytes.Equal(plain.Body, whole.Body) {
		t.Errorf("%d %q with Reads, %d %q without", plain.Status, plain.Body, whole.Status, whole.Body)
	}
	if reason(plainErr) != reason(wholeErr) {
		t.Errorf("%v with Reads, %v without", plainErr, wholeErr)
	}
	for _, name := range wanted {
		if diff := cmp.Diff(whole.Header.Values(name), plain.Header.Values(name)); diff != "" {
			t.Errorf("%s differs (-without Reads +with)\n%s", name, diff)
		}
	}
}

func reason(err error) string {
	var e *wire.Error
	if errors.As(err, &e) {
		return string(e.Reason)
	}
	return ""
}

func answerOf(head, body string) string { return "HTTP/1.1 200 OK\r\n" + head + "\r\n" + body }

var plainAnswers = map[string]struct {
	raw   string
	plain bool // comes without its headers
	known bool
}{
	"idle":                   {answerOf("Date: x\r\nContent-Type: application/json\r\nContent-Length: 41\r\n", known), true, true},
	"another body":           {answerOf("Content-Length: 2\r\n", "ok"), true, false},
	"empty":                  {answerOf("Content-Length: 0\r\n", ""), true, false},
	"lower case, blanks":     {answerOf("content-length:41\t \r\nconnection: Keep-Alive\r\n", known), true, true},
	"kept longer":            {answerOf("Keep-Alive: timeout=5\r\nContent-Length: 41\r\n", known), true, true},
	"one that is read":       {answerOf("set-guid: a\r\nContent-Length: 41\r\n", known), false, false},
	"to be closed":           {answerOf("Connection: close\r\nContent-Length: 41\r\n", known), false, false},
	"no length":              {answerOf("Date: x\r\n", known), false, false},
	"two lengths":            {answerOf("Content-Length: 41\r\nContent-Length: 41\r\n", known), false, false},
	"two lengths that fight": {answerOf("Content-Length: 41\r\nContent-Length: 4\r\n", known), false, false},
	"no number":              {answerOf("Content-Length: +41\r\n", known), false, false},
	"chunks":                 {answerOf("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n"), false, false},
	"packed":                 {answerOf("Content-Encoding: br\r\nContent-Length: 2\r\n", "ok"), false, false},
	"packed and untold":      {answerOf("Content-Length: 3\r\n", "\x1f\x8b\x08"), false, false},
	"GBK":                    {answerOf("Content-Type: text/plain; charset=gbk\r\nContent-Length: 2\r\n", "\xc4\xe3"), false, false},
	"a mark":                 {answerOf("Content-Length: 5\r\n", "\xef\xbb\xbfok"), true, false},
	"a folded line":          {answerOf("X: a\r\n b\r\nContent-Length: 2\r\n", "ok"), false, false},
	"bare line breaks":       {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", false, false},
	"a bare one within":      {answerOf("X: a\nGuid: b\r\nContent-Length: 2\r\n", "ok"), false, false},
	"another status":         {"HTTP/1.1 204 No Content\r\n\r\n", false, false},
	"another version":        {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, false},
	"cut":                    {answerOf("Content-Length: 41\r\n", known[:20]), false, false},
	"cut in the head":        {"HTTP/1.1 200 OK\r\nContent-Len", false, false},
	"too long for a buffer":  {answerOf("Content-Length: 5000\r\n", strings.Repeat("a", 5000)), false, false},
	"a name with a blank":    {answerOf("Content-Length : 2\r\n", "ok"), false, false},
}

// What is taken from the buffer is just what a reading of all headers gives.
func TestPlainAnswers(t *testing.T) {
	for name, tt := range plainAnswers {
		t.Run(name, func(t *testing.T) {
			agree(t, []byte(tt.raw))
			reads := &wire.Reads{Headers: wanted, Known: []byte(known)}
			dial := func(context.Context, string, string) (net.Conn, error) { return one{r: strings.NewReader(tt.raw)}, nil }
			c := wire.NewTransport(wire.Place{URL: &url.URL{Scheme: "http", Host: "gw"}, DialContext: dial}).Client(session.Account{})
			r := get()
			r.Reads = reads
			a, err := c.Do(t.Context(), r)
			if plain := err == nil && a.Header == nil; plain != tt.plain || reads.Brings(a) != tt.known {
				t.Errorf("without headers %v, known %v, %v", plain, reads.Brings(a), err)
			}
		})
	}
}

func FuzzPlainAnswer(f *testing.F) {
	for _, tt := range plainAnswers {
		f.Add([]byte(tt.raw))
	}
	f.Fuzz(agree)
}

// The end of a context that many requests share ends the one under way, also
// where it came between two of them; and none that has another context.
func TestOneContextForManyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(_, _ int, r *http.Request) (string, bool) {
			if r.URL.Path == "/silent" {
				return "", false
			}
			return ok, false
		})
		c := s.client(t)
		ask := func(ctx context.Context, path string) error {
			r := get()
			r.Path = path
			_, err := c.Do(ctx, r)
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			if err := ask(ctx, "/"); err != nil {
				t.Fatal(err)
			}
		}
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		if err := ask(ctx, "/silent"); !errors.Is(err, context.Canceled) || time.Since(began) != time.Second {
			t.Errorf("cut after %v: %v", time.Since(began), err)
		}
		if err := ask(ctx, "/"); !errors.Is(err, context.Canceled) {
			t.Errorf("behind the end: %v", err)
		}
		first, end := context.WithCancel(t.Context())
		second, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := errors.Join(ask(first, "/"), ask(second, "/"), ask(first, "/")); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, end)
		time.AfterFunc(5*time.Second, stop)
		began = time.Now()
		if err := ask(second, "/silent"); !errors.Is(err, context.Canceled) || time.Since(began) != 5*time.Second {
			t.Errorf("cut by another context, or late: %v after %v", err, time.Since(began))
		}
	})
}
