package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"agentkeeper/test/sim/huawei"
)

// huaweiCommand is `vendorsim huawei`.
type huaweiCommand struct {
	common
	PushCA          string `name:"push-ca" placeholder:"FILE" help:"The authority that callbacks' certificates are signed by, or one of them; left out: the system's."`
	PushInsecure    bool   `name:"push-insecure" help:"Callbacks may show any certificate."`
	huawei.Switches `embed:"" group:"Switches of the platform:"`
}

// trust is how far the gateway trusts those who receive its callbacks.
func (h *huaweiCommand) trust() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: h.PushInsecure} //nolint:gosec // the flag says so
	if h.PushCA == "" {
		return c, nil
	}
	text, err := os.ReadFile(h.PushCA)
	if err != nil {
		return nil, usageError{fmt.Errorf("--push-ca: %w", err)}
	}
	if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
		return nil, usageError{fmt.Errorf("--push-ca: %s holds no certificate in PEM", h.PushCA)}
	}
	return c, nil
}

// Run serves until the console's context ends.
func (h *huaweiCommand) Run(c *console) error {
	accounts, err := parseAgents(h.Agents, h.Password)
	if err != nil {
		return err
	}
	trust, err := h.trust()
	if err != nil {
		return err
	}
	config := huawei.Config{Pushing: huawei.Pushing{TLS: trust}, Switches: h.Switches, OnViolation: c.violation, Log: h.log(c)}
	for _, a := range accounts {
		config.Agents = append(config.Agents, huawei.Agent{Login: a.login, Password: a.password, Phone: a.number})
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	l, err := h.listen("127.0.0.1:8043")
	if err != nil {
		return err
	}
	config.Line = l
	s := huawei.New(config)
	defer s.Close()
	return h.serve(c, l, platform{
		vendor: "huawei", scheme: "http", options: h.options(), handler: s, ops: &s.Ops,
		endpoints: huawei.Endpoints(), report: func(c *console) { reportFirstPolls(c, s.FirstPolls()) },
	}, accounts)
}

// options are what agentkeeper must know of the switches.
func (h *huaweiCommand) options() []string {
	if hold := time.Duration(h.Hold); hold != 10*time.Second {
		return []string{"hold: " + hold.String()}
	}
	return nil
}

// reportFirstPolls prints how soon polls followed sign-ins.
func reportFirstPolls(c *console, sorted []time.Duration) {
	if len(sorted) == 0 {
		return
	}
	at := func(share float64) time.Duration { return round(sorted[int(share*float64(len(sorted)-1))]) }
	c.printf("first poll after    p50 %s, p99 %s, longest %s\n", at(0.5), at(0.99), at(1))
}
