package main

import (
	"agentkeeper/test/sim/edna"
)

// ednaCommand is `vendorsim edna`.
type ednaCommand struct {
	common
	edna.Switches `embed:"" group:"Switches of the platform:"`
}

// Run serves until the console's context ends.
func (e *ednaCommand) Run(c *console) error {
	accounts, err := parseAgents(e.Agents, e.Password)
	if err != nil {
		return err
	}
	config := edna.Config{Switches: e.Switches, OnViolation: c.violation, Log: e.log(c)}
	for _, a := range accounts {
		config.Accounts = append(config.Accounts, edna.Account{Login: a.login, Password: a.password})
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	l, err := e.listen("127.0.0.1:8080")
	if err != nil {
		return err
	}
	config.Line = l
	s := edna.New(config)
	return e.serve(c, l, platform{
		vendor: "edna", scheme: "http", options: []string{"probe: /api/v1/threads/1"}, handler: s, ops: &s.Ops,
		endpoints: edna.Endpoints(), report: func(c *console) { c.printf("restarts            %d\n", s.Restarts()) },
	}, accounts)
}
