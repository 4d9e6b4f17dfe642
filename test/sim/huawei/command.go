package huawei

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// Rules are what a keeper must not do of its own accord, though the platform
// takes it. A command of a program is none of the keeper's: announce it by
// Asked.
type Rules struct {
	Keeper   bool `json:"keeper" name:"keeper-rules" help:"A violation is: a state command in a call or while one waits for its end, one against an inspector, one said again though it was not answered and nobody looked, a sign-out beside a command."`
	Restores int  `json:"restores" name:"restores-per-hour" help:"More commands that make an agent ready again within an hour are a violation; 0 = no limit."`
}

// Command is a request that changes something, as it came.
type Command struct {
	At time.Time `json:"at"`
	// Text is method, path behind the base, query and body, for example "POST
	// onlineagent/291/saybusy?reason=200".
	Text string `json:"text"`
	// Code is the retcode, "" where the platform did not come to look at it.
	Code string `json:"code"`
	// Unanswered tells that no answer left, or one without a retcode.
	Unanswered bool `json:"unanswered,omitempty"`
}

// Commands returns the agent's latest commands, at most 1000, oldest first; those
// of the Guids of others too.
func (s *Sim) Commands(login string) []Command {
	var list []Command
	_ = s.with(login, func(a *agent) error {
		for _, c := range a.record.commands {
			list = append(list, *c)
		}
		return nil
	})
	return list
}

// Asked announces that the agent's next n commands are a program's, and not to
// be judged by Rules.
func (s *Sim) Asked(login string, n int) error {
	return s.with(login, func(a *agent) error { a.asked = n; return nil })
}

// The ways to spoil commands.
const (
	SpoilDenied  = "denied"  // 100-009: the agent has no right to it
	SpoilIgnored = "ignored" // retcode 0, and nothing happens
	SpoilUnheard = "unheard" // it is carried out, and the state's event never comes
	SpoilRenewed = "renewed" // the open poll brings a new Guid first: the command's own was replaced under way
)

// spoils is what goes wrong with the next commands.
type spoils struct {
	how  string
	left int // -1 = without limit
}

// Spoil makes the agent's next count commands go wrong, or all from now on where
// count is 0; how is one of the Spoil constants, "" ends it.
func (s *Sim) Spoil(login, how string, count int) error {
	switch how {
	case "", SpoilDenied, SpoilIgnored, SpoilUnheard, SpoilRenewed:
	default:
		return fmt.Errorf("spoil %q is unknown: use denied, ignored, unheard or renewed", how)
	}
	if count <= 0 {
		count = -1
	}
	return s.with(login, func(a *agent) error { a.spoils = spoils{how, count}; return nil })
}

// take uses the spoil up by one, where it is of that kind or of any but renewed.
func (p *spoils) take(renewed bool) (how string) {
	if p.how == "" || p.left == 0 || (p.how == SpoilRenewed) != renewed {
		return ""
	}
	if p.left > 0 {
		p.left--
	}
	return p.how
}

// unanswering are the faults that leave a client without a retcode.
var unanswering = []string{
	sim.ModeStatus, sim.ModeHang, sim.ModeReset, sim.ModeLost, sim.ModeSilent, sim.ModeGateway, sim.ModeTruncate, sim.ModeHTML,
	sim.ModeGarbage, sim.ModeEmpty, sim.ModeBig, sim.ModeBomb, sim.ModeRedirect, sim.ModeRefuse,
}

// arrive records a command, and judges one that is said again though nobody
// knows what became of it.
func (s *Sim) arrive(q *request, r *http.Request, f sim.Fault) {
	const remembered = 1000
	s.mu.Lock()
	defer s.mu.Unlock()
	a, n, _ := s.authenticate(q)
	if a == nil {
		return
	}
	text := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), base+"/")
	if len(q.body) > 0 {
		text += " " + string(q.body)
	}
	q.command = &Command{At: q.arrived, Text: text, Unanswered: slices.Contains(unanswering, f.Mode)}
	a.record.commands = append(a.record.commands, q.command)
	if over := len(a.record.commands) - remembered; over > 0 {
		a.record.commands = a.record.commands[over:]
	}
	if n == nil {
		return
	}
	if s.cfg().Rules.Keeper && a.asked == 0 && n.doubt == text {
		s.Ops.Violation(a.Login, "said again though it was not answered: "+text)
	}
	n.doubt = ""
	if q.command.Unanswered {
		n.doubt = text
	}
}

