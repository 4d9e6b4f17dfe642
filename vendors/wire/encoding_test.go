package wire_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"agentkeeper/vendors/wire"
)

// packed is text as one of the standard library's writers packs it.
func packed(t *testing.T, text string, writer func(io.Writer) io.WriteCloser) string {
	t.Helper()
	var b bytes.Buffer
	w := writer(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gz(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }
func zl(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }
func bare(w io.Writer) io.WriteCloser {
	f, err := flate.NewWriter(w, flate.BestCompression)
	if err != nil {
		panic(err) // a level that there is
	}
	return f
}

// Answers that come packed unasked are read all the same, and named where they
// cannot be.
func TestPackedAnswers(t *testing.T) {
	const text = `{"retcode":"0","message":"` + secret + `"}`
	bomb := packed(t, strings.Repeat("0", 2<<20), gz)
	for name, tt := range map[string]struct {
		encoding, body string
		reason         wire.Reason
		says           string // the error; "" = none
	}{
		"gzip":               {encoding: "gzip", body: packed(t, text, gz)},
		"gzip, old name":     {encoding: "X-GZIP", body: packed(t, text, gz)},
		"gzip, not told":     {body: packed(t, text, gz)},
		"deflate":            {encoding: "deflate", body: packed(t, text, zl)},
		"deflate, bare":      {encoding: "deflate", body: packed(t, text, bare)},
		"identity":           {encoding: "identity", body: text},
		"said to be gzip":    {encoding: "gzip", body: text},
		"said to be deflate": {encoding: "deflate", body: text},
		"gzip, cut":          {encoding: "gzip", body: packed(t, text, gz)[:20], reason: wire.Malformed, says: "not HTTP"},
		"a bomb":             {encoding: "gzip", body: bomb, reason: wire.TooLarge, says: "too large"},
		"zstd":               {encoding: "zstd", body: "\x28\xb5\x2f\xfd", reason: wire.Encoded, says: "zstd"},
		"brotli":             {encoding: "br", body: "x", reason: wire.Encoded, says: "encoded as br"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				raw := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", len(tt.body))
				if tt.encoding != "" {
					raw += "Content-Encoding: " + tt.encoding + "\r\n"
				}
				s := serve(t, func(int, int, *http.Request) (string, bool) { return raw + "\r\n" + tt.body, false })
				c := s.client(t)
				a, err := c.Do(t.Context(), get())
				if tt.says == "" {
					if err != nil || string(a.Body) != text {
						t.Errorf("%q, %v", a.Body, err)
					}
					return
				}
				if e := failure(t, err); e.Reason != tt.reason || !e.Began || !strings.Contains(e.Error(), tt.says) || a.Status != 200 {
					t.Errorf("%v: reason %v, began %v", e, e.Reason, e.Began)
				}
			})
		})
	}
}
