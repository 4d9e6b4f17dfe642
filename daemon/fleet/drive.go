package fleet

import (
	"agentkeeper/session"
	"agentkeeper/session/waiting"
)

// driven is what an agent is driven by. It belongs to the one who steps it.
type driven struct {
	fleet *Fleet
	seat  waiting.Seat
	begun bool
}

// drive lets an agent's keepers run, one after the other, to the agent's end,
// which agentsDone hears of: it was counted when it was enlisted. It does not block.
func (f *Fleet) drive(a *agent) { f.room.Enter(&a.seat, a) }

// Step implements waiting.Task. What is stored of a removed agent goes before
// anybody can start it anew.
func (a *agent) Step() (wait session.Wait, goesOn bool) {
	f := a.fleet
	if !a.begun {
		f.saveHashes(a)
		a.begun = true
	}
	for {
		if wait, goesOn = a.keeper.Step(f.ctx); goesOn {
			return wait, true
		}
		if !f.next(a) {
			f.agentsDone.Done()
			return wait, false
		}
	}
}

// Block implements waiting.Task.
func (a *agent) Block(wait session.Wait) { a.keeper.Block(wait) }
