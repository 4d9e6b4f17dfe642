package wire

import (
	"bufio"
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Reads is what the caller of a request that is sent again and again looks at in
// its answers. An answer that brings nothing of it is taken from the connection's
// buffer without a map of headers, and where it says what is known, without a copy.
type Reads struct {
	// Headers are the headers that the caller reads beside those that describe the
	// body, in canonical form.
	Headers []string
	// Known is a body that means something to the caller. An answer with this very
	// body has Known itself as its Body.
	Known []byte
}

// Brings reports whether a has the body that the request said was known.
func (r *Reads) Brings(a Answer) bool {
	return r != nil && len(r.Known) > 0 && len(a.Body) == len(r.Known) && &a.Body[0] == &r.Known[0]
}

// plain takes an answer of status 200 that lies whole in reader's buffer and whose
// head says nothing but how long the body is, as far as the caller looks. ok is
// false for any other one, of which nothing was taken then.
func (r *Request) plain(reader *bufio.Reader) (a Answer, ok bool) {
	if r.Reads == nil {
		return Answer{}, false
	}
	_, _ = reader.Peek(2) // the first byte comes alone; an error comes again to whoever reads on
	begun, _ := reader.Peek(reader.Buffered())
	end := bytes.Index(begun, []byte("\r\n\r\n"))
	if end < 0 {
		return Answer{}, false
	}
	length, ok := r.Reads.bodyLength(begun[:end+2])
	whole := end + 4 + length
	if !ok || int64(length) > r.limit() || whole > reader.Size() {
		return Answer{}, false
	}
	answer, err := reader.Peek(whole)
	if err != nil {
		return Answer{}, false
	}
	body := answer[end+4:]
	if !utf8.Valid(body) {
		return Answer{}, false
	}
	a = Answer{Status: http.StatusOK, Body: r.Reads.Known}
	if length == 0 || !bytes.Equal(body, r.Reads.Known) {
		a.Body = bytes.Clone(body)
	}
	_, _ = reader.Discard(whole) // it is in the buffer
	return a, true
}

const plainStatus = "HTTP/1.1 200 "

// bodyLength reads a head, each line with its line break.
func (r *Reads) bodyLength(head []byte) (length int, ok bool) {
	status, fields, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte(plainStatus)) || !isText(status) {
		return 0, false
	}
	length = -1
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, found := bytes.Cut(line, []byte(":"))
		if !found || !isName(name) || !isText(value) {
			return 0, false
		}
		switch value = bytes.Trim(value, " \t"); {
		case is(name, "Content-Length"):
			n, good := digits(value)
			if !good || length >= 0 {
				return 0, false
			}
			length = n
		case is(name, "Connection") && is(value, "keep-alive"):
		case r.matters(name):
			return 0, false
		}
	}
	return length, length >= 0
}

// matters reports whether a header decides how the answer is read, or is one that
// the caller reads.
func (r *Reads) matters(name []byte) bool {
	for _, framing := range [...]string{"Connection", "Transfer-Encoding", "Trailer", "Content-Encoding"} {
		if is(name, framing) {
			return true
		}
	}
	for _, wanted := range r.Headers {
		if is(name, wanted) {
			return true
		}
	}
	return false
}

// is compares without a look at capitals, and without an allocation.
func is(text []byte, word string) bool {
	return len(text) == len(word) && strings.EqualFold(string(text), word)
}

func isName(text []byte) bool {
	for _, c := range text {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return len(text) > 0
}

func isText(text []byte) bool {
	for _, c := range text {
		if c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// digits reads a length of up to seven digits: what is longer is not in a buffer.
func digits(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	if len(text) > 7 {
		return 0, false
	}
	n, err := strconv.Atoi(string(text))
	return n, err == nil
}
