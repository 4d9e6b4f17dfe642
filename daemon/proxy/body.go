package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
)

// body is a request's, read as far as it is kept.
type body struct {
	head  []byte
	whole bool   // head is all of it, and it can be sent again
	over  func() // to be called when all of it has arrived; nil: nobody
	done  func() // gives back its place among the large ones; nil: it has none
}

// release gives back what the body took. It is called when the request ended.
func (b body) release() {
	if b.done != nil {
		b.done()
	}
}

// errManyLarge means that as many large bodies are under way as may be.
var errManyLarge = errors.New("too many large bodies at once")

// readBody reads the request's body up to what is kept for a second try. One
// beyond smallBody takes a place among the large ones. The body is to be
// released, also after an error.
func (p *Proxy) readBody(req *http.Request) (body, error) {
	if req.Body == nil || req.ContentLength == 0 {
		return body{whole: true}, nil
	}
	if req.ContentLength > bodyLimit {
		return body{}, &http.MaxBytesError{Limit: bodyLimit}
	}
	head, err := io.ReadAll(io.LimitReader(req.Body, smallBody+1))
	if err != nil || len(head) <= smallBody {
		return body{head: head, whole: true}, err
	}
	select {
	case p.large <- struct{}{}:
	default:
		return body{}, errManyLarge
	}
	more, err := io.ReadAll(io.LimitReader(req.Body, int64(replayLimit+1-len(head))))
	head = append(head, more...)
	return body{head: head, whole: len(head) <= replayLimit, done: func() { <-p.large }}, err
}

// slow reports whether a request's body did not arrive in time.
func slow(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// clientBody is the rest of a request's body on its way to the platform. It tells
// the client's slowness from the platform's.
type clientBody struct {
	io.ReadCloser
	over func() // called at its end; nil: nobody
}

// errSlowBody is the client's slowness.
var errSlowBody = errors.New("the request's body did not arrive in time")

// Read implements io.Reader.
func (p clientBody) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	switch {
	case slow(err):
		err = errSlowBody
	case errors.Is(err, io.EOF) && p.over != nil:
		p.over()
	}
	return n, err
}

// put makes b the body of a request. What is not kept stands behind it in the
// request's own, and can be sent once.
func (b body) put(req *http.Request) {
	switch {
	case !b.whole:
		rest := clientBody{req.Body, b.over}
		req.Body = rewound{io.MultiReader(bytes.NewReader(b.head), rest), rest}
	case len(b.head) == 0:
		req.Body, req.ContentLength = http.NoBody, 0
		req.TransferEncoding = nil
	default:
		req.ContentLength, req.TransferEncoding = int64(len(b.head)), nil
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.head)), nil }
		req.Body, _ = req.GetBody() // it has no error to give
	}
}

// peek returns an answer's body where it may be one that refuses a credential:
// short, complete and text; nil otherwise. The answer can be read from its
// beginning afterwards.
func peek(answer *http.Response) []byte {
	if answer.ContentLength > refusalLength || !mayRefuse(answer.Header) {
		return nil
	}
	head, err := io.ReadAll(io.LimitReader(answer.Body, refusalLength+1))
	answer.Body = rewound{io.MultiReader(bytes.NewReader(head), after(answer.Body, err)), answer.Body}
	if err != nil || len(head) > refusalLength {
		return nil
	}
	return head
}

// mayRefuse tells envelopes from files and streams, which must not be held up.
func mayRefuse(h http.Header) bool {
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "", "application/json", "application/problem+json", "text/json", "text/plain":
		return true
	}
	return false
}

// rewound is a body that was read ahead.
type rewound struct {
	io.Reader
	io.Closer
}

// after is what comes behind the part that was read ahead: the rest, or the
// error that ended it.
func after(rest io.Reader, err error) io.Reader {
	if err == nil {
		return rest
	}
	return broken{err}
}

type broken struct{ err error }

// Read implements io.Reader by the error.
func (b broken) Read([]byte) (int, error) { return 0, b.err }
