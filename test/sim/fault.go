package sim

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

// The modes of a fault. Those marked (p) let the platform carry the request
// out first.
const (
	ModeStatus      = "status"       // answers with HTTP Status (503) and an HTML body
	ModeCode        = "code"         // answers well-formed, with the vendor's failure Code and Text, under HTTP Status where given
	ModeHang        = "hang"         // does not answer until the client gives up
	ModeReset       = "reset"        // resets the connection, the request not carried out
	ModeLost        = "lost"         // (p) resets the connection: the answer is lost
	ModeSilent      = "silent"       // (p) does not answer until the client gives up
	ModeGateway     = "gateway"      // (p) answers with HTTP Status (502) and an HTML body, as a balancer that lost the answer
	ModeTruncate    = "truncate"     // (p) cuts the connection in the middle of the body
	ModeHTML        = "html"         // answers 200 with an HTML page
	ModeGarbage     = "garbage"      // answers 200 with bytes that are no JSON
	ModeEmpty       = "empty"        // answers 200 with no body
	ModeBig         = "big"          // answers 200 with a body of 10 MB
	ModeBomb        = "bomb"         // answers 200 with 30 KB of gzip that unpack to 32 MB
	ModeRedirect    = "redirect"     // answers with HTTP Status (302) and the header Location: Text (https://elsewhere.invalid/)
	ModeSlow        = "slow"         // (p) answers after Delay (5s)
	ModeNumberTypes = "number_types" // (p) answers with numbers where strings of digits stood
	ModeRefuse      = "refuse"       // refuses connections for For and drops the open ones
)

// Modes lists the modes of a fault.
func Modes() []string {
	return []string{ModeStatus, ModeCode, ModeHang, ModeReset, ModeLost, ModeSilent, ModeGateway, ModeTruncate, ModeHTML,
		ModeGarbage, ModeEmpty, ModeBig, ModeBomb, ModeRedirect, ModeSlow, ModeNumberTypes, ModeRefuse}
}

var faultOps = []string{OpSignIn, OpSignOut, OpPoll, OpMessage, OpCommand, OpConnect, OpAny}

// Fault is one thing that goes wrong on demand.
type Fault struct {
	ID     int      `json:"id"`
	Op     string   `json:"op"`     // sign_in, sign_out, poll, message, command, connect or any; "" = any
	Agent  string   `json:"agent"`  // a glob such as 29*; "" = every agent
	Mode   string   `json:"mode"`   // see the Mode constants
	Status int      `json:"status"` // of modes status (0 = 503), gateway (0 = 502), code (0 = the vendor's own) and redirect (0 = 302)
	Code   string   `json:"code"`   // the vendor's code, of mode code
	Text   string   `json:"text"`   // the message beside Code; of mode redirect: where to
	Count  int      `json:"count"`  // how many times; 0 = without limit
	For    Duration `json:"for"`    // how long from now on; 0 = until cleared
	Delay  Duration `json:"delay"`  // before the request is looked at; of mode slow: before it is answered
	// Kept limits the fault to connections that were open when it began: they
	// lead to a node that is ill, while new ones reach another.
	Kept bool `json:"kept"`

	until time.Time
	began int64 // by the logical clock of connections
}

// Check returns what is wrong with the fault and how to put it right.
func (f Fault) Check() error {
	if f.Op != "" && !slices.Contains(faultOps, f.Op) {
		return fmt.Errorf("op %q is unknown: use one of %s", f.Op, strings.Join(faultOps, ", "))
	}
	if !slices.Contains(Modes(), f.Mode) {
		return fmt.Errorf("mode %q is unknown: use one of %s", f.Mode, strings.Join(Modes(), ", "))
	}
	if _, err := path.Match(f.Agent, ""); err != nil {
		return fmt.Errorf("agent %q is no glob: use for example 291 or 29*", f.Agent)
	}
	return f.checkDetails()
}

// checkDetails is the part of Check about what belongs to single modes.
func (f Fault) checkDetails() error {
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return fmt.Errorf("status %d is no HTTP status: use 200 to 599", f.Status)
	}
	if f.Count < 0 {
		return fmt.Errorf("count %d is negative: use 0 for no limit", f.Count)
	}
	if f.Mode == ModeRedirect && f.Status != 0 && (f.Status < 300 || f.Status > 399) {
		return fmt.Errorf("status %d is no redirect: use 300 to 399", f.Status)
	}
	if f.Mode == ModeRefuse && f.Kept {
		return fmt.Errorf("mode refuse concerns new connections: it cannot be \"kept\"")
	}
	if f.Mode == ModeCode && f.Code == "" {
		return fmt.Errorf("mode code needs the vendor's code, for example \"code\":\"100-006\"")
	}
	return nil
}

func (f Fault) matches(ctx context.Context, op, agent string) bool {
	if f.Kept && openedAt(ctx) > f.began {
		return false
	}
	if !f.concerns(op) {
		return false
	}
	if f.Agent == "" {
		return true
	}
	ok, _ := path.Match(f.Agent, agent)
	return ok
}

// concerns reports whether the fault is for requests of kind op.
func (f Fault) concerns(op string) bool {
	switch f.Op {
	case "", OpAny, op:
		return true
	case OpMessage:
		return op == OpCommand
	}
	return false
}

func (f Fault) over(now time.Time) bool { return !f.until.IsZero() && !now.Before(f.until) }

// Faults is what goes wrong at present. The zero Faults is ready; its methods
// may be called at the same time.
type Faults struct {
	mu   sync.Mutex
	last int
	list []Fault
}

// Add makes f go wrong from now on and returns its id. A fault that Check
// refuses panics.
func (s *Faults) Add(f Fault) (id int) {
	if err := f.Check(); err != nil {
		panic("sim: fault: " + err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	f.ID, f.began = s.last, tick()
	if f.For > 0 {
		f.until = time.Now().Add(time.Duration(f.For))
	}
	s.list = append(s.list, f)
	return f.ID
}

// Remove ends one fault; unknown ids are ignored.
func (s *Faults) Remove(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(f Fault) bool { return f.ID == id })
}

// Clear ends every fault.
func (s *Faults) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = nil
}

// Take returns the oldest fault that fits the request and uses it up by one. ctx
// is the request's, which knows its connection.
func (s *Faults) Take(ctx context.Context, op, agent string) (Fault, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	i := slices.IndexFunc(s.list, func(f Fault) bool { return f.matches(ctx, op, agent) })
	if i < 0 {
		return Fault{}, false
	}
	f := s.list[i]
	switch f.Count {
	case 0:
	case 1:
		s.list = slices.Delete(s.list, i, i+1)
	default:
		s.list[i].Count--
	}
	return f, true
}

// List returns the faults at present, oldest first.
func (s *Faults) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire()
	return append([]Fault{}, s.list...)
}

func (s *Faults) expire() {
	now := time.Now()
	s.list = slices.DeleteFunc(s.list, func(f Fault) bool { return f.over(now) })
}
