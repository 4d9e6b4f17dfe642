package fleet

import (
	"fmt"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// setup is what an agent's keeper works with. It points into the loaded
// configuration and keeps nothing of it twice.
type setup struct {
	fleet *Fleet
	agent *config.Agent
	place *config.Platform
}

// setupOf returns the setup of an agent as it is configured now. The caller holds mu.
func (f *Fleet) setupOf(a *agent) *setup { return &setup{f, a.cfg, a.platform.cfg} }

// Account implements keeper.Setup.
func (s *setup) Account() session.Account {
	c := s.agent
	return session.Account{ID: c.ID, Number: c.Number, Password: c.Password, Token: c.Token, Options: c.Options}
}

// Policy implements keeper.Setup.
func (s *setup) Policy() session.Policy {
	p := s.place
	return session.Policy{Initial: p.Backoff.Initial, Max: p.Backoff.Max, OpTimeout: p.SignIn.Timeout, Window: p.Window, Terms: s.agent.Terms}
}

// Hashes implements keeper.Setup.
func (s *setup) Hashes() keeper.Hashes {
	f := s.fleet
	return keeper.Hashes{Secret: f.store.Hash(s.agent.Password), Settings: f.fingerprint(s.place, s.agent), Proof: f.proof(s.place, s.agent)}
}

// fingerprint is what a sign-in of the agent sends, the password aside: where
// it differs, the session must be made anew. Of a token it holds a keyed hash.
func (f *Fleet) fingerprint(p *config.Platform, a *config.Agent) string {
	text := fmt.Sprintf("%s|%s|%s", p.Vendor, a.Number, f.vendors[p.Vendor].Fingerprint(a.Options))
	if !a.Token.IsZero() {
		text += "|" + f.store.Hash(a.Token)
	}
	return text
}

// proof is stored with a sign-in that succeeded: the same password, for the same
// service, gives the same one.
func (f *Fleet) proof(p *config.Platform, a *config.Agent) string {
	if a.Password.IsZero() {
		return ""
	}
	return f.store.Hash(session.NewSecret(p.Address() + "\x00" + a.Password.Reveal()))
}