// leaves notes, before a command's answer leaves, whether anybody waits for it.
func (s *Sim) leaves(ctx context.Context, q *request) {
	if q.command == nil || ctx.Err() == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q.command.Unanswered = true
	if a := s.agents[q.login]; a != nil && a.session != nil {
		a.session.doubt = q.command.Text
	}
}

// judgeBeside notes a sign-out beside a command, and a command beside a sign-in
// or sign-out.
func (s *Sim) judgeBeside(login, op string) {
	if !s.cfg().Rules.Keeper {
		return
	}
	other := map[string]string{sim.OpSignOut: sim.OpCommand, sim.OpCommand: sim.OpSignOut}[op]
	if other != "" && s.Ops.InFlight(login, other) {
		s.Ops.Violation(login, op+" began while the agent's "+other+" was unanswered")
	}
}

// command is a call that changes something, named by the rest of its path.
func (s *Sim) command(name string, f voiceCall) func(context.Context, *request) sim.Reply {
	return func(ctx context.Context, q *request) sim.Reply {
		if q.overlap && s.cfg().Work.Overlap == OverlapRefused {
			return s.finish(q, nil, "000-007")
		}
		s.spend(ctx, s.cfg().Work.CommandTime)
		s.outrun(ctx, q)
		s.mu.Lock()
		defer s.mu.Unlock()
		a, n, code := s.authenticate(q)
		if n == nil {
			return s.finish(q, nil, code)
		}
		now := time.Now()
		s.judge(a, name, now)
		how := a.spoils.take(false)
		switch how {
		case SpoilDenied:
			return s.finish(q, nil, stateFailed)
		case SpoilIgnored:
			return s.finish(q, struct{}{}, "")
		}
		n.mute = how == SpoilUnheard
		result, code := f(s, a, q, now)
		n.mute = false
		return s.finish(q, result, code)
	}
}

// finish answers a command: with its result, or the retcode of a refusal.
func (s *Sim) finish(q *request, result any, code string) sim.Reply {
	if q.command != nil {
		q.command.Code = or(code, "0")
	}
	if code != "" {
		return s.failure(code)
	}
	return s.success(result)
}

// carry is a state call as a call that has a result.
func (c stateCall) carry(s *Sim, a *agent, q *request, now time.Time) (result any, code string) {
	return struct{}{}, c(s, a, q, now)
}

// judge notes what a keeper must not do of its own accord.
func (s *Sim) judge(a *agent, name string, now time.Time) {
	if a.asked > 0 {
		a.asked--
		return
	}
	verb, _, _ := strings.Cut(name, "/")
	n, rules := a.session, &s.cfg().Rules
	if rules.Keeper && slices.Contains(stateVerbs, verb) {
		switch {
		case len(a.calls) > 0:
			s.Ops.Violation(a.Login, verb+" while a call is "+a.calls[0].stage())
		case n.wish != wish{}:
			s.Ops.Violation(a.Login, verb+" while another state is on its way")
		case n.by == ByInspector:
			s.Ops.Violation(a.Login, verb+" against an inspector")
		}
	}
	if (n.status != StateBusy && n.status != StateRest) || !slices.Contains(readyVerbs, verb) {
		return
	}
	a.record.restores = slices.DeleteFunc(a.record.restores, func(t time.Time) bool { return now.Sub(t) >= time.Hour })
	a.record.restores = append(a.record.restores, now)
	if rules.Restores > 0 && len(a.record.restores) > rules.Restores {
		s.Ops.Violation(a.Login, verb+": made ready more often within an hour than allowed")
	}
}

var (
	stateVerbs = []string{"sayfree", "saybusy", "cancelbusy", "rest", "cancelrest", "work", "cancelwork"}
	readyVerbs = []string{"sayfree", "cancelbusy", "cancelrest"}
)
