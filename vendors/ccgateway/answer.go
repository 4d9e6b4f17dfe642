package ccgateway

import (
	"strings"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

// Read judges the answer to r by [Codes]: nil if the platform said yes. clean makes
// the vendor's text fit to show. For a sign-out, "already out" is yes. The envelope is
// the zero one where the answer holds none.
func Read(r code.Request, a wire.Answer, clean func(string) string) (Envelope, *session.Fault) {
	e, _ := Parse(a.Body) // without a retcode the HTTP status decides
	if e.OK() {
		return e, nil
	}
	return e, Codes.Read(r, a, code.Body{Code: string(e.Retcode), Message: clean(e.text())})
}

// Answers reports, as a fault or nil, whether a shows that the gateway works:
// any envelope does, whatever its retcode and the HTTP status.
func Answers(a wire.Answer) *session.Fault {
	if _, err := Parse(a.Body); err == nil {
		return nil
	}
	return Codes.Read(code.KeepAlive, a, code.Body{})
}

// text returns the vendor's own words, "" where they only say that all is well.
func (e Envelope) text() string {
	text := string(e.Message)
	if text == "" {
		text = string(e.Msg)
	}
	if strings.EqualFold(text, "success") {
		return ""
	}
	return text
}
