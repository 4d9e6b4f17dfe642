package main

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
)

func startFastHTTP(o options, t *tally) error {
	conf, err := trusting(o.CAFile, o.Address)
	if err != nil {
		return err
	}
	client := &fasthttp.HostClient{
		Addr: o.Address, IsTLS: true, TLSConfig: conf, MaxConns: o.Agents, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout,
		MaxIdleConnDuration: 2 * time.Minute, MaxIdemponentCallAttempts: 1, // a poll that failed is told, not repeated
	}
	return livePolls(o, t, func(s *session, method, path string, body []byte) ([]byte, error) {
		req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(res)
		req.Header.SetMethod(method)
		req.SetRequestURI("https://" + o.Address + path)
		req.Header.SetContentType(jsonType)
		if s.guid != "" {
			req.Header.Set("Guid", s.guid)
		}
		req.SetBody(body)
		if err := client.Do(req, res); err != nil {
			return nil, err
		}
		if res.StatusCode() != http.StatusOK {
			return nil, fmt.Errorf("%s %s: status %d", method, path, res.StatusCode())
		}
		s.renew(string(res.Header.Peek("Set-GUID")))
		return bytes.Clone(res.Body()), nil // released with res
	})
}
