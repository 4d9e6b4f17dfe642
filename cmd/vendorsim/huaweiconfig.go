package main

import (
	"time"

	"agentkeeper/test/sim/huaweiconfig"
)

// huaweiConfigCommand is `vendorsim huawei-config`.
type huaweiConfigCommand struct {
	common
	huaweiconfig.Switches `embed:"" group:"Switches of the platform:"`
}

// Run serves until the console's context ends.
func (h *huaweiConfigCommand) Run(c *console) error {
	accounts, err := parseAgents(h.Agents, h.Password)
	if err != nil {
		return err
	}
	config := huaweiconfig.Config{Switches: h.Switches, OnViolation: c.violation, Log: h.log(c)}
	for _, a := range accounts {
		config.Accounts = append(config.Accounts, huaweiconfig.Account{Login: a.login, Password: a.password})
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	l, err := h.listen("127.0.0.1:8044")
	if err != nil {
		return err
	}
	config.Line = l
	s := huaweiconfig.New(config)
	return h.serve(c, l, platform{
		vendor: "huawei-config", scheme: "http", options: h.options(), handler: s, ops: &s.Ops,
		endpoints: huaweiconfig.Endpoints(),
	}, accounts)
}

// options are what agentkeeper must know of the switches.
func (h *huaweiConfigCommand) options() []string {
	options := []string{"probe: /config/agents"}
	if window := time.Duration(h.Window); window <= time.Minute {
		options = append(options, "keep_alive: "+(window/2).String())
	}
	return options
}
