package ecss

import (
	"cmp"
	"errors"
	"fmt"

	"agentkeeper/test/sim"
)

// DefaultDomain is the virtual PBX of a simulator that names none.
const DefaultDomain = "sim.local"

// Config is a platform before it runs.
type Config struct {
	// Domain is the virtual PBX of agents that name none and of the profile
	// "default"; "" = DefaultDomain.
	Domain string
	// Agents is who can log in. Their numbers exist and have the service.
	Agents []Agent
	// Numbers lists further numbers that exist, with the service.
	Numbers []string
	// Inactive lists numbers that exist without the CC-agent service.
	Inactive []string
	Switches Switches
	// Line is the listener's end of the network, for outages; may be nil.
	Line sim.Line
	// OnViolation, where set, is told of each violation at once.
	OnViolation func(string)
}

// Agent is one operator as the platform's administrator made it.
type Agent struct {
	Login    string
	Password string
	Number   string // the number that the agent usually takes; only makes it exist
	Domain   string // "" = the simulator's
	ID       string // the agentId; "" = Login
	// Supervisor is told in the login's answer and allows operator/forceLogout.
	Supervisor bool
}

// Check returns what is wrong with the configuration and what to do.
func (c Config) Check() error {
	errs := []error{c.Switches.complete()}
	seen := map[string]bool{}
	for i, a := range c.Agents {
		name := cmp.Or(a.Domain, c.Domain, DefaultDomain) + "\x00" + a.Login
		switch {
		case a.Login == "":
			errs = append(errs, fmt.Errorf("agent %d has no login: give it one", i+1))
		case seen[name]:
			errs = append(errs, fmt.Errorf("agent %s stands twice: remove one", a.Login))
		}
		seen[name] = true
	}
	return errors.Join(errs...)
}

// Agents returns n agents with rising numeric logins from first on, all with
// one password; the login 291 takes the number 40291.
func Agents(first, n int, password string) []Agent {
	agents := make([]Agent, n)
	for i := range agents {
		login := fmt.Sprint(first + i)
		agents[i] = Agent{Login: login, Password: password, Number: "40" + login}
	}
	return agents
}
