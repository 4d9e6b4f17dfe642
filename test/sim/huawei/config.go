package huawei

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"agentkeeper/test/sim"
)

// Agent is one account of the platform.
type Agent struct {
	Login    string // the agentid, 101 to 999999
	Password string
	Phone    string // "" = the account may use any number
	// The rest is what the sign-in's answer tells (vendor page: sign-in).
	ForceChange   bool   // isForceChange: no calls until the password is changed
	MediaType     string // three letters T or F for voice, web, mail; "" = "TTF"
	TimeRemaining string // days until the password expires; "" = never
	NoForce       bool   // the account may not be forced out: 100-015
}

// Range returns count accounts with the logins from first on and the phones
// from firstPhone on, all with one password.
func Range(first, count int, password string, firstPhone int) []Agent {
	agents := make([]Agent, count)
	for i := range agents {
		agents[i] = Agent{Login: strconv.Itoa(first + i), Password: password, Phone: strconv.Itoa(firstPhone + i)}
	}
	return agents
}

// The values of Switches' choices; the first of each group is the default.
const (
	ReapFromStart = "start" // the two minutes run from a poll's start
	ReapFromEnd   = "end"   // they run from its end; an open poll is activity

	GuidBoth      = "both"     // headers Set-GUID and Guid
	GuidSetHeader = "set-guid" // Set-GUID alone
	GuidHeader    = "guid"     // Guid alone, on polls too
	GuidCookie    = "cookie"   // no header: the cookie JSESSIONID
	GuidNone      = "none"     // nothing: whoever names the agent is the agent

	OldGuidTimeout = "timeout" // a replaced Guid lives until its GuidTimeout
	OldGuidDead    = "dead"    // it is dead at once

	NotSignedIn  = "100-006"  // agent not signed in
	NoPermission = "000-003"  // no permission; agent authentication may have lapsed
	Shutdown     = "shutdown" // an event AgentOther_ShutdownService with the ended session's loginTime, then 100-006

	InCallRefused = "100-010" // a sign-out in a call is an error
	InCallIgnored = "ignored" // it is answered "0" and changes nothing
)

