package session

import (
	"context"
	"encoding/json"
)

// Command is one request of another program that goes over an agent's session.
type Command struct {
	Action  string          // the vendor's own name
	Payload json.RawMessage // a JSON object; empty: none
	ID      string          // the program's own; it stands in the event of a late answer
}

// Reply is the platform's answer to a [Command]. Beside an error only Sent counts.
type Reply struct {
	Status  int             // the vendor's, in the likeness of HTTP's
	Code    string          // the vendor's own; "" where there is none
	Payload json.RawMessage // empty where there is none
	Sent    bool            // the command left, at least in part; false: nothing of it did
}

// Commander is a [Live] whose commands go over the very connection that holds the
// session. Optional.
type Commander interface {
	// Command sends c and blocks until its answer came, ctx ended or the session is
	// over. It sends c at most once. An error means that there is no answer.
	// Unlike the methods of Live it is called on other goroutines than the driver's,
	// beside Step, Close and SignOut; its calls do not overlap each other. It neither
	// delays the session's own requests nor ends the session.
	Command(ctx context.Context, c Command) (Reply, error)
}

// AnsweredLate is the type of the event that tells of an answer to a command which
// nobody waited for any more. It is one of ours: its data is {"id", "action",
// "status", "answer"}.
const AnsweredLate = "command.answered_late"

// CommanderOf returns what carries the commands of s, which may stand behind
// wrappers with a method Unwrap; nil where s is none.
func CommanderOf(s Live) Commander {
	for s != nil {
		if c, ok := s.(Commander); ok {
			return c
		}
		wrapper, ok := s.(interface{ Unwrap() Live })
		if !ok {
			return nil
		}
		s = wrapper.Unwrap()
	}
	return nil
}
