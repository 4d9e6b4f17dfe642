package sim

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	bigBody   = 10 << 20
	slowDelay = 5 * time.Second
	elsewhere = "https://elsewhere.invalid/"
)

// Reply is a whole HTTP answer before it is sent.
type Reply struct {
	Status int // 0 = 200
	Header http.Header
	Body   []byte
}

// JSON returns a 200 answer of v, as UTF-8 JSON.
func JSON(v any) Reply {
	body, err := json.Marshal(v)
	if err != nil {
		return HTML(http.StatusInternalServerError)
	}
	return Reply{Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, Body: body}
}

// HTML returns the page that a load balancer sends with status.
func HTML(status int) Reply {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	return Reply{
		Status: status,
		Header: http.Header{"Content-Type": {"text/html"}},
		Body:   []byte("<html>\r\n<head><title>" + text + "</title></head>\r\n<body><center><h1>" + text + "</h1></center></body>\r\n</html>\r\n"),
	}
}

// Write sends the answer.
func (r Reply) Write(w http.ResponseWriter) {
	r.writeHeader(w)
	_, _ = w.Write(r.Body)
}

// Exchange is one request to a platform that speaks HTTP.
type Exchange struct {
	// Process carries the request out and returns the platform's answer. It
	// ends early when ctx does, because the client has gone.
	Process func(ctx context.Context) Reply
	// Fail returns the platform's well-formed failure.
	Fail func(code, text string) Reply
	// Wire is how the answer travels; nil: in one piece, as UTF-8.
	Wire *Wire
	// Early, where set, makes status 200 and the headers that it returns leave
	// before the request is carried out, as those of a held poll do behind many
	// proxies. Answers that a fault puts in the platform's place come whole.
	Early func() http.Header
	// End, where set, is called once the request is no longer in flight:
	// before any of the answer leaves.
	End func()
}

// Serve carries the exchange out as f wants it; the zero Fault means as the
// platform would.
func (e Exchange) Serve(w http.ResponseWriter, r *http.Request, f Fault) {
	wire := e.Wire
	if wire == nil {
		wire = &plainWire
	}
	begun := e.Early != nil && f.carriedOut()
	if begun {
		wire.early(w, e.Early())
	}
	answer := e.answer(r.Context(), f)
	if e.End != nil {
		e.End()
	}
	switch {
	case r.Context().Err() != nil:
		Abort(w)
	case f.Mode == ModeHang, f.Mode == ModeReset, f.Mode == ModeLost, f.Mode == ModeSilent, f.Mode == ModeRefuse:
		Abort(w)
	case f.Mode == ModeTruncate:
		truncate(w, wire.dress(answer), begun)
	default:
		wire.write(w, r, answer, begun)
	}
}

// carriedOut reports whether the platform begins to carry the request out, so
// that headers may leave early.
func (f Fault) carriedOut() bool {
	switch f.Mode {
	case "", ModeHang, ModeLost, ModeSilent, ModeTruncate, ModeSlow, ModeNumberTypes:
		return true
	}
	return false
}

// answer is what the platform has to say under f.
func (e Exchange) answer(ctx context.Context, f Fault) Reply {
	if f.Mode != ModeSlow {
		sleep(ctx, time.Duration(f.Delay))
	}
	switch f.Mode {
	case ModeStatus:
		return HTML(f.status())
	case ModeCode:
		r := e.Fail(f.Code, f.Text)
		r.Status = cmp.Or(f.Status, r.Status)
		return r
	case ModeRedirect:
		return Reply{Status: cmp.Or(f.Status, http.StatusFound), Header: http.Header{"Location": {cmp.Or(f.Text, elsewhere)}}}
	case ModeHang:
		<-ctx.Done()
		return Reply{}
	case ModeReset, ModeRefuse:
		return Reply{}
	case ModeHTML:
		return HTML(http.StatusOK)
	case ModeGarbage:
		return plain([]byte("\x00\xff{]" + strings.Repeat("\x1b\x80", 16)))
	case ModeEmpty:
		return plain(nil)
	case ModeBig:
		return plain(bytes.Repeat([]byte(`{"message":"`), bigBody/12))
	case ModeBomb:
		r := plain(bomb())
		r.Header.Set("Content-Encoding", "gzip")
		return r
	}
	return e.process(ctx, f)
}

func (e Exchange) process(ctx context.Context, f Fault) Reply {
	answer := e.Process(ctx)
	switch f.Mode {
	case ModeSlow:
		delay := time.Duration(f.Delay)
		if delay == 0 {
			delay = slowDelay
		}
		sleep(ctx, delay)
	case ModeSilent:
		<-ctx.Done()
	case ModeGateway:
		return HTML(cmp.Or(f.Status, http.StatusBadGateway))
	case ModeNumberTypes:
		answer.Body = Numbers(answer.Body)
	}
	return answer
}

func (f Fault) status() int {
	if f.Status == 0 {
		return http.StatusServiceUnavailable
	}
	return f.Status
}

func plain(body []byte) Reply {
	return Reply{Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}}, Body: body}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// truncate announces the whole answer, sends half of it and cuts.
func truncate(w http.ResponseWriter, answer Reply, begun bool) {
	if !begun {
		answer.writeHeader(w)
	}
	_, _ = w.Write(answer.Body[:len(answer.Body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// Abort resets the request's connection without an answer. It does not return
// where the connection cannot be taken over (HTTP/2): it ends the handler.
func Abort(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	ResetConn(conn)
}

// ResetConn closes a connection so that the peer sees a reset and not an end.
func ResetConn(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	switch c := conn.(type) {
	case interface{ Reset() }:
		c.Reset()
	case interface{ SetLinger(sec int) error }:
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

// Numbers returns a JSON text with numbers where strings of digits stood;
// anything that is no JSON comes back as it is.
func Numbers(text []byte) []byte {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return text
	}
	out, err := json.Marshal(numbers(v))
	if err != nil {
		return text
	}
	return out
}

func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = numbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = numbers(e)
		}
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
	}
	return v
}
