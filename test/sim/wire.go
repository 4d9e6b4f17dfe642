package sim

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// The values of Wire's choices; the first of each group is the default.
const (
	CharsetUTF8 = "utf-8"
	CharsetGBK  = "gbk"
	Charset1251 = "windows-1251"

	ToldTrue   = "true"  // Content-Type names the charset
	ToldNot    = "not"   // it names none
	ToldFalse  = "false" // it names UTF-8 whatever the bytes are
	BehindNone = "none"
	BehindCRLF = "crlf"  // an empty line
	BehindZero = "chunk" // the end of a chunked body that is none
	Behind408  = "408"   // a balancer's answer to a request that never came
)

// Wire is how answers over HTTP travel: what proxies, web servers and the
// programs behind them do to an answer that is otherwise the vendor's. Every
// simulator has these switches beside its own; they know nothing of each other
// and may be combined. The zero value is a plain UTF-8 answer in one piece.
type Wire struct {
	BodyDelay   Duration `json:"body_delay" name:"body-delay" help:"Status and headers leave first, the body this much later."`
	BodyPause   Duration `json:"body_pause" name:"body-pause" help:"The second half of a body leaves this much after the first."`
	Chunked     bool     `json:"chunked" name:"chunked" help:"Answers have no Content-Length: their bodies are chunked."`
	Encoding    string   `json:"encoding" name:"encoding" enum:"identity,gzip,deflate,zstd" default:"identity" help:"How bodies are packed, whatever the client accepts: ${enum}."`
	Charset     string   `json:"charset" name:"charset" enum:"utf-8,gbk,windows-1251" default:"utf-8" help:"The charset of answers and callbacks: ${enum}; what it lacks becomes a question mark."`
	CharsetTold string   `json:"charset_told" name:"charset-told" enum:"true,not,false" default:"true" help:"Content-Type names that charset, names none, or names UTF-8 falsely: ${enum}."`
	CutText     int      `json:"cut_text" name:"cut-text" help:"Strings with other than ASCII characters are cut after so many bytes, in the middle of a character too; 0 = never."`
	Behind      string   `json:"behind" name:"behind" enum:"none,crlf,chunk,408" default:"none" help:"Bytes that follow an answer on a kept connection: ${enum} (an empty line, the end of a chunked body, a balancer's 408)."`
}

var behindBytes = map[string]string{
	BehindCRLF: "\r\n",
	BehindZero: "0\r\n\r\n",
	Behind408:  "HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}

// Text returns a body as the platform's programs write it: cut and in their
// charset. It is what callbacks and websockets carry too.
func (w *Wire) Text(body []byte) []byte { return transcode(cutStrings(body, w.CutText), w.Charset) }

// ContentType returns the header of a JSON body.
func (w *Wire) ContentType() string {
	switch {
	case w.CharsetTold == ToldNot:
		return "application/json"
	case w.CharsetTold == ToldFalse, w.Charset == CharsetUTF8, w.Charset == "":
		return "application/json; charset=UTF-8"
	}
	return "application/json; charset=" + w.Charset
}

// plain reports whether answers travel as they are.
func (w *Wire) plain() bool { return *w == Wire{} || *w == plainWire }

// plainWire is the zero Wire with its defaults filled in.
var plainWire = Wire{Encoding: "identity", Charset: CharsetUTF8, CharsetTold: ToldTrue, Behind: BehindNone}

// write sends an answer. begun tells that status and headers have left already.
func (w *Wire) write(out http.ResponseWriter, r *http.Request, answer Reply, begun bool) {
	if w.plain() && !begun {
		answer.Write(out)
		return
	}
	answer = w.dress(answer)
	if c := connectionOf(r.Context()); c != nil && r.ProtoMajor == 1 && w.Behind != BehindNone {
		c.follow([]byte(behindBytes[w.Behind]))
	}
	if !begun {
		w.begin(out, answer)
	}
	w.writeBody(r.Context(), out, answer.Body)
}

// begin sends status and headers.
func (w *Wire) begin(out http.ResponseWriter, answer Reply) {
	if !w.Chunked {
		answer.writeHeader(out)
		return
	}
	for name, values := range answer.Header {
		out.Header()[name] = values
	}
	out.WriteHeader(answer.status())
	_ = http.NewResponseController(out).Flush() // without a length: net/http chunks what follows
}

func (w *Wire) writeBody(ctx context.Context, out http.ResponseWriter, body []byte) {
	flush := http.NewResponseController(out).Flush
	if w.BodyDelay > 0 {
		_ = flush()
		sleep(ctx, time.Duration(w.BodyDelay))
	}
	if half := len(body) / 2; w.BodyPause > 0 && half > 0 {
		_, _ = out.Write(body[:half])
		_ = flush()
		sleep(ctx, time.Duration(w.BodyPause))
		body = body[half:]
	}
	_, _ = out.Write(body)
}

// dress gives the body its charset and packing, and the headers that tell.
func (w *Wire) dress(answer Reply) Reply {
	answer.Header = answer.Header.Clone()
	if answer.Header == nil {
		answer.Header = http.Header{}
	}
	if isJSON(answer.Header) {
		answer.Body = w.Text(answer.Body)
		answer.Header.Set("Content-Type", w.ContentType())
	}
	if len(answer.Body) > 0 && w.Encoding != "" && w.Encoding != "identity" && answer.Header.Get("Content-Encoding") == "" {
		answer.Body = pack(w.Encoding, answer.Body)
		answer.Header.Set("Content-Encoding", w.Encoding)
	}
	return answer
}

// early sends status 200 and the headers of a JSON answer whose body is still to
// come.
func (w *Wire) early(out http.ResponseWriter, header http.Header) {
	out.Header().Set("Content-Type", w.ContentType())
	if w.Encoding != "" && w.Encoding != "identity" {
		out.Header().Set("Content-Encoding", w.Encoding)
	}
	for name, values := range header {
		out.Header()[name] = values
	}
	out.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(out).Flush()
}

func isJSON(h http.Header) bool {
	kind := h.Get("Content-Type")
	return len(kind) >= 16 && kind[:16] == "application/json"
}

func (r Reply) status() int {
	if r.Status == 0 {
		return http.StatusOK
	}
	return r.Status
}

// writeHeader sends status and headers, the length included.
func (r Reply) writeHeader(w http.ResponseWriter) {
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.Body)))
	w.WriteHeader(r.status())
}