// Switches chooses among the readings of what the vendor leaves open, and sets
// the server's own settings. The zero value is the vendor's defaults. The tags
// describe each switch for JSON and for a command line.
type Switches struct {
	Hold        sim.Duration `json:"hold" name:"hold" default:"10s" help:"How long a poll without event stays open (AGENT_POLL_WAIT_TIMES x AGENT_POLL_WAIT_INTERVAL)."`
	WaitFlagOff bool         `json:"wait_flag_off" name:"wait-flag-off" help:"Polls without event are answered at once (AGENT_POLL_WAIT_FLAG = OFF)."`
	Window      sim.Duration `json:"window" name:"window" default:"2m" help:"The silence after which an agent is signed out."`
	ReapFrom    string       `json:"reap_from" name:"reap-from" enum:"start,end" default:"start" help:"The window runs from a poll's start, or from its end: ${enum}."`
	// ZombiePolls loses events that no poll's answer carried. Without it an
	// event is lost only if it was written to a connection that nobody reads
	// any more. Closing the server waits for zombies, Hold at most.
	ZombiePolls bool `json:"zombie_polls" name:"zombie-polls" help:"A poll whose client has gone waits on, unseen, and eats the next event."`

	AuthMode     int          `json:"auth_mode" name:"auth-mode" default:"2" help:"1 = one Guid per session, 2 = rotating (AUTHMODE)."`
	GuidInterval sim.Duration `json:"guid_interval" name:"guid-interval" default:"1m" help:"The age at which a poll or handshake replaces a Guid (GUIDINTERVAL)."`
	GuidTimeout  sim.Duration `json:"guid_timeout" name:"guid-timeout" help:"The life of a Guid (GUIDTIMEOUT); left out: 2m, or twice a longer interval."`
	OldGuid      string       `json:"old_guid" name:"old-guid" enum:"timeout,dead" default:"timeout" help:"A replaced Guid lives until its time-out, or is dead at once: ${enum}."`
	WrongGuid    string       `json:"wrong_guid" name:"wrong-guid" enum:"100-006,000-003" default:"100-006" help:"What a wrong or expired Guid is answered: ${enum}."`
	GuidIn       string       `json:"guid_in" name:"guid-in" enum:"both,set-guid,guid,cookie,none" default:"both" help:"How a sign-in's answer carries the Guid: ${enum}; cookie is JSESSIONID alone and a poll never replaces it, none is a gateway that tells agents apart by their path."`
	UpdateHeader bool         `json:"update_header" name:"update-header" help:"updateGuid also sends the header Set-GUID."`
	Cookie       bool         `json:"cookie" name:"cookie" help:"Sign-ins set a cookie, without which later requests meet another node."`

	Displaced     string `json:"displaced" name:"displaced" enum:"100-006,000-003,shutdown" default:"100-006" help:"What a session sees that was displaced by force: ${enum}; shutdown is an event AgentOther_ShutdownService, then 100-006."`
	Kicked        string `json:"kicked" name:"kicked" enum:"shutdown,100-006" default:"shutdown" help:"What a session sees that an inspector ended: ${enum}."`
	StaleShutdown bool   `json:"stale_shutdown" name:"stale-shutdown" help:"A new session's first event is the ShutdownService of the one before."`
	InCall        string `json:"in_call" name:"in-call" enum:"100-010,ignored" default:"100-010" help:"A polite sign-out in a call is refused, or answered 0 and ignored: ${enum}."`

	LockAfter int          `json:"lock_after" name:"lock-after" default:"5" help:"Wrong passwords until the account is locked (110-021, then 110-016)."`
	LockTime  sim.Duration `json:"lock_time" name:"lock-time" default:"5m" help:"How long a lock lasts."`
	Capacity  int          `json:"capacity" name:"capacity" help:"Agents that may be signed in together, then 100-003; 0 = no limit."`

	EmptyPassword bool         `json:"empty_password" name:"empty-password" help:"An empty password is no parameter error."`
	KeepAlive     string       `json:"keep_alive" name:"keep-alive" enum:"handshake,heartbeat,both" default:"handshake" help:"What keeps a session whose events are pushed: ${enum}; heartbeat is that of older gateways."`
	PushBatch     int          `json:"push_batch" name:"push-batch" default:"20" help:"The most events in one callback."`
	PushTimeout   sim.Duration `json:"push_timeout" name:"push-timeout" default:"30s" help:"How long a callback's answer is waited for."`
	PushPause     sim.Duration `json:"push_pause" name:"push-pause" default:"1s" help:"The pause before a callback that failed is sent again."`
	PushNoRetry   bool         `json:"push_no_retry" name:"push-no-retry" help:"A callback that failed is not sent again: its events are lost."`
	PushEarly     bool         `json:"push_early" name:"push-early" help:"The first callbacks are sent before the sign-in's answer."`
	PushSingle    bool         `json:"push_single" name:"push-single" help:"Callbacks carry one event, in the shape of a poll's answer, as older gateways send them."`
	PushNoToken   bool         `json:"push_no_token" name:"push-no-token" help:"Callbacks do not carry the service token."`
	PushNoGuid    bool         `json:"push_no_guid" name:"push-no-guid" help:"Callbacks do not carry the Guid."`

	OperationTime sim.Duration `json:"operation_time" name:"operation-time" help:"How long the platform works on a sign-in or sign-out."`
	FlowControl   string       `json:"flow_control" name:"flow-control" help:"The retcode of a query beyond 5 in 2 s; left out: HTTP status 429."`
	EventRate     float64      `json:"event_rate" name:"event-rate" help:"Numbered events per second for every signed-in agent; takes effect at the start."`

	Types Types    `json:"types" embed:""`
	Work  Work     `json:"work" embed:""`
	Rules Rules    `json:"rules" embed:""`
	Older Older    `json:"older" embed:""`
	Web   Web      `json:"web" embed:""`
	Wire  sim.Wire `json:"wire" embed:""`
}

