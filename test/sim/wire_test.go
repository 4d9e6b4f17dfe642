package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// oneAnswer serves one answer over a connection in memory, with faults on demand.
type oneAnswer struct {
	wire   Wire
	faults Faults
	early  http.Header
	body   string
	work   time.Duration
}

func (e *oneAnswer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, _ := e.faults.Take(r.Context(), OpPoll, "291")
	x := Exchange{
		Wire: &e.wire,
		Process: func(ctx context.Context) Reply {
			sleep(ctx, e.work)
			return plain([]byte(e.body))
		},
		Fail: func(code, text string) Reply {
			return plain([]byte(`{"retcode":"` + code + `","message":"` + text + `"}`))
		},
	}
	if e.early != nil {
		x.Early = func() http.Header { return e.early }
	}
	x.Serve(w, r, f)
}

// raw is a client that shows every byte and when it came.
type raw struct {
	io.ReadWriteCloser
	t *testing.T
	r *bufio.Reader
}

func overWire(t *testing.T, e *oneAnswer, f func(t *testing.T, dial func() *raw)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := Pipe()
		server := Serve(l, e, nil)
		var open []*raw
		f(t, func() *raw {
			conn, err := l.DialContext(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			c := &raw{ReadWriteCloser: conn, t: t, r: bufio.NewReader(conn)}
			open = append(open, c)
			return c
		})
		for _, c := range open {
			_ = c.Close()
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (c *raw) send() {
	c.t.Helper()
	if _, err := io.WriteString(c, "GET /poll HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		c.t.Fatal(err)
	}
}

func (c *raw) head() *http.Response {
	c.t.Helper()
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *raw) ask() (*http.Response, string) {
	c.t.Helper()
	c.send()
	r := c.head()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r, string(body)
}

func TestEarlyHeaders(t *testing.T) {
	e := &oneAnswer{body: `{"retcode":"0"}`, work: 10 * time.Second, early: http.Header{"Set-GUID": {"JSESSIONID=1"}}}
	overWire(t, e, func(t *testing.T, dial func() *raw) {
		c, start := dial(), time.Now()
		c.send()
		r := c.head()
		if took := time.Since(start); took != 0 || r.StatusCode != 200 || r.Header.Get("Set-GUID") != "JSESSIONID=1" {
			t.Errorf("headers %v after %s: %v", r.StatusCode, took, r.Header)
		}
		body, err := io.ReadAll(r.Body)
		if took := time.Since(start); took != 10*time.Second || err != nil || string(body) != e.body {
			t.Errorf("body %q, %v after %s", body, err, took)
		}
		for mode, want := range map[string]string{ModeHang: "", ModeLost: "", ModeTruncate: e.body[:7]} {
			e.faults.Add(Fault{Mode: mode, Count: 1})
			c, start := dial(), time.Now()
			c.send()
			r := c.head()
			if mode == ModeHang {
				time.AfterFunc(time.Minute, func() { _ = c.Close() })
			}
			body, err := io.ReadAll(r.Body)
			if err == nil || string(body) != want || time.Since(start) < 10*time.Second {
				t.Errorf("%s: %q, %v after %s", mode, body, err, time.Since(start))
			}
		}
		e.faults.Add(Fault{Mode: ModeStatus, Count: 1})
		if r, _ := dial().ask(); r.StatusCode != 503 {
			t.Errorf("a status on demand is %d", r.StatusCode)
		}
	})
}

func TestBodiesTakeTheirTime(t *testing.T) {
	e := &oneAnswer{body: `{"retcode":"0"}`, wire: Wire{BodyDelay: Duration(3 * time.Second), BodyPause: Duration(4 * time.Second), Chunked: true}}
	overWire(t, e, func(t *testing.T, dial func() *raw) {
		c, start := dial(), time.Now()
		c.send()
		r := c.head()
		if r.ContentLength != -1 || time.Since(start) != 0 {
			t.Errorf("length %d after %s", r.ContentLength, time.Since(start))
		}
		half := make([]byte, 7)
		_, err := io.ReadFull(r.Body, half)
		if took := time.Since(start); took != 3*time.Second || err != nil {
			t.Errorf("half a body, %v, after %s", err, took)
		}
		rest, err := io.ReadAll(r.Body)
		if took := time.Since(start); took != 7*time.Second || err != nil || string(half)+string(rest) != e.body {
			t.Errorf("body %q, %v, after %s", rest, err, took)
		}
	})
}

func TestKeptConnectionToASickNode(t *testing.T) {
	e := &oneAnswer{body: `{}`}
	overWire(t, e, func(t *testing.T, dial func() *raw) {
		old := dial()
		old.ask()
		id := e.faults.Add(Fault{Mode: ModeStatus, Status: 502, Kept: true})
		fresh := dial()
		for range 3 {
			sick, _ := old.ask()
			well, _ := fresh.ask()
			if got := []int{sick.StatusCode, well.StatusCode}; !cmp.Equal(got, []int{502, 200}) {
				t.Fatalf("statuses %v", got)
			}
		}
		e.faults.Remove(id)
		if r, _ := old.ask(); r.StatusCode != 200 {
			t.Errorf("healed: %d", r.StatusCode)
		}
		e.faults.Add(Fault{Mode: ModeCode, Code: "100-003", Status: 503, Kept: true})
		if r, body := fresh.ask(); r.StatusCode != 503 || !strings.Contains(body, "100-003") {
			t.Errorf("%d %s", r.StatusCode, body)
		}
	})
}

func TestBytesBehindAnswers(t *testing.T) {
	for behind, want := range behindBytes {
		e := &oneAnswer{body: `{}`, wire: Wire{Behind: behind}}
		overWire(t, e, func(t *testing.T, dial func() *raw) {
			c := dial()
			c.ask()
			synctest.Wait()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c.r, got); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", behind, got, err)
			}
			if r, _ := c.ask(); r.StatusCode != 200 {
				t.Errorf("%s: the connection is not kept", behind)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	unpack := map[string]func(io.Reader) (io.Reader, error){
		"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
		"zstd":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) },
	}
	for name, open := range unpack {
		e := &oneAnswer{body: `{"retcode":"0"}`, wire: Wire{Encoding: name}}
		overWire(t, e, func(t *testing.T, dial func() *raw) {
			r, body := dial().ask()
			z, err := open(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if r.Header.Get("Content-Encoding") != name || string(text) != e.body || err != nil {
				t.Errorf("%s: %v %q %v", name, r.Header, text, err)
			}
		})
	}
	if z, err := gzip.NewReader(bytes.NewReader(bomb())); err != nil || len(bomb()) > 64<<10 {
		t.Errorf("%v, %d bytes", err, len(bomb()))
	} else if n, err := io.Copy(io.Discard, z); n != 32<<20 || err != nil {
		t.Errorf("the bomb unpacks to %d bytes, %v", n, err)
	}
}

func TestCharsets(t *testing.T) {
	const text = `{"message":"пароль 密码","a":"\"x\""}`
	for _, c := range []struct {
		wire      Wire
		body, typ string
	}{
		{Wire{Charset: Charset1251}, "{\"message\":\"\xef\xe0\xf0\xee\xeb\xfc ??\",\"a\":\"\\\"x\\\"\"}", "application/json; charset=windows-1251"},
		{Wire{Charset: CharsetGBK, CharsetTold: ToldNot}, "{\"message\":\"\xa7\xe1\xa7\xd1\xa7\xe2\xa7\xe0\xa7\xdd\xa7\xee \xc3\xdc\xc2\xeb\",\"a\":\"\\\"x\\\"\"}", "application/json"},
		{Wire{Charset: Charset1251, CharsetTold: ToldFalse}, "{\"message\":\"\xef\xe0\xf0\xee\xeb\xfc ??\",\"a\":\"\\\"x\\\"\"}", "application/json; charset=UTF-8"},
		{Wire{CutText: 5}, "{\"message\":\"пա"[:16] + "\",\"a\":\"\\\"x\\\"\"}", "application/json; charset=UTF-8"},
	} {
		e := &oneAnswer{body: text, wire: c.wire}
		overWire(t, e, func(t *testing.T, dial func() *raw) {
			r, body := dial().ask()
			if c.wire.CutText > 0 {
				if !strings.HasPrefix(body, "{\"message\":\"па\xd1\"") || utf8.ValidString(body) {
					t.Errorf("cut: %q", body)
				}
				return
			}
			if diff := cmp.Diff(c.body, body); diff != "" || r.Header.Get("Content-Type") != c.typ {
				t.Errorf("%+v: %s %s", c.wire, r.Header.Get("Content-Type"), diff)
			}
		})
	}
	if got := string(transcode([]byte("a\xffж"), Charset1251)); got != "a\xff\xe6" {
		t.Errorf("stray byte: %q", got)
	}
}

// FuzzCutStrings: whatever the text is, cutting neither fails nor touches what
// is ASCII.
func FuzzCutStrings(f *testing.F) {
	for _, s := range []string{`{"a":"жжж"}`, `"`, `"\`, `"ж\u003c"`, `"ж\`, "\"ж\\u00", `["жж","x"]`} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		out := cutStrings(bytes.Clone(text), limit)
		if len(out) > len(text) || (isASCII(text) && !bytes.Equal(out, text)) {
			t.Errorf("cutStrings(%q, %d) = %q", text, limit, out)
		}
	})
}

func TestRedirects(t *testing.T) {
	e := &oneAnswer{body: `{}`}
	overWire(t, e, func(t *testing.T, dial func() *raw) {
		e.faults.Add(Fault{Mode: ModeRedirect, Text: "https://sso.example/login"})
		r, body := dial().ask()
		if got := []any{r.StatusCode, r.Header.Get("Location"), body}; !cmp.Equal(got, []any{302, "https://sso.example/login", ""}) {
			t.Errorf("%v", got)
		}
	})
}
