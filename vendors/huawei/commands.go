package huawei

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/command"
	"agentkeeper/vendors/rules"
	"agentkeeper/vendors/wire"
)

// restMost is the longest rest (vendor page: rest).
const restMost = 86399 * time.Second

// commands are the resources of states and calls (vendor pages: agent state, voice
// call), relative to ccgateway.Base.
var commands = command.Set{
	Base: ccgateway.Base, ContentType: ccgateway.ContentType[0],
	Documented: slices.Concat(
		about("onlineagent", "POST sayfree", "POST saybusy", "POST cancelbusy", "POST rest/*/*", "POST cancelrest", "POST work", "POST cancelwork",
			"POST autoenteridle/*", "POST autoanswer/*", "POST settalkright", "GET agentstatus",
			"POST setcustomstate", "POST cancelsetcustomstate", "GET querycustomstate"),
		about("voicecall", "PUT answer", "POST reject", "DELETE release", "POST hold", "POST gethold", "POST connecthold/*", "PUT callout",
			"POST transfer", "POST canceltransfer", "PUT callinner", "POST innerhelp", "POST confjoin", "POST dropcall/*", "POST disconnect/*"),
		// The pages at hand do not show the methods of these.
		about("voicecall", "POST beginmute", "PUT beginmute", "POST endmute", "PUT endmute", "POST seconddialex", "PUT seconddialex",
			"POST snatchpickup", "PUT snatchpickup", "POST phonepickup", "PUT phonepickup", "POST phonehangup", "PUT phonehangup"),
	),
	Verb: verbForm, Says: saysVerb, Read: readAnswer, Stale: staleAnswer,
}

// about returns forms of the agent's own resource.
func about(resource string, forms ...string) []string {
	for i, form := range forms {
		method, name, _ := strings.Cut(form, " ")
		forms[i] = method + " " + resource + "/{login}/" + name
	}
	return forms
}

// verbForm returns a verb's request (vendor pages: idle, busy, rest, exit the rest
// state, work, answer, reject, release).
func verbForm(v command.Verb) (command.Form, error) {
	switch v.Name {
	case command.Ready:
		return readyForm(v), nil
	case command.Busy:
		return busyForm(v)
	case command.Rest:
		return restForm(v)
	case command.WrapUp:
		return stateForm(v, "work", ofType("AgentState_SetWork_Success", "AgentState_Work")), nil
	case command.Answer:
		return callForm(v, http.MethodPut, "answer", nil, "AgentEvent_Talking"), nil
	case command.Reject:
		return rejectForm(v)
	case command.Release:
		return callForm(v, http.MethodDelete, "release", nil, "AgentEvent_Call_Release", "AgentEvent_Customer_Release", "AgentOther_PhoneRelease"), nil
	}
	return command.Form{}, command.ErrUndocumented
}

// readyForm ends what keeps calls away. `sayfree` is documented for the busy state and
// for wrap-up, and not for a rest.
func readyForm(v command.Verb) command.Form {
	name := "sayfree"
	if v.Standing.State == work.Rest {
		name = "cancelrest"
	}
	return stateForm(v, name, ofType("AgentState_CancelNotReady_Success", "AgentState_CancelWork_Success", "AgentState_CancelRest_Success", "AgentState_Ready"))
}

// busyForm always says reason and prolong: they are mandatory for an agent that is
// busy already.
func busyForm(v command.Verb) (command.Form, error) {
	reason := "0"
	if v.Code != "" {
		if !between(v.Code, 200, 250) {
			return command.Form{}, fmt.Errorf("%w: a reason of busy is a number from 200 to 250", command.ErrCode)
		}
		reason = v.Code
	}
	return stateForm(v, "saybusy?reason="+reason+"&prolong=false", func(e session.Event) bool {
		given := reasonOf(e)
		asked := given == reason || (reason == "0" && (given == "1" || given == ""))
		return e.Type == "AgentState_SetNotReady_Success" && asked
	}), nil
}

