package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Control is what every simulator lets people do to it over HTTP.
type Control struct {
	Faults *Faults
	Ops    *Ops
	Line   Line       // nil: the simulator does not own its listener, so it cannot refuse
	State  func() any // the vendor's agents, for /_sim/state; may be nil
	Reset  func()     // the vendor's own part of a reset; may be nil
}

// Endpoints describes what ControlMux serves, one line each, for help texts.
func Endpoints() []string {
	return []string{
		`GET    /_sim/state                     counts, violations, the agents and their state`,
		`GET    /_sim/violations                what the client did that the contract forbids`,
		`POST   /_sim/gaps                      each agent's largest gap since the last time`,
		`GET    /_sim/faults                    the faults at present`,
		`POST   /_sim/faults                    {"op":"poll","agent":"29*","mode":"status","status":503,"count":3,"for":"1m"}`,
		`DELETE /_sim/faults[/{id}]             ends one fault, or all`,
		`POST   /_sim/outage                    {"for":"30s","mode":"refuse"} or hang, reset, status`,
		`DELETE /_sim/outage                    ends the outage`,
		`POST   /_sim/reset                     forgets counts, violations and faults`,
	}
}

// ControlMux serves /_sim/faults, outage, state, violations and reset. Vendors
// add their own patterns below /_sim/ to it.
func ControlMux(c Control) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/faults", func(w http.ResponseWriter, _ *http.Request) { Answer(w, c.Faults.List()) })
	mux.HandleFunc("POST /_sim/faults", c.addFault)
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		c.EndOutage()
		c.Faults.Clear()
		Answer(w, c.Faults.List())
	})
	mux.HandleFunc("DELETE /_sim/faults/{id}", c.removeFault)
	mux.HandleFunc("POST /_sim/outage", c.postOutage)
	mux.HandleFunc("DELETE /_sim/outage", func(w http.ResponseWriter, _ *http.Request) {
		c.EndOutage()
		Answer(w, map[string]any{})
	})
	mux.HandleFunc("GET /_sim/state", c.getState)
	mux.HandleFunc("GET /_sim/violations", func(w http.ResponseWriter, _ *http.Request) {
		Answer(w, map[string]any{"violations": c.Ops.Violations()})
	})
	mux.HandleFunc("POST /_sim/gaps", func(w http.ResponseWriter, _ *http.Request) { Answer(w, c.Ops.TakeGaps()) })
	mux.HandleFunc("POST /_sim/reset", c.reset)
	return mux
}

// Answer sends v as JSON with 200.
func Answer(w http.ResponseWriter, v any) { JSON(v).Write(w) }

// Refuse sends an error in JSON, with status.
func Refuse(w http.ResponseWriter, status int, err error) {
	r := JSON(map[string]string{"error": err.Error()})
	r.Status = status
	r.Write(w)
}

// Decode reads a request's JSON body of at most 1 MiB into v, strictly; an
// empty body leaves v as it is. It answers 400 itself and returns false.
func Decode(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		Refuse(w, http.StatusBadRequest, fmt.Errorf("request body: %w%s", err, known(v)))
		return false
	}
	return true
}

// known names the fields that a body may have, as the end of a message.
func known(v any) string {
	t := reflect.TypeOf(v)
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for _, field := range reflect.VisibleFields(t.Elem()) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; known here: " + strings.Join(names, ", ")
}

// Start makes f go wrong. Mode refuse needs a Line. It returns the fault's id,
// 0 for mode refuse.
func (c Control) Start(f Fault) (id int, err error) { return c.start(f, "") }

// start spares the connection from the remote address spare: the one that
// asked.
func (c Control) start(f Fault, spare string) (id int, err error) {
	if err := f.Check(); err != nil {
		return 0, err
	}
	if f.Mode != ModeRefuse {
		return c.Faults.Add(f), nil
	}
	if c.Line == nil {
		return 0, errors.New("mode refuse: this simulator does not own its listener; use mode reset")
	}
	d := time.Duration(f.For)
	if d == 0 {
		d = forever
	}
	c.Line.RefuseFor(d)
	c.Line.DropAll(spare)
	return 0, nil
}

// Outage takes the whole platform away for d (0: until EndOutage): mode refuse,
// hang, reset or status.
func (c Control) Outage(mode string, d time.Duration) error { return c.outage(mode, d, "") }

func (c Control) outage(mode string, d time.Duration, spare string) error {
	switch mode {
	case ModeRefuse, ModeHang, ModeReset, ModeStatus:
	default:
		return fmt.Errorf("mode %q is no outage: use refuse, hang, reset or status", mode)
	}
	_, err := c.start(Fault{Op: OpAny, Mode: mode, For: Duration(d), Text: outageText}, spare)
	return err
}

const outageText = "outage"

// EndOutage ends every outage at once.
func (c Control) EndOutage() {
	if c.Line != nil {
		c.Line.Refuse(false)
	}
	for _, f := range c.Faults.List() {
		if f.Text == outageText {
			c.Faults.Remove(f.ID)
		}
	}
}

func (c Control) addFault(w http.ResponseWriter, r *http.Request) {
	var f Fault
	if !Decode(w, r, &f) {
		return
	}
	id, err := c.start(f, r.RemoteAddr)
	if err != nil {
		Refuse(w, http.StatusBadRequest, err)
		return
	}
	Answer(w, map[string]int{"id": id})
}

func (c Control) removeFault(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		Refuse(w, http.StatusBadRequest, fmt.Errorf("%q is no fault's id: GET /_sim/faults lists them", r.PathValue("id")))
		return
	}
	c.Faults.Remove(id)
	Answer(w, c.Faults.List())
}

func (c Control) postOutage(w http.ResponseWriter, r *http.Request) {
	o := struct {
		For  Duration `json:"for"`
		Mode string   `json:"mode"`
	}{Mode: ModeRefuse}
	if !Decode(w, r, &o) {
		return
	}
	if err := c.outage(o.Mode, time.Duration(o.For), r.RemoteAddr); err != nil {
		Refuse(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Connection", "close")
	Answer(w, o)
}

// State is the answer to GET /_sim/state.
type State struct {
	Total      Count            `json:"total"`
	Counts     map[string]Count `json:"counts"`
	Violations []string         `json:"violations"`
	Faults     []Fault          `json:"faults"`
	Agents     any              `json:"agents,omitempty"`
}

func (c Control) getState(w http.ResponseWriter, _ *http.Request) {
	s := State{Total: c.Ops.Total(), Counts: c.Ops.Counts(), Violations: c.Ops.Violations(), Faults: c.Faults.List()}
	if c.State != nil {
		s.Agents = c.State()
	}
	Answer(w, s)
}

func (c Control) reset(w http.ResponseWriter, _ *http.Request) {
	c.Clear()
	Answer(w, map[string]any{})
}

// Clear forgets faults, outages, counts and violations, and what Reset does.
func (c Control) Clear() {
	c.EndOutage()
	c.Faults.Clear()
	c.Ops.Reset()
	if c.Reset != nil {
		c.Reset()
	}
}