// Web is how the web server that carries the gateway behaves.
type Web struct {
	EarlyHeaders    bool `json:"early_headers" name:"early-headers" help:"Status 200 and headers of a poll leave when it begins; the body when it ends."`
	FailureStatus   int  `json:"failure_status" name:"failure-status" default:"200" help:"The HTTP status of answers whose retcode is not 0, for example 401 or 500."`
	NeedContentType bool `json:"need_content_type" name:"need-content-type" help:"Requests without a body need a Content-Type too, else HTTP status 415."`
}

// Types are the shapes of answers that gateways differ in.
type Types struct {
	NumericWorkNo  bool `json:"numeric_workno" name:"numeric-workno" help:"workNo and workno are numbers."`
	NumericRetcode bool `json:"numeric_retcode" name:"numeric-retcode" help:"A good answer's retcode is the number 0."`
	StringReason   bool `json:"string_reason" name:"string-reason" help:"The reason in an event's content is a string."`
	NumericVDN     bool `json:"numeric_vdn" name:"numeric-vdn" help:"vdnid is a number."`
	Booleans       bool `json:"booleans" name:"booleans" help:"isForceChange is a boolean."`
	EventNull      bool `json:"event_null" name:"event-null" help:"Polls without event answer \"event\":null."`
	EventArray     bool `json:"event_array" name:"event-array" help:"The event is an array of one."`
	Msg            bool `json:"msg" name:"msg" help:"msg stands for message."`
	ExtraFields    bool `json:"extra_fields" name:"extra-fields" help:"Answers have fields that no page names."`
	NoGenTime      bool `json:"no_gen_time" name:"no-gen-time" help:"Events lack eventGenTime, as older gateways send them."`
}

// Config is the platform's accounts and switches.
type Config struct {
	Agents   []Agent
	Switches Switches
	// Line is the listener that outages refuse connections on; nil = none.
	Line sim.Line
	// Pushing is how callbacks are reached.
	Pushing Pushing
	// OnViolation, where set, is told of everything that the contract forbids.
	OnViolation func(string)
	// Log, where set, gets a line per sign-in, sign-out and end of a session.
	Log *slog.Logger
}

const defaultGuidTimeout = sim.Duration(2 * time.Minute)

// complete fills in the defaults and refuses what cannot be.
func (w *Switches) complete() error {
	if err := sim.Complete(w); err != nil {
		return err
	}
	if w.GuidTimeout == 0 {
		w.GuidTimeout = max(defaultGuidTimeout, 2*w.GuidInterval)
	}
	if w.AuthMode > 2 {
		return fmt.Errorf("switch auth_mode: %d is unknown: use 1 (static) or 2 (rotating)", w.AuthMode)
	}
	if w.Web.FailureStatus < 200 || w.Web.FailureStatus > 599 {
		return fmt.Errorf("switch failure_status: %d is no HTTP status: use 200 to 599", w.Web.FailureStatus)
	}
	if w.GuidInterval >= w.GuidTimeout {
		return fmt.Errorf("switch guid_interval: %s must be below guid_timeout %s",
			time.Duration(w.GuidInterval), time.Duration(w.GuidTimeout))
	}
	return nil
}

// Check returns what is wrong with the configuration and how to put it right.
func (c Config) Check() error {
	if err := c.Switches.complete(); err != nil {
		return err
	}
	return checkAgents(c.Agents)
}

func checkAgents(agents []Agent) error {
	seen := map[string]bool{}
	for _, a := range agents {
		if !agentID.MatchString(a.Login) {
			return fmt.Errorf("agent %q: the platform's ids are the numbers 1 to 999999", a.Login)
		}
		if seen[a.Login] {
			return fmt.Errorf("agent %s stands there twice", a.Login)
		}
		if a.Phone != "" && !phoneNumber.MatchString(a.Phone) {
			return fmt.Errorf("agent %s: phone %q is no number of at most 24 digits", a.Login, a.Phone)
		}
		seen[a.Login] = true
	}
	return nil
}

// or returns value, or fallback for the zero value.
func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
