package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors/adapter"
	vendor "agentkeeper/vendors/command"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// order is a request that may be sent, in the form in which it is.
type order struct {
	id       session.ID
	request  Request
	by       Caller
	deadline time.Time
	place    wire.Place
	set      vendor.Set
	action   string          // of a vendor of frames; "": it is web
	payload  json.RawMessage // of action
	web      rules.Request
	form     vendor.Form // of a verb
	verb     string      // what it asks for, also where it was written as a request; "": something else
	code     string
}

// nameOf names a request for people, without what it says.
func nameOf(r Request) string {
	path, _, _ := strings.Cut(r.Path, "?")
	switch {
	case r.Do != "":
		return wire.Plain("do:" + r.Do)
	case r.Action != "":
		return wire.Plain(r.Action)
	}
	return wire.Plain(r.Method + " " + strings.TrimPrefix(path, "/"))
}

// judge returns the order of a request, or why it is not to be sent.
func (s *Service) judge(id session.ID, r Request, by Caller, arrived time.Time) (*order, *Result) {
	if err := r.Check(); err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if len(r.Payload) > BodyLimit || len(r.Body) > BodyLimit {
		return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is longer than %d KiB", BodyLimit>>10))
	}
	limits, known := s.o.Settings.Limits(id)
	place, name, placed := s.o.Fleet.Place(id.Platform)
	v, spoken := s.o.Vendors(name)
	if !known || !placed || !spoken {
		return refuse(http.StatusNotFound, "no such agent: "+id.String())
	}
	if !limits.Enabled && !by.Keeper {
		return refuse(http.StatusForbidden, "commands are off for this agent: set commands.enabled at its platform, group or agent")
	}
	o := &order{id: id, request: r, by: by, deadline: arrived.Add(timeout(r, limits)), place: place, set: v.Commands}
	if f := s.form(o, v); f != nil {
		return nil, f
	}
	if !o.permitted(limits) {
		return refuse(http.StatusForbidden, nameOf(r)+" is not allowed for this agent: see commands.allow")
	}
	return o, nil
}

// permitted reports whether the agent's list, and that of who asks where there is one,
// allow the order.
func (o *order) permitted(limits Limits) bool {
	return o.by.Keeper || (o.allowed(limits.Allow) && (len(o.by.Allow) == 0 || o.allowed(o.by.Allow)))
}

// refuse is Refuse as judge and form return it.
func refuse(status int, text string) (*order, *Result) {
	r := Refuse(status, text)
	return nil, &r
}

func timeout(r Request, limits Limits) time.Duration {
	switch {
	case r.Timeout > 0:
		return min(r.Timeout, MaxTimeout)
	case limits.Timeout > 0:
		return min(limits.Timeout, MaxTimeout)
	}
	return DefaultTimeout
}

// form brings the order into the vendor's form, or says why that has none.
func (s *Service) form(o *order, v adapter.Vendor) *Result {
	r := o.request
	overHTTP := v.Rules.Admit != nil
	var refused *Result
	switch {
	case r.Do != "":
		refused = s.formVerb(o, v)
	case r.Action != "" && overHTTP:
		_, refused = refuse(http.StatusNotImplemented, "this platform is spoken over HTTP and has no actions: write method and path, or do")
	case r.Action != "":
		refused = o.formAction(v.Rules)
	case !overHTTP:
		_, refused = refuse(http.StatusNotImplemented, "this platform is spoken in frames: write action and payload in place of method and path")
	default:
		refused = o.formRequest(v.Rules, r.Method, r.Path, r.Body)
	}
	if refused == nil && o.verb == "" && o.action == "" && o.set.Says != nil {
		o.verb, o.code = o.set.Says(o.id.Login, o.web)
	}
	return refused
}

func (o *order) formAction(never rules.Set) *Result {
	payload := o.request.Payload
	if _, _, err := rules.ParseObject(payload); (len(payload) > 0 && err != nil) || !rules.PlainName(o.request.Action) {
		_, refused := refuse(http.StatusBadRequest, "an action is named by ASCII letters, digits, _, -, . and /, and its payload is one JSON object without a key twice")
		return refused
	}
	admitted, why := never.AdmitAction(o.request.Action, payload)
	if why != "" {
		_, refused := refuse(http.StatusForbidden, why)
		return refused
	}
	o.action, o.payload = o.request.Action, admitted
	return nil
}

func (o *order) formRequest(never rules.Set, method, path string, body []byte) *Result {
	asked, err := o.set.Parse(method, path, body)
	if err != nil {
		_, refused := refuse(http.StatusBadRequest, err.Error())
		return refused
	}
	admitted, why := never.Admit(asked)
	if why != "" {
		_, refused := refuse(http.StatusForbidden, why)
		return refused
	}
	o.web = admitted
	return nil
}

func (s *Service) formVerb(o *order, v adapter.Vendor) *Result {
	r := o.request
	err := vendor.ErrUndocumented
	if o.set.Verb != nil {
		o.form, err = o.set.Verb(vendor.Verb{Name: r.Do, Code: r.Code, For: r.For, Login: o.id.Login, Standing: s.o.Standing(o.id)})
	}
	switch {
	case errors.Is(err, vendor.ErrUndocumented):
		_, refused := refuse(http.StatusNotImplemented, r.Do+" on "+v.Title+": "+err.Error())
		return refused
	case err != nil:
		_, refused := refuse(http.StatusBadRequest, err.Error())
		return refused
	}
	o.verb, o.code = r.Do, r.Code
	return o.formRequest(v.Rules, o.form.Method, o.form.Path, o.form.Body)
}

// allowed reports whether a list allows the order; an empty one allows what the vendor
// documents.
func (o *order) allowed(list []string) bool {
	if len(list) == 0 {
		switch {
		case o.request.Do != "":
			return true // it has a documented form
		case o.action != "":
			return o.set.DocumentsAction(o.action)
		}
		return o.set.DocumentsRequest(o.id.Login, o.web.Method, o.set.Relative(o.web))
	}
	return slices.ContainsFunc(list, func(text string) bool {
		e, err := vendor.ParseEntry(text)
		return err == nil && o.allowedBy(e)
	})
}

func (o *order) allowedBy(e vendor.Entry) bool {
	switch {
	case o.action != "":
		return e.HasAction(o.action)
	case o.request.Do != "" && e.HasVerb(o.request.Do):
		return true
	}
	return e.HasRequest(o.web.Method, o.set.Relative(o.web))
}

// absent is the result where there is no session to be lent.
func absent(id session.ID, err error) Result {
	switch {
	case errors.Is(err, keeper.ErrLeaving):
		return notSent(id.String()+" is being signed out: nothing was sent", absentRetry)
	case errors.Is(err, keeper.ErrNoSession):
		return notSent(id.String()+" is not signed in now: nothing was sent; see `agentkeeper explain "+id.String()+"`", absentRetry)
	}
	return Refuse(http.StatusNotFound, "no such agent: "+id.String())
}
