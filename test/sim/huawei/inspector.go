package huawei

import (
	"slices"
	"strings"
	"time"
)

// inspection is what an inspector does to another agent. It returns the retcode
// of a refusal.
type inspection func(s *Sim, target *agent, q *request) (code string)

// inspections are the calls below /qualitycontrol/{agentid}/, where agentid is a
// signed-in inspector (vendor page: forcelogout; the paths of the others stand in
// a client that was generated from the gateway).
var inspections = map[string]inspection{
	"forcebusy/{workno}":                 forcing(ForceBusy),
	"forceidle/{workno}":                 forcing(ForceIdle),
	"forcerest/{workno}/{time}/{reason}": inspectRest,
	"forcelogout/{workno}":               inspectOut,
}

// Retcodes of inspectors' calls. The pages tell no more than that they are of
// these groups.
const (
	noRight     = "300-001"
	noSuchAgent = "300-002"
	anInspector = "000-005"
)

// inspect carries an inspection out, where the agent may.
func (c inspection) inspect(s *Sim, a *agent, q *request, _ time.Time) (result any, code string) {
	inspectors := strings.Split(s.cfg().Work.Inspectors, ",")
	workNo := q.values("workno")
	target := s.agents[workNo]
	switch {
	case !slices.Contains(inspectors, a.Login):
		return nil, noRight
	case slices.Contains(inspectors, workNo):
		return nil, anInspector
	case target == nil:
		return nil, noSuchAgent
	}
	if s.reap(target, time.Now()); target.session == nil {
		return nil, noSuchAgent
	}
	return struct{}{}, c(s, target, q)
}

func forcing(state string) inspection {
	return func(s *Sim, target *agent, _ *request) string {
		s.force(target, forced[state])
		return ""
	}
}

func inspectRest(s *Sim, target *agent, q *request) string {
	seconds, ok := number(q.values("time"), 1, 86399)
	cause, known := number(q.values("reason"), 0, 255)
	if !ok || !known {
		return badParameter
	}
	w := forced[ForceRest]
	w.reason, w.lasts = cause, time.Duration(seconds)*time.Second
	s.force(target, w)
	return ""
}

func inspectOut(s *Sim, target *agent, _ *request) string {
	s.kick(target)
	return ""
}