func restForm(v command.Verb) (command.Form, error) {
	length, cause := v.For, "0"
	if length == 0 {
		length = restMost
	}
	if length < time.Second || length > restMost {
		return command.Form{}, fmt.Errorf("%w: a rest lasts from 1s to %s", command.ErrCode, restMost)
	}
	if v.Code != "" {
		if !between(v.Code, 0, 255) {
			return command.Form{}, fmt.Errorf("%w: a cause of a rest is a number from 0 to 255", command.ErrCode)
		}
		cause = v.Code
	}
	seconds := strconv.FormatInt(int64(length/time.Second), 10)
	return stateForm(v, "rest/"+seconds+"/"+cause+"?prolong=false", ofType("AgentState_SetRest_Success")), nil
}

func rejectForm(v command.Verb) (command.Form, error) {
	switch v.Code {
	case "", "1":
		return callForm(v, http.MethodPost, "reject", []byte(`{"mode":1}`), "AgentEvent_No_Answer", "AgentState_SetNotReady_Success"), nil
	case "2":
		return callForm(v, http.MethodPost, "reject", []byte(`{"mode":2}`), "AgentOther_PhoneRelease", "AgentState_Ready"), nil
	}
	return command.Form{}, fmt.Errorf("%w: a mode of reject is 1 (back to the queue, and the agent is busy) or 2 (the caller is released)", command.ErrCode)
}

// between reports whether a code is a number in decimal digits from least to most.
func between(text string, least, most int) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n >= least && n <= most && strconv.Itoa(n) == text
}

// stateForm is a request for a working state. In a call and in wrap-up it comes about
// afterwards.
func stateForm(v command.Verb, name string, confirms func(session.Event) bool) command.Form {
	return command.Form{
		Method: http.MethodPost, Path: "onlineagent/" + url.PathEscape(v.Login) + "/" + name, Confirms: confirms, AfterCall: true,
	}
}

func callForm(v command.Verb, method, name string, body []byte, events ...string) command.Form {
	return command.Form{Method: method, Path: "voicecall/" + url.PathEscape(v.Login) + "/" + name, Body: body, Confirms: ofType(events...)}
}

// ofType returns what knows events of these types.
func ofType(types ...string) func(session.Event) bool {
	return func(e session.Event) bool { return slices.Contains(types, e.Type) }
}

// reasonOf reads content.reason of an event, which is a number in the vendor's pages.
func reasonOf(e session.Event) string {
	var v struct {
		Content struct {
			Reason wire.Text `json:"reason"`
		} `json:"content"`
	}
	if json.Unmarshal(e.Data, &v) != nil {
		return ""
	}
	return string(v.Content.Reason)
}

// saysVerb reads a request as a verb, whoever wrote it.
func saysVerb(login string, r rules.Request) (verb, code string) {
	list := r.Names()
	at := slices.IndexFunc(list, func(name string) bool { return name == "onlineagent" || name == "voicecall" })
	if at < 0 || len(list) < at+3 || list[at+1] != strings.ToLower(login) {
		return "", ""
	}
	switch list[at+2] {
	case "sayfree", "cancelbusy", "cancelrest", "cancelwork":
		return command.Ready, ""
	case "saybusy":
		return command.Busy, valueOf(r.Query, "reason")
	case "rest":
		if len(list) > at+4 {
			code = list[at+4]
		}
		return command.Rest, code
	case "work":
		return command.WrapUp, ""
	case "answer":
		return command.Answer, ""
	case "reject":
		return command.Reject, modeOf(r.Body)
	case "release":
		return command.Release, ""
	}
	return "", ""
}

func valueOf(query []rules.Pair, key string) string {
	for _, p := range query {
		if strings.EqualFold(p.Key, key) {
			return p.Value
		}
	}
	return ""
}

func modeOf(body []byte) string {
	var v struct {
		Mode wire.Text `json:"mode"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	return string(v.Mode)
}

// readAnswer reads the envelope, whatever the HTTP status. What has none may come from
// a balancer, behind the effect.
func readAnswer(_ int, body []byte) (string, command.Verdict) {
	e, err := ccgateway.Parse(body)
	switch {
	case err != nil:
		return "", command.Unclear
	case e.OK():
		return string(e.Retcode), command.Accepted
	}
	return string(e.Retcode), command.Refused
}

// staleAnswer knows the codes of a Guid that is not current.
func staleAnswer(_ int, body []byte) bool {
	e, err := ccgateway.Parse(body)
	return err == nil && (e.Retcode == ccgateway.NotSignedIn || e.Retcode == ccgateway.NoRight)
}
