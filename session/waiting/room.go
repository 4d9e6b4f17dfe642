package waiting

import "agentkeeper/session"

// Task is something that works and waits in turn.
type Task interface {
	// Step works until there is something to wait for, and returns that; the zero
	// Wait is for [Seat.Wake] alone. It may block. It is called again when the wait
	// is over, and may be called sooner; never twice at a time. goesOn is false at
	// the end of the task.
	Step() (wait session.Wait, goesOn bool)
	// Block blocks until the wait that Step returned is over, or for no longer
	// than until what calls Wake happens.
	Block(wait session.Wait)
}

// Room keeps tasks that wait.
type Room interface {
	// Enter lets a task begin, at its seat, on another goroutine. It does not block.
	Enter(s *Seat, t Task)
	// Close frees the room. Tasks that have not ended go on, each on a goroutine.
	Close()
}

// Seat is the place of one task in a room. The zero Seat is ready for Enter; it
// must not be copied afterwards.
type Seat struct {
	room *sockets // nil: none that Wake need tell
	task Task
	place
}

// Wake has the task step, whatever it waits for. It does not block, and may be
// called by any goroutine. Where the task blocks on a goroutine of its own it does
// nothing: what called it has ended Block, too.
func (s *Seat) Wake() {
	if s.room != nil {
		s.room.wake(s)
	}
}

// Blocks tells, from within a step, that the rest of it waits for something else
// more than it works: another task may begin its step meanwhile. It does not block.
// A step that does not tell holds its goroutine's place for a hundredth of a second.
func (s *Seat) Blocks() {
	if s.room != nil {
		s.room.blocks(s)
	}
}

// Goroutines returns the room that gives every task a goroutine.
func Goroutines() Room { return goroutines{} }

type goroutines struct{}

// Enter implements Room.
func (goroutines) Enter(_ *Seat, t Task) {
	go func() { // ends with the task
		for {
			wait, goesOn := t.Step()
			if !goesOn {
				return
			}
			t.Block(wait)
		}
	}()
}

// Close implements Room.
func (goroutines) Close() {}
