package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// session is an agent of a library's loop.
type session struct {
	i    int
	guid string
}

// livePolls signs all agents in by exchange, and has each poll by it.
func livePolls(o options, t *tally, exchange func(s *session, method, path string, body []byte) (answer []byte, err error)) error {
	return all(o, func(i int) error {
		s := &session{i: i}
		text, err := exchange(s, http.MethodPut, fmt.Sprintf("%s/onlineagent/%d", resource, firstLogin+i), signInBody(i))
		if err != nil {
			return err
		}
		if s.guid == "" {
			return fmt.Errorf("no Guid: %q", text)
		}
		go func() {
			path := fmt.Sprintf("%s/agentevent/%d", resource, firstLogin+i)
			for {
				text, err := exchange(s, http.MethodGet, path, nil)
				pause := false
				if err == nil {
					pause, err = t.took(text)
				}
				if err != nil {
					t.fail(err)
					return
				}
				if pause {
					time.Sleep(o.Pause)
				}
			}
		}()
		return nil
	})
}

// renew keeps a Guid that an answer brings.
func (s *session) renew(header string) {
	if header != "" {
		s.guid = strings.TrimPrefix(header, "JSESSIONID=")
	}
}

const jsonType = "application/json; charset=UTF-8"

func startNetHTTP(o options, t *tally) error {
	conf, err := trusting(o.CAFile, o.Address)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: o.Timeout, Transport: &http.Transport{
		TLSClientConfig: conf, MaxIdleConns: o.Agents, MaxIdleConnsPerHost: o.Agents, MaxConnsPerHost: o.Agents, IdleConnTimeout: 2 * time.Minute,
	}}
	return livePolls(o, t, func(s *session, method, path string, body []byte) ([]byte, error) {
		req, err := http.NewRequest(method, "https://"+o.Address+path, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", jsonType)
		if s.guid != "" {
			req.Header.Set("Guid", s.guid)
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer func() { _ = res.Body.Close() }()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s %s: %s", method, path, res.Status)
		}
		s.renew(res.Header.Get("Set-GUID"))
		return io.ReadAll(res.Body)
	})
}
