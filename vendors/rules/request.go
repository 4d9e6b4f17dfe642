package rules

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Raw is a request as a program wrote it, without its body.
type Raw struct {
	Method string
	// Path is percent-encoded and follows the platform's address; one
	// leading slash may be left out.
	Path string
	// Query is percent-encoded, without the question mark.
	Query string
	// Header is only looked at: what of it is sent is the caller's affair.
	Header http.Header
}

// Request is a plain request, decoded. Path and RawQuery write its normal form.
type Request struct {
	Method   string
	Segments []string // of the path; the last is empty where it ends with a slash
	Query    []Pair
	Media    string // the body's type, in lower case without parameters; "" where none is said
	Body     []byte // see WithBody
	Readable bool   // Body is whole, not compressed, and in UTF-8 where it is text

	encoded bool
}

// Pair is one parameter of a query.
type Pair struct {
	Key, Value string
	Bare       bool // written without "="
}

// ErrNotPlain is what every error of Parse and WithBody wraps: the request
// cannot be sent safely as it is written.
var ErrNotPlain = errors.New("the request cannot be forwarded safely")

func notPlain(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotPlain, fmt.Sprintf(format, args...))
}

// Bounds of a request, in bytes unless it says otherwise.
const (
	MaxPath     = 2 << 10
	MaxSegments = 32 // a number
	MaxQuery    = 8 << 10
	MaxPairs    = 128 // a number
)

// methods are those that are sent: TRACE would show the credential, CONNECT make
// a tunnel, and what a platform does on another is not known.
func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// IsMethod reports whether requests of this method are sent.
func IsMethod(method string) bool { return slices.Contains(methods(), method) }

// Parse decodes a request once and refuses one that is not plain. The error
// wraps ErrNotPlain and says what to write instead.
func Parse(raw Raw) (Request, error) {
	if !IsMethod(raw.Method) {
		return Request{}, notPlain("its method is none of %s", strings.Join(methods(), ", "))
	}
	r := Request{Method: raw.Method}
	err := r.readHeader(raw.Header)
	if err != nil {
		return Request{}, err
	}
	if r.Segments, err = parsePath(raw.Path); err != nil {
		return Request{}, err
	}
	if r.Query, err = parseQuery(raw.Query); err != nil {
		return Request{}, err
	}
	return r, nil
}

// WithBody returns the request with its body, of which whole says whether it is
// all. One where none belongs is refused, for a server that does not expect it
// may take it for the next request; a form that names another method is refused
// as it would be in a query.
func (r Request) WithBody(body []byte, whole bool) (Request, error) {
	r.Body, r.Readable = body, whole && !r.encoded
	if len(body) > 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions) {
		return Request{}, notPlain("%s requests have no body; leave it out", r.Method)
	}
	if r.Media != "application/x-www-form-urlencoded" || len(body) == 0 {
		return r, nil
	}
	if !r.Readable {
		return Request{}, notPlain("a form must be short and not compressed; send JSON, with Content-Type: application/json")
	}
	if _, err := pairsOf(string(body), len(body)); err != nil {
		return Request{}, notPlain("its body is no plain form, as Content-Type says; for JSON write Content-Type: application/json")
	}
	return r, nil
}

// overrides are headers, and parameters, by which some servers take another
// method or path than the request's own.
func overrides() []string {
	return []string{
		"X-Http-Method", "X-Http-Method-Override", "X-Method-Override", "X-Original-Method", "X-Forwarded-Method",
		"X-Original-Url", "X-Original-Uri", "X-Original-Path", "X-Rewrite-Url", "X-Rewrite-Uri", "X-Forwarded-Uri", "X-Forwarded-Path",
		"X-Http-Path-Override", "X-Path-Override", "X-Action", "Soapaction",
	}
}

// HeaderName returns a header's name as servers may read it: many make no
// difference between "_" and "-".
func HeaderName(name string) string {
	return textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
}

// readHeader refuses headers that make another request of this one, and reads
// what the body is.
func (r *Request) readHeader(h http.Header) error {
	for name := range h {
		switch known := HeaderName(name); {
		case slices.Contains(overrides(), known):
			return notPlain("the header %s names another method, path or action than the request's own; write the request as it is meant", known)
		case known != textproto.CanonicalMIMEHeaderKey(name) && framing(known):
			return notPlain("a header's name is written with _ in place of -; write %s", known)
		}
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Length"} {
		if len(h.Values(name)) > 1 {
			return notPlain("the header %s stands there twice; write it once", name)
		}
	}
	encoding := h.Get("Content-Encoding")
	r.encoded = encoding != "" && !strings.EqualFold(encoding, "identity")
	return r.readMedia(h.Get("Content-Type"))
}

// framing lists the headers that say where and how a body is.
func framing(name string) bool {
	return strings.HasPrefix(name, "Content-") || name == "Transfer-Encoding" || name == "Connection" || name == "Upgrade" || name == "Trailer"
}

// readMedia reads a Content-Type. UTF-8 is the only alphabet: in another one the
// same bytes are other words.
func (r *Request) readMedia(text string) error {
	if text == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(text)
	if err != nil {
		return notPlain("its Content-Type cannot be read; write for example application/json")
	}
	r.Media = media
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "utf8", "us-ascii":
	default:
		r.encoded = true
	}
	return nil
}
