package wire

import (
	"bufio"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

// owner is whose a client's exchange is, and what must not be shown of it.
type owner struct {
	id              session.ID
	password, token session.Secret
}

// sent is a request as its trace knows it.
type sent struct {
	number uint64
	began  time.Time
}

// traced returns the trace of the client's agent, nil while there is none: then it
// costs nothing.
func (c *Client) traced() *trace.Trace {
	t := c.transport.place.Traces.Of(c.owner.id)
	if t != nil {
		t.Hide(c.owner.password, c.owner.token)
	}
	return t
}

// Traced returns the trace of the platform's agent of that login, nil while there
// is none.
func (t *Transport) Traced(login string) *trace.Trace {
	return t.place.Traces.Of(session.ID{Platform: t.place.Name, Login: login})
}

// tellConnected writes a connection down that was begun at began.
func (c *Client) tellConnected(began time.Time, err error) {
	if t := c.traced(); t != nil {
		t.Connected(c.transport.address, c.conn, began, err)
	}
}

// tellRequest writes a request down that is about to be sent. Its answer is read
// with all that there is then.
func (c *Client) tellRequest(r *Request, reused bool) *sent {
	t := c.traced()
	if t == nil {
		return nil
	}
	r.Reads = nil
	note := "on a new connection"
	if reused {
		note = "on a kept connection"
	}
	began := time.Now()
	return &sent{t.Request(r.Method, r.Path, r.headers(), r.Body, note), began}
}

// headers returns those of Header and Fields.
func (r *Request) headers() http.Header {
	all := r.Header.Clone()
	if all == nil {
		all = http.Header{}
	}
	lines := textproto.NewReader(bufio.NewReader(strings.NewReader(r.Fields + "\r\n")))
	fields, _ := lines.ReadMIMEHeader() // of our own making
	for name, values := range fields {
		all[name] = append(all[name], values...)
	}
	return all
}

// tellAnswer writes down what became of a request.
func (c *Client) tellAnswer(s *sent, a Answer, fail *Error) {
	t := c.traced()
	if s == nil {
		s = &sent{}
	}
	switch {
	case t == nil:
	case fail == nil:
		t.Answer(s.number, a.Status, a.Header, UTF8(a.Header.Get("Content-Type"), a.Body), s.began)
	default:
		t.Failed(s.number, a.Status, a.Header, s.began, fail.Error())
	}
}
