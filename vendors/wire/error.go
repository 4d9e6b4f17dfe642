package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"agentkeeper/session"
)

// Reason says how a request failed below the vendor's own protocol.
type Reason uint8

// The reasons.
const (
	Failed      Reason = iota // the network failed in another way
	Canceled                  // the caller's context ended first
	Timeout                   // no connection or no whole answer in time
	Refused                   // nothing listens there, or a firewall refuses us
	Closed                    // the connection was closed or reset before a whole answer came
	Unresolved                // the host's name could not be looked up
	Unreachable               // no route to the host
	Certificate               // the server's certificate is not acceptable
	Handshake                 // the TLS handshake failed for another reason
	Malformed                 // what came is not HTTP
	TooLarge                  // the answer is longer than allowed
	Invalid                   // the request cannot be written; a mistake of ours or of the configuration
	Encoded                   // the answer is packed in a way that is not known here
	NoAddress                 // the source address is not this machine's, or has no port left
)

var reasonNames = [...]string{
	"network", "canceled", "timeout", "refused", "closed", "dns", "unreachable",
	"certificate", "tls", "malformed", "too large", "invalid", "encoding", "source address",
}

var reasonTexts = [...]string{
	"the network failed",
	"interrupted",
	"no answer in time",
	"connection refused",
	"the connection was closed before the answer came",
	"the host's name cannot be looked up",
	"there is no route to the host",
	"the server's certificate is not acceptable",
	"the TLS handshake failed",
	"the answer is not HTTP",
	"the answer is too large",
	"the request cannot be sent",
	"the answer is packed in a form that was not asked for",
	"the address to connect from is not this machine's, or has no port left",
}

var reasonActions = [...]string{
	Failed:      "check the network between this host and the platform",
	Canceled:    "",
	Timeout:     "check that the platform works and that no firewall drops the connection",
	Refused:     "check url (host and port), that the platform is running, and its firewall",
	Closed:      "check the platform and the load balancer before it",
	Unresolved:  "check the host in url and this machine's name servers",
	Unreachable: "check this machine's network and routes",
	Certificate: "set tls.ca_file or tls.pin_sha256",
	Handshake:   "check that the port in url speaks TLS 1.2 or newer",
	Malformed:   "check the port in url, and what answers there",
	TooLarge:    "check what answers at url",
	Invalid:     "check the agent's login and options",
	Encoded:     "switch the compression of answers off on the platform or on the proxy before it; gzip and deflate can be read",
	NoAddress:   "check source_addresses of the platform, and that the machine has these addresses; one has about 28,000 ports to one platform, so write more of them for more agents",
}

// String returns the reason's short stable name.
func (r Reason) String() string { return reasonNames[r] }

// Explain looks up an [Error.Code]: what it means and what a person can do. ok is
// false for other codes.
func Explain(code string) (text, action string, ok bool) {
	if t, known := troubles[code]; known {
		return t.Text, t.Action, true
	}
	for r, name := range reasonNames {
		if name == code {
			return reasonTexts[r], reasonActions[r], true
		}
	}
	return "", "", false
}

// Error is how a request failed on its way. Its text names the host, never the
// path, the headers or the body.
type Error struct {
	Reason Reason
	// Code is the reason's name, or a finer one where more is known ("tls
	// version"). It serves as Fault.Code; Explain knows all of them.
	Code string
	// Sent is true when the whole request was handed to the connection: the
	// platform may have carried it out. It is false where TLS itself was refused
	// before a byte of an answer: nothing was read on the other side then.
	Sent bool
	// Partly is true when a part of the request was handed to the connection before
	// that failed, and perhaps left.
	Partly bool
	// Began is true when at least one byte of the answer had come. What the rest
	// of it carried is lost.
	Began  bool
	Host   string // host and port
	Text   string // what went wrong, in words
	Action string // what a person can do; "" where nothing
	Err    error  // the underlying error, nil where it would quote foreign text
}

// Error returns the host, the words and the underlying error in one line.
func (e *Error) Error() string {
	msg := e.Host + ": " + e.Text
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the underlying error.
func (e *Error) Unwrap() error { return e.Err }

// Fault classifies the error for an adapter: an operation (sign-in, sign-out)
// that was sent is in doubt; everything else is an outage.
func (e *Error) Fault(operation bool) *session.Fault {
	f := &session.Fault{Kind: session.Outage, Code: e.Code, Text: e.Host + ": " + e.Text, Action: e.Action, Err: e.Err}
	if operation && e.Sent {
		f.Kind = session.Doubt
	}
	return f
}

// Fault classifies what [Client.Do] and the like returned, as [Error.Fault] does.
func Fault(err error, operation bool) *session.Fault {
	var e *Error
	if errors.As(err, &e) {
		return e.Fault(operation)
	}
	return session.AsFault(err)
}

// newError classifies err. host is not secret.
func newError(host string, err error) *Error { return NewError(host, err, Failed) }

// NewError classifies what went wrong on a connection to host, which is not secret;
// otherwise is the reason of an error that tells none.
func NewError(host string, err error, otherwise Reason) *Error {
	r := classify(err)
	if r == Failed {
		r = otherwise
	}
	e := &Error{Reason: r, Code: r.String(), Host: host, Text: reasonTexts[r], Action: reasonActions[r], Err: err}
	if t, ok := TLSTrouble(err); ok {
		e.Code = t.Code
		e.Text = t.Text
		e.Action = t.Action
	}
	if from, ok := Source(err); ok {
		e.Text += " (from " + from.String() + ")"
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		e.Text, e.Action = "the port does not speak TLS", "write http:// instead of https:// in url, or name the TLS port"
		e.Err = nil // it quotes what came
	}
	var packed *encodingError
	if errors.As(err, &packed) {
		e.Text, e.Err = "the answer is "+packed.Error()+", which was not asked for", nil
	}
	if e.Reason == TooLarge || e.Reason == Malformed {
		e.Err = nil // it says no more than Text
	}
	return e
}

// classify finds the reason in err's chain. The order matters: a DNS time-out
// is about DNS, a cancelled dial is the caller's doing.
func classify(err error) Reason {
	var dns *net.DNSError
	var packed *encodingError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.As(err, &dns):
		return Unresolved
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return Unreachable
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return NoAddress
	case isClosed(err):
		return Closed
	case isCertificate(err):
		return Certificate
	case isHandshake(err):
		return Handshake
	case errors.As(err, &packed):
		return Encoded
	case errors.Is(err, errLarge):
		return TooLarge
	case errors.Is(err, errNoise):
		return Malformed
	}
	return Failed
}

func isClosed(err error) bool {
	for _, closed := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed,
		syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED,
	} {
		if errors.Is(err, closed) {
			return true
		}
	}
	return false
}

func isCertificate(err error) bool {
	t, ok := TLSTrouble(err)
	return ok && t.Certificate
}

func isHandshake(err error) bool {
	var handshake *handshakeError
	return errors.As(err, &handshake) || alertOf(err) != noAlert
}

// handshakeError marks what crypto/tls said about a handshake.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }
