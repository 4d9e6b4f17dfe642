package wire

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// failed wraps err, or the end of ctx where that is what caused err. A read that
// timed out at the deadline of ctx may be back before ctx has noticed.
func (c *Client) failed(ctx context.Context, err error, sent bool) *Error {
	if classify(err) == Timeout {
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
			<-ctx.Done()
		}
		if ctx.Err() != nil {
			err = ctx.Err()
		}
	}
	e := newError(c.transport.address, err)
	e.Sent = sent
	return e
}

// send writes the request in one piece. some tells whether any of it was written.
func (c *Client) send(r *Request) (some bool, err error) {
	buffer := c.transport.writers.Get().(*bytes.Buffer)
	defer c.transport.writers.Put(buffer)
	buffer.Reset()
	r.encode(buffer, c.transport.place.URL.Host)
	n, err := c.conn.Write(buffer.Bytes())
	clear(buffer.Bytes()) // it may hold a password
	return n > 0, err
}

func (r *Request) encode(b *bytes.Buffer, host string) {
	b.WriteString(r.Method)
	b.WriteByte(' ')
	b.WriteString(r.Path)
	b.WriteString(" HTTP/1.1\r\nHost: ")
	b.WriteString(host)
	b.WriteString("\r\nUser-Agent: agentkeeper\r\nAccept-Encoding: identity\r\n")
	_ = r.Header.Write(b) // a Buffer takes everything; line breaks in values become spaces
	b.WriteString(r.Fields)
	if len(r.Body) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut {
		b.WriteString("Content-Length: ")
		b.WriteString(strconv.Itoa(len(r.Body)))
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	b.Write(r.Body)
}

// Encode returns headers as the lines that they are on the wire, for
// [Request.Fields]. Line breaks in values become spaces.
func Encode(h http.Header) string {
	var lines bytes.Buffer
	_ = h.Write(&lines) // a Buffer takes everything
	return lines.String()
}

var errPath = errors.New("the request's method or path holds characters that are not allowed there")

// check refuses what would not be one request on the wire.
func (r *Request) check() error {
	if r.Path == "" || r.Path[0] != '/' || r.Method == "" {
		return errPath
	}
	for _, text := range [...]string{r.Method, r.Path} {
		for i := range len(text) {
			if c := text[i]; c <= ' ' || c >= 0x7f {
				return errPath
			}
		}
	}
	return nil
}

// receive reads the answer whose first byte is in c.head.
func (c *Client) receive(r *Request) (a Answer, keep bool, err error) {
	reader := c.transport.readers.Get().(*reader)
	reader.source = source{client: c, budget: HeaderLimit, last: time.Now()}
	reader.Reset(&reader.source)
	defer func() {
		reader.source = source{}
		reader.Reset(nil)
		c.transport.readers.Put(reader)
	}()
	if a, ok := r.plain(reader.Reader); ok {
		return a, reader.Buffered() == 0, nil
	}
	response, err := final(reader.Reader, r.Method)
	if err != nil {
		return Answer{}, false, c.unreadable(err)
	}
	// The body is never closed: that would read what is left of it.
	a = Answer{Status: response.StatusCode, Header: response.Header}
	reader.source.budget = 2*r.limit() + HeaderLimit // chunks have a frame, headers may follow
	a.Body, err = body(response, r.limit())
	if err != nil {
		return a, false, c.unreadable(err)
	}
	if a.Body, err = decoded(a.Body, response.Header, r.limit()); err != nil {
		return a, false, err
	}
	return a, !response.Close && reader.Buffered() == 0, nil
}

// interimLimit is how many 1xx answers may come before the real one.
const interimLimit = 8

var (
	errLarge = errors.New("longer than allowed")
	errNoise = errors.New("not HTTP")
)

// final reads status and headers of the answer proper, behind any 1xx ones.
func final(reader *bufio.Reader, method string) (*http.Response, error) {
	request := &http.Request{Method: method}
	for range interimLimit {
		response, err := http.ReadResponse(reader, request)
		if err != nil || response.StatusCode >= 200 {
			return response, err
		}
		if response.StatusCode == http.StatusSwitchingProtocols {
			return nil, errNoise
		}
	}
	return nil, errNoise
}

func (r *Request) limit() int64 {
	if r.Limit > 0 {
		return r.Limit
	}
	return BodyLimit
}

// trusted is the largest body for which a length that the server only claims
// is allocated in advance.
const trusted = 16 << 10

// body reads the whole body, up to limit.
func body(response *http.Response, limit int64) ([]byte, error) {
	if response.ContentLength > limit {
		return nil, errLarge
	}
	if n := response.ContentLength; n >= 0 && n <= trusted {
		body := make([]byte, n)
		_, err := io.ReadFull(response.Body, body)
		return body, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, errLarge
	}
	return body, err
}

// unreadable replaces errors that quote what the server sent.
func (c *Client) unreadable(err error) error {
	switch {
	case c.head.err != nil:
		return c.head.err // what the connection said, whatever the parser made of it
	case errors.Is(err, errLarge), isClosed(err):
		return err
	}
	return errNoise
}

// head is what is known of an answer while it is waited for.
type head struct {
	first  [1]byte
	unread bool  // first is the answer's and was not given out yet
	reused bool  // the connection carried another answer before
	stray  bool  // the line that began on a kept connection is no answer's
	strays int8  // bytes before the answer
	err    error // the first error
}

// reader is lent to a client while it reads an answer.
type reader struct {
	*bufio.Reader
	source source
}

// source is where an answer is read from: the byte that was waited for, then the
// connection, up to a budget.
type source struct {
	client *Client
	last   time.Time // when the last piece of the answer came
	budget int64
}

// strayLimit is how many bytes may stand before an answer on a kept connection:
// what some servers send behind the body of the one before, such as an empty line.
const strayLimit = 64

// await takes bytes until it has the first one of the answer. On a kept
// connection it passes over lines that begin no answer. os.ErrDeadlineExceeded
// means not yet: it may be called again.
func (h *head) await(conn net.Conn) error {
	for h.strays < strayLimit {
		if _, err := io.ReadFull(conn, h.first[:]); err != nil {
			return err
		}
		switch c := h.first[0]; {
		case c == '\n':
			h.stray = false
		case !h.reused || (!h.stray && c == 'H'):
			h.unread = true
			return nil
		default:
			h.stray = c != '\r'
		}
		h.strays++
	}
	return errNoise
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	h, conn := &s.client.head, s.client.conn
	if h.unread && len(p) > 0 {
		h.unread = false
		s.budget--
		p[0] = h.first[0]
		return 1, nil
	}
	if s.budget <= 0 {
		h.err = errLarge
		return 0, errLarge
	}
	p = p[:min(int64(len(p)), s.budget)]
	n, err := conn.Read(p)
	for n == 0 && err != nil && s.goesOn(err) {
		n, err = conn.Read(p)
	}
	if n > 0 {
		s.budget, s.last = s.budget-int64(n), time.Now()
	}
	if err != nil && h.err == nil {
		h.err = err
	}
	return n, err
}

// goesOn gives a read that ran out of time, or that the end of the context cut,
// some more: an answer that has begun is read on while its pieces follow each
// other. The read may be repeated, on TLS too, whose reads can time out without
// harm.
func (s *source) goesOn(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	c := s.client
	deadline := c.pending.deadline
	limit, last := s.last.Add(quietLimit), deadline.Add(quietLimit)
	if last.Before(limit) {
		limit = last
	}
	if c.ctx.Err() == nil && limit.Before(deadline) {
		limit = deadline
	}
	return time.Now().Before(limit) && c.conn.SetReadDeadline(limit) == nil
}
