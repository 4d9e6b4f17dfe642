package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// answer is what an HTTP/1.1 answer says that is of interest.
type answer struct {
	GUID []byte // the new one; nil: none
	Body []byte
}

var errAnswer = errors.New("not an answer of status 200 with a Content-Length")

// scan looks for a whole answer in b; whole is false as long as there is more to
// come. What it returns is part of b.
func scan(b []byte) (a answer, whole bool, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return a, false, nil
	}
	head, body := b[:end+2], b[end+4:]
	length, err := strconv.Atoi(string(header(head, "Content-Length")))
	if err != nil || length < 0 || !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return a, false, fmt.Errorf("%w: %q", errAnswer, b[:min(len(b), 200)])
	}
	if len(body) < length {
		return a, false, nil
	}
	a.Body = body[:length]
	if guid := header(head, "Set-Guid"); guid != nil {
		a.GUID = bytes.TrimPrefix(guid, []byte("JSESSIONID="))
	}
	return a, true, nil
}

// header is the value of a header's line, nil where there is none.
func header(head []byte, name string) []byte {
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte("\r\n"))
		head = rest
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}

// judge tells whether a poll's answer carries an event.
func judge(body []byte) (event bool, err error) {
	switch {
	case !bytes.Contains(body, []byte(`"retcode":"0"`)):
	case bytes.Contains(body, []byte(`"event":null`)):
		return false, nil
	case bytes.Contains(body, []byte(`"event":`)):
		return true, nil
	}
	return false, fmt.Errorf("not the answer of a good poll: %q", body[:min(len(body), 200)])
}

// took counts a poll's answer and tells whether to pause.
func (t *tally) took(body []byte) (pause bool, err error) {
	event, err := judge(body)
	if err != nil {
		return false, err
	}
	t.rounds.Add(1)
	if event {
		t.events.Add(1)
	}
	return !event, nil
}

const resource = "/agentgateway/resource"

// pollRequest is the whole request of an agent's poll.
func pollRequest(host string, login int, guid []byte) []byte {
	return fmt.Appendf(nil, "GET %s/agentevent/%d HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json; charset=UTF-8\r\nGuid: %s\r\n\r\n", resource, login, host, guid)
}

// signInBody is the body of an agent's sign-in.
func signInBody(i int) []byte {
	return fmt.Appendf(nil, `{"password":%q,"phonenum":"%d","agenttype":4,"status":4}`, password, firstPhone+i)
}

func signInRequest(host string, i int) []byte {
	body := signInBody(i)
	return fmt.Appendf(nil, "PUT %s/onlineagent/%d HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s", resource, firstLogin+i, host, len(body), body)
}
