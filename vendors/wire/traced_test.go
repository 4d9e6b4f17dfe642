package wire

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/trace"
)

// answers serves every connection that is dialled, with answer to each request.
func answers(answer string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			for reader := bufio.NewReader(theirs); ; {
				req, err := http.ReadRequest(reader)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				if _, err := io.WriteString(theirs, answer); err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
}

func place(answer string, traces *trace.Traces) Place {
	return Place{Name: "hq", URL: &url.URL{Scheme: "http", Host: "gw:1"}, DialContext: answers(answer), Traces: traces}
}

var account = session.Account{ID: session.ID{Platform: "hq", Login: "2001"}, Password: session.NewSecret("kanari-password"), Token: session.NewSecret("kanari-token")}

// A traced exchange is told step by step, without secrets; nobody else's is.
func TestTracedExchange(t *testing.T) {
	var lines []trace.Line
	traces := trace.New(func(l trace.Line) { lines = append(lines, l) })
	traces.Set([]session.ID{account.ID})
	transport := NewTransport(place("HTTP/1.1 200 OK\r\nGuid: kanari-guid\r\nContent-Length: 32\r\n\r\nkanari-guid kanari-password kana", traces))
	c, other := transport.Client(account), transport.Client(session.Account{ID: session.ID{Platform: "hq", Login: "2002"}})
	defer c.Close()
	defer other.Close()
	for _, client := range []*Client{c, c, other} {
		a, err := client.Do(t.Context(), Request{Method: http.MethodPost, Path: "/in?token=kanari-token", Fields: Encode(http.Header{"Guid": {"kanari-old"}, "X-Mark": {"here"}}), Reads: &Reads{Known: []byte("x")}, Body: []byte(`{"password":"kanari-password"}`)})
		if err != nil || a.Status != 200 {
			t.Fatal(a.Status, err)
		}
	}
	c.Close()
	c.transport.place.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host"}
	}
	if _, err := c.Do(t.Context(), Request{Method: http.MethodGet, Path: "/"}); err == nil {
		t.Fatal("it must fail")
	}
	var steps []string
	for _, l := range lines {
		steps = append(steps, l.Step)
		if l.Agent != "hq/2001" || strings.Contains(l.Body+l.Path+l.Detail+strings.Join(l.Header, " "), "kanari") {
			t.Errorf("%+v", l)
		}
	}
	if got := strings.Join(steps, " "); got != "connected request answer request answer connected" {
		t.Errorf("steps: %s", got)
	}
	if r := lines[1]; strings.Join(r.Header, "|") != "Guid: ***|X-Mark: here" {
		t.Errorf("the request is told as %+v", r)
	}
	if a := lines[2]; a.Exchange != lines[1].Exchange || a.Status != 200 || a.Took == "" || a.Header[1] != "Guid: ***" || a.Body != "*** *** kana" {
		t.Errorf("the answer is told as %+v", a)
	}
	if l := lines[5]; !strings.Contains(l.Detail, "failed") || !strings.Contains(l.Detail, "no such host") {
		t.Errorf("a connection that cannot be made is told as %+v", l)
	}
}

// What is cut short is told with what had come of it.
func TestTracedFailure(t *testing.T) {
	var lines []trace.Line
	traces := trace.New(func(l trace.Line) { lines = append(lines, l) })
	traces.Set([]session.ID{account.ID})
	c := NewTransport(place("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", traces)).Client(account)
	defer c.Close()
	if _, err := c.Do(t.Context(), Request{Method: http.MethodGet, Path: "/", Timeout: 50 * time.Millisecond, Limit: 2}); err == nil {
		t.Fatal("it must fail")
	}
	if l := lines[len(lines)-1]; l.Step != trace.StepFailed || l.Status != 200 || !strings.Contains(l.Detail, "too large") {
		t.Errorf("%+v", l)
	}
}

// Nothing is allocated for a trace that is off.
func TestUntracedCostsNothing(t *testing.T) {
	for name, traces := range map[string]*trace.Traces{"none": nil, "off": trace.New(nil)} {
		c := NewTransport(place("", traces)).Client(account)
		r := Request{Method: http.MethodGet, Path: "/"}
		if n := testing.AllocsPerRun(100, func() {
			c.tellConnected(time.Time{}, nil)
			c.tellAnswer(c.tellRequest(&r, true), Answer{}, nil)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
