package ecss

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"agentkeeper/test/sim"
)

// Switches chooses among the readings of what the vendor leaves open. The zero
// value is the plainest platform; an empty choice is the first of its list.
// The tags describe each switch for JSON and for a command line.
type Switches struct {
	ErrorAt string `json:"error_at" name:"error-at" enum:"payload.message,payload,payload.error,message,error" default:"payload.message" help:"Where a failure's text stands in the answer: ${enum}."`

	Refusal     string `json:"refusal" name:"refusal" enum:"answer,absent,null,exception" default:"answer" help:"The frame of a failure: the request's answer, one without or with a null requestId, or an exception that names no request: ${enum}."`
	RefusalText string `json:"refusal_text" name:"refusal-text" enum:"exact,longer,russian" default:"exact" help:"The text of a failure: the pages', inside a longer one, or translated (invented): ${enum}."`

	NotifyEnvelope string `json:"notify_envelope" name:"notify-envelope" enum:"n1,n2,n3" default:"n1" help:"A notification carries n1 = the subscription's action and requestId, n2 = its action alone, n3 = another action."`
	NotifyPayload  string `json:"notify_payload" name:"notify-payload" enum:"object,array,full" default:"object" help:"A notification's payload is the changed call, an array of it, or all calls of the operator: ${enum}."`

	BeforeLogin   string `json:"before_login" name:"before-login" enum:"401,403,silence" default:"401" help:"Answer to a request without a session: ${enum}."`
	UnknownAction string `json:"unknown_action" name:"unknown-action" enum:"404,500,silence" default:"404" help:"Answer to an unknown action: ${enum}; 500 comes with code 5."`
	LogoutAction  string `json:"logout_action" name:"logout-action" default:"logout" help:"The action that logs out; any other name is unknown."`
	LogoutCloses  bool   `json:"logout_closes" name:"logout-closes" help:"The platform closes the websocket after a logout."`

	DropGrace      sim.Duration `json:"drop_grace" name:"drop-grace" help:"How long an agent stays seated after its websocket is gone."`
	CleanClose     string       `json:"clean_close" name:"clean-close" enum:"drop,logout" default:"drop" help:"A client's close with 1000 counts as a drop (with grace) or as a logout."`
	GhostOccupies  bool         `json:"ghost_occupies" name:"ghost-occupies" help:"An agent's own session within its grace makes the number occupied for the agent itself."`
	OnlyOneSession bool         `json:"only_one_session" name:"only-one-session" help:"A login ends the agent's older sessions."`

	Signal     string `json:"signal" name:"signal" enum:"push_close,close,silent" default:"push_close" help:"How a websocket learns that its session was ended: a message and a close, a close, or nothing: ${enum}."`
	CloseCode  int    `json:"close_code" name:"close-code" default:"1000" help:"The code of that close."`
	PushAction string `json:"push_action" name:"push-action" default:"session/closed" help:"The action of that message (invented: the vendor's is not known)."`

	AutoLogout      Minutes `json:"auto_logout" name:"auto-logout" default:"120" help:"autoLogoutTimeout in minutes, fractions allowed; null = none."`
	AutoLogoutBy    string  `json:"auto_logout_by" name:"auto-logout-by" enum:"core,nobody" default:"core" help:"Who enforces it: ${enum} (a user interface's own timer)."`
	AutoLogoutReset string  `json:"auto_logout_reset" name:"auto-logout-reset" enum:"any,non_subscribe,nothing" default:"any" help:"What resets it: any request, any but call/subscribe, nothing."`

	PongBlackhole bool         `json:"pong_blackhole" name:"pong-blackhole" help:"Pings of clients are not answered."`
	ServerPing    sim.Duration `json:"server_ping" name:"server-ping" help:"The proxy pings each new websocket this often, and drops one that is silent for two; 0 = never."`
	LoginDelay    sim.Duration `json:"login_delay" name:"login-delay" help:"How long the core takes for a login."`

	NoDomain           string       `json:"no_domain" name:"no-domain" enum:"domain not exists,timeout" default:"domain not exists" help:"Text for a domain that does not exist: ${enum}."`
	NoDomainDelay      sim.Duration `json:"no_domain_delay" name:"no-domain-delay" help:"How long that answer takes."`
	ProfileHasNoDomain bool         `json:"profile_has_no_domain" name:"profile-has-no-domain" help:"The default profile sets no domain, so that a login must name it."`
	LockAfter          int          `json:"lock_after" name:"lock-after" help:"Lock an agent after so many wrong passwords in a row; 0 = never."`
	LockFor            sim.Duration `json:"lock_for" name:"lock-for" help:"How long that lock lasts; 0 = until unlocked."`

	AuxworkAfterLogin bool `json:"auxwork_after_login" name:"auxwork-after-login" help:"Agents are away after a login."`
	WrapUp            bool `json:"wrap_up" name:"wrap-up" help:"A finished call stays in acw until call/complete."`

	MakeCall       string `json:"make_call" name:"make-call" enum:"object,string" default:"object" help:"The payload of call/makeCall's answer: an object with callId, or the id as a string: ${enum}."`
	OmitAgentID    bool   `json:"omit_agent_id" name:"omit-agent-id" help:"A login's answer has no agentId."`
	Permissions    string `json:"permissions" name:"permissions" enum:"none,payload,capabilities" default:"none" help:"Where a login's answer has the permission flags of newer builds: ${enum}."`
	StringBooleans bool   `json:"string_booleans" name:"string-booleans" help:"All booleans are the strings \"true\" and \"false\"."`
	StringStatus   bool   `json:"string_status" name:"string-status" help:"The status is a string."`
	ExtraKeys      bool   `json:"extra_keys" name:"extra-keys" help:"Answers and notifications have keys that nobody knows."`
	RequestID      string `json:"request_id" name:"request-id" enum:"echo,other,absent,text" default:"echo" help:"The requestId of answers: ${enum}; text = the number as a string."`
	Padding        int    `json:"padding" name:"padding" help:"Bytes by which every answer and notification is larger."`
	Garbage        bool   `json:"garbage" name:"garbage" help:"Frames that are no answers come before every answer and notification."`

	LoginOver       string `json:"login_over" name:"login-over" enum:"websocket,http" default:"websocket" help:"How agents log in: ${enum} = by POST, then a websocket with the token."`
	LoginPath       string `json:"login_path" name:"login-path" default:"/" help:"The path of that POST."`
	LoginStatus     string `json:"login_status" name:"login-status" enum:"follow,200" default:"follow" help:"The HTTP status of that answer: the JSON's, or always 200."`
	TokenIn         string `json:"token_in" name:"token-in" enum:"header,query,message,none" default:"header" help:"How the websocket is to show the token: ${enum}."`
	AuthorizeAction string `json:"authorize_action" name:"authorize-action" default:"authorize" help:"The action of the first message with the token (invented)."`

	Queue    Queue    `json:"queue" embed:""`
	Commands Commands `json:"commands" embed:""`
	Wire     sim.Wire `json:"wire" embed:""`
}

