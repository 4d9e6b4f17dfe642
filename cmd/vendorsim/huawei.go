package main

import (
	"time"

	"agentkeeper/test/sim/huawei"
)

// huaweiCommand is `vendorsim huawei`.
type huaweiCommand struct {
	common
	huawei.Switches `embed:"" group:"Switches of the platform:"`
}

// Run serves until the console's context ends.
func (h *huaweiCommand) Run(c *console) error {
	accounts, err := parseAgents(h.Agents, h.Password)
	if err != nil {
		return err
	}
	config := huawei.Config{Switches: h.Switches, OnViolation: c.violation, Log: h.log(c)}
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
