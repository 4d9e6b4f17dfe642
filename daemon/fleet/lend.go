package fleet

import (
	"fmt"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Lend lends an agent's session for one command, see keeper.Keeper.Lend. It fails
// with ErrUnknownAgent as well.
func (f *Fleet) Lend(id session.ID) (*keeper.Loan, error) {
	f.mu.Lock()
	a := f.agents[id]
	f.mu.Unlock()
	if a == nil {
		return nil, fmt.Errorf("%w: %s", ErrUnknownAgent, id)
	}
	return f.keeperOf(a).Lend()
}

// Commands returns what is configured of an agent's commands; ok is false for an agent
// that there is not.
func (f *Fleet) Commands(id session.ID) (c config.Commands, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil {
		return c, false
	}
	if set := a.becomes().Commands; set != nil {
		c = *set
	}
	return c, true
}
