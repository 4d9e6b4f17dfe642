package main

import "agentkeeper/test/sim/runtel"

// runtelCommand is `vendorsim runtel`.
type runtelCommand struct {
	common
	runtel.Switches `embed:"" group:"Switches of the platform:"`
}

// Run serves until the console's context ends.
func (t *runtelCommand) Run(c *console) error {
	accounts, err := parseAgents(t.Agents, t.Password)
	if err != nil {
		return err
	}
	config := runtel.Config{Switches: t.Switches, OnViolation: c.violation, Log: t.log(c)}
	for _, a := range accounts {
		config.Agents = append(config.Agents, runtel.Agent{Login: a.login, Password: a.password})
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	l, err := t.listen("127.0.0.1:8085")
	if err != nil {
		return err
	}
	config.Line = l
	s := runtel.New(config)
	return t.serve(c, l, platform{
		vendor: "runtel", scheme: "http", handler: s, ops: &s.Ops, endpoints: runtel.Endpoints(),
	}, accounts)
}
