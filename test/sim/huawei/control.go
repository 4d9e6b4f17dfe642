package huawei

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// Endpoints describes what the simulator serves beside sim.Endpoints, one line
// each, for help texts.
func Endpoints() []string {
	return []string{
		`GET    /_sim/switches                  the switches; PATCH {"hold":"20s"} changes those that are given`,
		`POST   /_sim/agents/{login}/kick       an inspector signs the agent out`,
		`POST   /_sim/agents/{login}/displace   {"for":"10m"} another client takes the agent by force`,
		`POST   /_sim/agents/{login}/event      {"type":"AgentState_Busy","content":null}, or "size":3000000 for a content of so many bytes`,
		`POST   /_sim/agents/{login}/generate   {"rate":10,"count":1000} numbered events per second`,
		`POST   /_sim/agents/{login}/ring       a call from a queue, for an idle agent; direct and call are put through whatever it does`,
		`POST   /_sim/agents/{login}/answer     somebody at the phone answers; hangup: the caller goes; give_up: nobody answered in time`,
		`POST   /_sim/agents/{login}/force      {"state":"busy"} or idle, rest: by an inspector`,
		`POST   /_sim/agents/{login}/phone_away the phone cannot be reached; phone_back ends it`,
		`POST   /_sim/agents/{login}/spoil      {"how":"denied","count":3} or ignored, unheard, renewed: the next commands go wrong`,
		`POST   /_sim/agents/{login}/asked      {"count":1}: so many commands come from a program and break no rule`,
		`POST   /_sim/agents/{login}/rotate     the open poll brings a new Guid`,
		`GET    /_sim/agents/{login}/commands   the latest commands as they came`,
		`POST   /_sim/agents/{login}/lock       {"for":"5m"}; unlock ends it`,
		`POST   /_sim/agents/{login}/unlock`,
		`POST   /_sim/agents/{login}/password   {"password":"…"}`,
		`POST   /_sim/agents/{login}/answers    {"isForceChange":true,"mediatype":"FTF","timeRemaining":"3","noForce":true}`,
		`POST   /_sim/callers                   {"count":5}: so many more wait in the queue, which gives them to idle agents`,
		`POST   /_sim/disaster                  {"for":"20s","then":"105-006"} a switch-over: 000-004 meanwhile`,
	}
}

// order is the body of everything that is asked of one agent; each action
// reads its own fields.
type order struct {
	For      sim.Duration    `json:"for"`
	Type     string          `json:"type"`
	Content  json.RawMessage `json:"content"`
	Size     int             `json:"size"`
	Rate     float64         `json:"rate"`
	Count    int             `json:"count"`
	Password string          `json:"password"`
	State    string          `json:"state"`
	How      string          `json:"how"`
	Answers
}

func (s *Sim) actions() map[string]func(login string, o order) error {
	return map[string]func(login string, o order) error{
		"kick":       func(login string, _ order) error { return s.Kick(login) },
		"displace":   func(login string, o order) error { return s.Displace(login, time.Duration(o.For)) },
		"event":      s.orderEvent,
		"generate":   s.orderGenerate,
		"ring":       func(login string, _ order) error { _, err := s.Ring(login); return err },
		"direct":     func(login string, _ order) error { _, err := s.Direct(login); return err },
		"call":       func(login string, _ order) error { return s.Call(login) },
		"answer":     func(login string, _ order) error { return s.Answer(login) },
		"give_up":    func(login string, _ order) error { return s.GiveUp(login) },
		"hangup":     func(login string, _ order) error { return s.Hangup(login) },
		"force":      func(login string, o order) error { return s.Force(login, o.State) },
		"phone_away": func(login string, _ order) error { return s.PhoneAway(login) },
		"phone_back": func(login string, _ order) error { return s.PhoneBack(login) },
		"spoil":      func(login string, o order) error { return s.Spoil(login, o.How, o.Count) },
		"asked":      func(login string, o order) error { return s.Asked(login, o.Count) },
		"rotate":     func(login string, _ order) error { return s.Rotate(login) },
		"lock":       func(login string, o order) error { return s.Lock(login, time.Duration(o.For)) },
		"unlock":     func(login string, _ order) error { return s.Unlock(login) },
		"password":   func(login string, o order) error { return s.SetPassword(login, o.Password) },
		"answers":    func(login string, o order) error { return s.SetAnswers(login, o.Answers) },
	}
}