// Queue is how the queues treat agents (vendor pages: cc queue, cc agent).
type Queue struct {
	AuxworkNoAnswer bool         `json:"auxwork_no_answer" name:"auxwork-no-answer" help:"Agents go away when they do not answer a call (auxwork_if_no_answer)."`
	AuxworkReject   bool         `json:"auxwork_reject" name:"auxwork-reject" help:"They go away when they reject one (auxwork_if_reject)."`
	LockNoAnswer    bool         `json:"lock_no_answer" name:"lock-no-answer" help:"Agents are blocked when they do not answer a call (lock_if_no_answer)."`
	LockReject      bool         `json:"lock_reject" name:"lock-reject" help:"They are blocked when they reject one (lock_if_reject)."`
	AutoComplete    sim.Duration `json:"auto_complete" name:"auto-complete" help:"How long a wrap-up lasts (auto_complete_timeout); left out: until call/complete."`
	StateNotice     string       `json:"state_notice" name:"state-notice" help:"The action by which an agent's websocket is told its new state (invented); left out: it is not told."`
}

// Commands is how the platform carries out what changes something.
type Commands struct {
	AvailableAction string       `json:"available_action" name:"available-action" help:"The action that makes an agent available (invented); left out: there is none."`
	AuxworkAction   string       `json:"auxwork_action" name:"auxwork-action" help:"The action that sends an agent away, with a reason in its payload (invented); left out: there is none."`
	CommandTime     sim.Duration `json:"command_time" name:"command-time" help:"How long the core works on a command; a websocket that ends does not stop it."`
	InFlight        string       `json:"in_flight" name:"in-flight" enum:"many,one" default:"many" help:"Requests that may be unanswered on one websocket: ${enum}; one more closes it."`
	Replies         string       `json:"replies" name:"replies" enum:"once,twice,late" default:"once" help:"How often a command is answered: ${enum}; late = the second time after 2 s."`
	Between         string       `json:"between" name:"between" enum:"nothing,bare,foreign,awaited" default:"nothing" help:"What comes before a command's answer: ${enum}; bare = a notification without requestId, foreign = the answer to another request, awaited = a notification with the command's requestId."`
	KeeperRules     bool         `json:"keeper_rules" name:"keeper-rules" help:"A violation is: a command said again though it was not answered, a logout beside a command."`
}

