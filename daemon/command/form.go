package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"agentkeeper/session"
	vendor "agentkeeper/vendors/command"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/rules"
)

// The bounds of a request.
const (
	BodyLimit   = 64 << 10 // bytes of the whole request in JSON
	ReasonLimit = 256      // characters
	IDLimit     = 64       // characters
	CodeLimit   = 64       // characters
	MaxTimeout  = 60 * time.Second
	// Form is a request as a program writes it, for messages.
	Form = `{"action":"call/accept","payload":{…},"reason":"…"}, {"method":"POST","path":"…","reason":"…"} or {"do":"busy","reason":"…"}`

	shownLimit = 64 // bytes of what an error repeats of a request
)

// fields are the keys of a request in JSON.
func fields() []string {
	return []string{"action", "payload", "method", "path", "body", "do", "code", "for", "reason", "id", "timeout"}
}

// Decode reads a request in JSON: one object whose keys are known and stand there
// once. The request is checked, see [Request.Check]. The error is a sentence for
// whoever wrote it.
func Decode(body []byte) (Request, error) {
	values, err := members(body)
	if err != nil {
		return Request{}, err
	}
	r := Request{Payload: values["payload"], Body: values["body"]}
	for name, into := range map[string]*string{
		"action": &r.Action, "method": &r.Method, "path": &r.Path, "do": &r.Do, "code": &r.Code, "reason": &r.Reason, "id": &r.ID,
	} {
		if err := text(values, name, into); err != nil {
			return Request{}, err
		}
	}
	for name, into := range map[string]*time.Duration{"for": &r.For, "timeout": &r.Timeout} {
		if err := duration(values, name, into); err != nil {
			return Request{}, err
		}
	}
	return r, r.Check()
}

// members divides a JSON object by its keys; one whose value is null is left out.
func members(body []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the request is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("the request is no JSON object: write " + Form)
	}
	values, seen := map[string]json.RawMessage{}, map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, notJSON(err)
		}
		name, _ := key.(string)
		switch {
		case !slices.Contains(fields(), name):
			return nil, fmt.Errorf("the request has an unknown field %q; known are %s", session.Cut(name, shownLimit), strings.Join(fields(), ", "))
		case seen[name]:
			return nil, fmt.Errorf("the request has the field %s twice: write it once", name)
		}
		seen[name] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, notJSON(err)
		}
		if !bytes.Equal(value, []byte("null")) {
			values[name] = value
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, notJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the request's JSON object: send one command in each request")
	}
	return values, nil
}

func notJSON(err error) error { return fmt.Errorf("the request is no JSON: %w", err) }

func text(values map[string]json.RawMessage, name string, into *string) error {
	value, ok := values[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s is no text: write it in quotes", name)
	}
	return nil
}

func duration(values map[string]json.RawMessage, name string, into *time.Duration) error {
	var written string
	if err := text(values, name, &written); err != nil || written == "" {
		return err
	}
	d, err := time.ParseDuration(written)
	if err != nil || d <= 0 {
		return fmt.Errorf("%s is no duration above 0: write for example 30s", name)
	}
	*into = d
	return nil
}

// Check says in one sentence why a request can be meant for no vendor; nil where it
// can.
func (r Request) Check() error {
	if err := r.checkForm(); err != nil {
		return err
	}
	reason := strings.TrimSpace(r.Reason)
	switch {
	case reason == "":
		return errors.New("reason is missing: say why, it stands in the audit log")
	case utf8.RuneCountInString(r.Reason) > ReasonLimit:
		return fmt.Errorf("reason has more than %d characters: say it shorter", ReasonLimit)
	case utf8.RuneCountInString(r.ID) > IDLimit:
		return fmt.Errorf("id has more than %d characters", IDLimit)
	case utf8.RuneCountInString(r.Code) > CodeLimit:
		return fmt.Errorf("code has more than %d characters", CodeLimit)
	case r.Timeout < 0 || r.Timeout > MaxTimeout:
		return fmt.Errorf("timeout is not between 0 and %s", MaxTimeout)
	case r.For < 0:
		return errors.New("for is below 0")
	}
	return nil
}

// checkForm wants exactly one kind of request, with what belongs to it.
func (r Request) checkForm() error {
	kinds := 0
	for _, is := range []bool{r.Action != "", r.Method != "" || r.Path != "", r.Do != ""} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return errors.New("a request has exactly one of action, method with path, and do: write " + Form)
	case len(r.Payload) > 0 && r.Action == "":
		return errors.New("payload goes with action; what a method sends is body")
	case len(r.Body) > 0 && r.Method == "":
		return errors.New("body goes with method and path; what an action sends is payload")
	case r.Do == "" && (r.Code != "" || r.For != 0):
		return errors.New("code and for go with do")
	case r.Action != "":
		return r.checkPayload()
	case r.Do != "":
		return r.checkVerb()
	}
	return r.checkRequest()
}

func (r Request) checkPayload() error {
	if len(r.Payload) > 0 && bytes.TrimLeft(r.Payload, " \t\r\n")[0] != '{' {
		return errors.New("payload is no JSON object")
	}
	return nil
}

func (r Request) checkVerb() error {
	switch {
	case !slices.Contains(vendor.Verbs(), r.Do):
		return fmt.Errorf("do is none of %s%s", strings.Join(vendor.Verbs(), ", "), option.DidYouMean(r.Do, vendor.Verbs()))
	case r.Code != "" && !slices.Contains([]string{vendor.Busy, vendor.Rest, vendor.Reject}, r.Do):
		return fmt.Errorf("code goes with busy, rest and reject, and not with %s", r.Do)
	case r.For != 0 && r.Do != vendor.Rest:
		return fmt.Errorf("for goes with rest, and not with %s", r.Do)
	}
	return nil
}

func (r Request) checkRequest() error {
	switch {
	case r.Method == "" || r.Path == "":
		return errors.New("method and path go together")
	case !rules.IsMethod(r.Method):
		return errors.New("method is none that is sent: write GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")
	case strings.HasPrefix(r.Path, "//"), strings.Contains(r.Path, "://"):
		return errors.New("path is an address: write what follows the platform's base, for example onlineagent/291/saybusy")
	}
	return nil
}

// Refuse is the answer to a request of which nothing was sent, for reasons that the
// caller can mend: status is the HTTP status, text says what to do.
func Refuse(status int, text string) Result {
	return Result{Outcome: Refused, Error: text, HTTP: status}
}

// Malformed is the answer to what cannot be read as a request.
func Malformed(err error) Result { return Refuse(http.StatusBadRequest, err.Error()) }

// Reply is a Result with the HTTP status that says the same, for those who do not
// ask over HTTP.
type Reply struct {
	Result
	HTTP int `json:"http"`
}