func (s *Sim) orderEvent(login string, o order) error {
	if o.Type == "" {
		return errors.New(`an event needs a type, for example {"type":"AgentState_Busy"}`)
	}
	const most = 64 << 20
	switch {
	case o.Size < 0 || o.Size > most:
		return fmt.Errorf("size %d: use at most %d", o.Size, most)
	case o.Size > 0:
		return s.Emit(login, o.Type, map[string]string{"padding": strings.Repeat("x", o.Size)})
	}
	return s.Emit(login, o.Type, o.Content)
}

func (s *Sim) orderGenerate(login string, o order) error {
	if o.Rate < 0 || o.Count < 0 {
		return errors.New("rate and count cannot be negative: use a rate of 0 to stop, a count of 0 for no end")
	}
	return s.Generate(login, o.Rate, o.Count)
}

// controlMux serves /_sim/.
func (s *Sim) controlMux() *http.ServeMux {
	mux := sim.ControlMux(s.control())
	actions := s.actions()
	mux.HandleFunc("POST /_sim/agents/{login}/{action}", func(w http.ResponseWriter, r *http.Request) {
		s.act(w, r, actions[r.PathValue("action")])
	})
	mux.HandleFunc("GET /_sim/agents/{login}", s.getAgent)
	mux.HandleFunc("GET /_sim/agents/{login}/commands", s.getCommands)
	mux.HandleFunc("POST /_sim/disaster", s.postDisaster)
	mux.HandleFunc("POST /_sim/callers", s.postCallers)
	sim.HandleSwitches(mux, s.Switches, s.Switch)
	return mux
}

func (s *Sim) act(w http.ResponseWriter, r *http.Request, action func(string, order) error) {
	if action == nil {
		sim.Refuse(w, http.StatusNotFound, fmt.Errorf("action %q is unknown: use one of %v", r.PathValue("action"), s.actionNames()))
		return
	}
	var o order
	if !sim.Decode(w, r, &o) {
		return
	}
	login := r.PathValue("login")
	if err := action(login, o); err != nil {
		sim.Refuse(w, statusOf(err), err)
		return
	}
	sim.Answer(w, s.Agent(login))
}

func (s *Sim) actionNames() []string {
	var names []string
	for name := range s.actions() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (s *Sim) getCommands(w http.ResponseWriter, r *http.Request) {
	login := r.PathValue("login")
	if err := s.with(login, func(*agent) error { return nil }); err != nil {
		sim.Refuse(w, statusOf(err), err)
		return
	}
	sim.Answer(w, map[string][]Command{"commands": s.Commands(login)})
}

func (s *Sim) getAgent(w http.ResponseWriter, r *http.Request) {
	login := r.PathValue("login")
	if err := s.with(login, func(*agent) error { return nil }); err != nil {
		sim.Refuse(w, statusOf(err), err)
		return
	}
	sim.Answer(w, s.Agent(login))
}

func (s *Sim) postCallers(w http.ResponseWriter, r *http.Request) {
	var o order
	if !sim.Decode(w, r, &o) {
		return
	}
	s.Callers(o.Count)
	sim.Answer(w, map[string]int{"waiting": s.Waiting()})
}

func (s *Sim) postDisaster(w http.ResponseWriter, r *http.Request) {
	var o struct {
		For  sim.Duration `json:"for"`
		Then string       `json:"then"`
	}
	if !sim.Decode(w, r, &o) {
		return
	}
	if err := s.Disaster(time.Duration(o.For), o.Then); err != nil {
		sim.Refuse(w, http.StatusBadRequest, err)
		return
	}
	sim.Answer(w, o)
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, ErrUnknownAgent):
		return http.StatusNotFound
	case errors.Is(err, ErrSignedOut), errors.Is(err, ErrSignedIn), errors.Is(err, ErrGetsNoCall):
		return http.StatusConflict
	}
	return http.StatusBadRequest
}