// Minutes is autoLogoutTimeout; zero is JSON's null.
type Minutes float64

// MarshalJSON writes a number, or null for zero.
func (m Minutes) MarshalJSON() ([]byte, error) {
	if m == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(float64(m))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *Minutes) UnmarshalJSON(data []byte) error { return m.UnmarshalText(data) }

// UnmarshalText reads a number of minutes, fractions allowed, or null.
func (m *Minutes) UnmarshalText(text []byte) error {
	if string(text) == "null" {
		*m = 0
		return nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil || !(v >= 0 && v <= 1e6) {
		return fmt.Errorf("%q is no number of minutes: write for example 120, 0.5 or null", text)
	}
	*m = Minutes(v)
	return nil
}

// complete fills empty choices with their defaults and refuses wrong ones. The
// tags are the one list of both.
func (w *Switches) complete() error {
	v := reflect.ValueOf(w).Elem()
	for i := range v.NumField() {
		tag, field := v.Type().Field(i).Tag, v.Field(i)
		switch field.Kind() {
		case reflect.String:
			if err := choose(field, tag); err != nil {
				return err
			}
		case reflect.Int:
			if field.Int() < 0 {
				return fmt.Errorf("switch %s: %d is negative", tag.Get("json"), field.Int())
			}
		}
	}
	if w.CloseCode == 0 {
		w.CloseCode = 1000
	}
	for _, group := range []any{&w.Queue, &w.Commands, &w.Wire} {
		if err := sim.Complete(group); err != nil {
			return err
		}
	}
	return w.check()
}

// check refuses what the tags cannot tell.
func (w *Switches) check() error {
	c := w.CloseCode
	if c < 1000 || (c > 1003 && c < 1007) || (c > 1014 && c < 3000) || c > 4999 {
		return fmt.Errorf("switch close_code: %d is no code that can be sent: use 1000, 1001, 1008, 1011 or 4000 to 4999", c)
	}
	if !strings.HasPrefix(w.LoginPath, "/") || strings.HasPrefix(w.LoginPath, "/_sim/") {
		return fmt.Errorf("switch login_path: %q must begin with / and not be the control interface's", w.LoginPath)
	}
	return nil
}

func choose(field reflect.Value, tag reflect.StructTag) error {
	if field.String() == "" {
		field.SetString(tag.Get("default"))
	}
	choices := tag.Get("enum")
	for choice := range strings.SplitSeq(choices, ",") {
		if choices == "" || choice == field.String() {
			return nil
		}
	}
	return fmt.Errorf("switch %s: %q is none of %s", tag.Get("json"), field.String(), choices)
}
