package runtel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// window is how long an account may go unproven; the vendor names no limit.
const window = 5 * time.Minute

const (
	zoneAuto  = "auto"
	probeNone = "none"
)

// specs describes every option of the vendor.
var specs = []option.Spec{
	{Name: "exp_zone", Kind: option.String, Default: zoneAuto, Doc: "zone of exp in the log-in's answer: auto takes the earliest of UTC, the answer's tz and Europe/Moscow; or a zone name such as Europe/Moscow"},
	{Name: "max_lifetime", Kind: option.Duration, Min: int64(time.Minute), Max: int64(365 * 24 * time.Hour), Doc: "longest life of a token, whatever exp says"},
	{Name: "probe", Kind: option.String, Default: "get User", Doc: `request that proves a token alive: ACTION OBJECT, with parameters as a JSON object behind them where needed; get without parameters asks for the account itself; none = no probe`},
	{Name: "domain_id", Kind: option.Int, Min: 1, Max: 1<<31 - 1, When: option.When{Option: "probe", Not: probeNone}, Doc: "domain (PBX) that the probe names; accounts of the platform's operator need one"},
}

// Settings are an account's decoded options: what [session.Account.Options]
// holds for this vendor.
type Settings struct {
	Zone        string        // of exp: auto or a zone's name
	MaxLifetime time.Duration // 0: as exp says
	Probe       Probe         // the zero Probe: none
	DomainID    int           // 0: none
}

// Probe is the request that proves a token alive.
type Probe struct {
	Action, Obj string
	Params      string // a JSON object; "": what the action needs
}

// decode turns an account's merged options into Settings and the terms that
// the driver keeps to.
func decode(set option.Set, _ time.Duration) (any, session.Terms, []option.Problem) {
	r := option.Read(set, specs)
	s := Settings{Zone: r.String("exp_zone"), MaxLifetime: r.Duration("max_lifetime"), DomainID: r.Int("domain_id")}
	if _, err := location(s.Zone); s.Zone != zoneAuto && err != nil {
		r.Problem("exp_zone", "option \"exp_zone\": no time zone: write auto, UTC or for example Europe/Moscow")
	}
	var err error
	if s.Probe, err = parseProbe(r.String("probe")); err != nil {
		r.Problem("probe", "option \"probe\": "+err.Error())
	}
	return s, session.Terms{Grace: time.Second, ForceLimit: 3, ForceWithin: 10 * time.Minute}, r.Problems()
}

var errProbe = errors.New(`want ACTION OBJECT [JSON object], for example list DomainUser {"domain_id": 3}, or none`)

// parseProbe reads what a person wrote.
func parseProbe(text string) (Probe, error) {
	text = strings.TrimSpace(text)
	if text == probeNone {
		return Probe{}, nil
	}
	var params string
	if i := strings.IndexByte(text, '{'); i >= 0 {
		text, params = text[:i], text[i:]
		var object map[string]json.RawMessage
		if err := json.Unmarshal([]byte(params), &object); err != nil {
			return Probe{}, fmt.Errorf("the parameters are no JSON object: %w", errProbe)
		}
	}
	words := strings.Fields(text)
	if len(words) != 2 {
		return Probe{}, errProbe
	}
	return Probe{Action: words[0], Obj: words[1], Params: params}, nil
}

// params returns the probe's parameters for the account that the log-in named
// user. ok is false where a get has nobody to ask for.
func (s Settings) params(user string) (params json.RawMessage, ok bool) {
	object := map[string]json.RawMessage{}
	if s.Probe.Params != "" {
		if json.Unmarshal([]byte(s.Probe.Params), &object) != nil {
			return nil, false
		}
	} else if s.Probe.Action == "get" {
		if user == "" {
			return nil, false
		}
		object["id"] = number(user)
	}
	if _, named := object["domain_id"]; s.DomainID > 0 && !named {
		object["domain_id"] = number(strconv.Itoa(s.DomainID))
	}
	text, err := json.Marshal(object)
	return text, err == nil
}

// number is text as a JSON number where it is a whole one, else as a string.
func number(text string) json.RawMessage {
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return json.RawMessage(strings.TrimLeft(text, "+"))
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage("null") // not reachable for a string
	}
	return bytes.Clone(quoted)
}
