package wire

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
)

// encodingError is an answer in a form that was not asked for and cannot be read.
type encodingError struct{ name string }

func (e *encodingError) Error() string { return "encoded as " + Plain(e.name) }

// decoded unpacks a body that came packed though every request asks for it as it
// is: some servers and the proxies before them do not listen. What is unpacked is
// bounded as the body is. A body that says it is packed and is not is left alone.
func decoded(body []byte, h http.Header, limit int64) ([]byte, error) {
	name := strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding")))
	switch {
	case len(body) == 0:
		return body, nil
	case bytes.HasPrefix(body, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, errNoise
		}
		return unpack(r, limit)
	case name == "", name == "identity", name == "gzip", name == "x-gzip":
		return body, nil
	case name == "deflate":
		return inflated(body, limit)
	}
	return nil, &encodingError{name}
}

// inflated reads deflate in both of its forms: as the standard has it (zlib) and,
// as some servers send it, bare.
func inflated(body []byte, limit int64) ([]byte, error) {
	if r, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		return unpack(r, limit)
	}
	plain, err := unpack(flate.NewReader(bytes.NewReader(body)), limit)
	if c := body[0]; errors.Is(err, errNoise) && (c == '{' || c == '[' || c == '<') {
		return body, nil
	}
	return plain, err
}

func unpack(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case int64(len(body)) > limit:
		return nil, errLarge
	case err != nil:
		return nil, errNoise
	}
	return body, nil
}
