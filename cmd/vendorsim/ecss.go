package main

import "agentkeeper/test/sim/ecss"

// ecssCommand is `vendorsim ecss`.
type ecssCommand struct {
	common
	Domain        string `placeholder:"NAME" help:"The domain of agents whose login names none; left out: ${default_domain}."`
	ecss.Switches `embed:"" group:"Switches of the platform:"`
}

// Run serves until the console's context ends.
func (e *ecssCommand) Run(c *console) error {
	accounts, err := parseAgents(e.Agents, e.Password)
	if err != nil {
		return err
	}
	config := ecss.Config{Domain: e.Domain, Switches: e.Switches, OnViolation: c.violation}
	for _, a := range accounts {
		config.Agents = append(config.Agents, ecss.Agent{Login: a.login, Password: a.password, Number: a.number})
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	l, err := e.listen("127.0.0.1:8091")
	if err != nil {
		return err
	}
	config.Line = l
	s := ecss.New(config)
	defer s.Close()
	return e.serve(c, l, platform{
		vendor: "ecss", scheme: "ws", options: e.options(), handler: s, ops: s.Ops(), endpoints: ecss.Endpoints(),
	}, accounts)
}

// options are what agentkeeper must know of the switches.
func (e *ecssCommand) options() []string {
	options := []string{}
	if e.LoginOver == "http" {
		options = append(options, "login_over: http", "login_path: "+e.LoginPath, "token_in: "+e.TokenIn)
	}
	if e.LogoutAction != "logout" {
		options = append(options, "logout_action: "+e.LogoutAction)
	}
	return options
}
