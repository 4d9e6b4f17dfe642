package runtel

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// Agent is one account of the platform.
type Agent struct {
	Login    string
	Password string
	// Operator accounts belong to the platform's operator: they act on a domain
	// only where the request names it.
	Operator bool
}

// The values of Switches' choices; the first of each group is the default.
const (
	FailCode = "code" // HTTP 200, the failure in the envelope's code
	FailHTTP = "http" // the same code as HTTP status too
	FailBare = "bare" // an HTTP status and no envelope

	ZoneUTC    = "utc"
	ZoneTZ     = "tz" // the user's, Switches.TZ
	ZoneMoscow = "moscow"

	ExpNaive = "naive" // no offset, as the vendor's sample
	ExpZoned = "zoned" // RFC 3339
	ExpEpoch = "epoch" // seconds since 1970
	ExpNone  = "none"

	BanDrop   = "drop"   // packets vanish
	BanRefuse = "refuse" // connections are reset
	BanHTTP   = "http"   // the web server's page, status 403
	BanCode   = "code"   // an envelope with code 403

	SecondKeeps = "keep" // earlier tokens live on
	SecondKills = "kill" // a log-in ends the account's earlier tokens

	LogoutOne = "one" // logout ends the token that it came with
	LogoutAll = "all" // it ends all of the account
)

// Switches chooses among the readings of what the vendor leaves open, and sets
// the platform's own parameters. The tags describe each switch for JSON and for
// a command line.
type Switches struct {
	Life         sim.Duration `json:"life" name:"life" default:"4h" help:"How long a token lives."`
	Sliding      bool         `json:"sliding" name:"sliding" help:"Every use of a token gives it its whole life again; exp does not tell."`
	Zone         string       `json:"zone" name:"zone" enum:"utc,tz,moscow" default:"utc" help:"The zone that exp is in: ${enum}."`
	TZ           string       `json:"tz" name:"tz" default:"Europe/Prague" help:"The users' own zone."`
	NoFraction   bool         `json:"no_fraction" name:"no-fraction" help:"exp has whole seconds."`
	Exp          string       `json:"exp" name:"exp" enum:"naive,zoned,epoch,none" default:"naive" help:"The form of exp: ${enum}."`
	JWT          bool         `json:"jwt" name:"jwt" help:"Tokens are shaped like a JWT and carry exp."`
	TokenLength  int          `json:"token_length" name:"token-length" default:"256" help:"Characters of an opaque token."`
	SecondLogin  string       `json:"second_login" name:"second-login" enum:"keep,kill" default:"keep" help:"What a log-in does to the account's earlier tokens: ${enum}."`
	LogoutEnds   string       `json:"logout_ends" name:"logout-ends" enum:"one,all" default:"one" help:"Which tokens of the account a logout ends: ${enum}."`
	ClockFast    sim.Duration `json:"clock_fast" name:"clock-fast" help:"How far the platform's clock (Date and exp) is ahead."`
	ClockSlow    sim.Duration `json:"clock_slow" name:"clock-slow" help:"How far it is behind."`
	DateFast     sim.Duration `json:"date_fast" name:"date-fast" help:"How far the header Date alone is ahead."`
	DateSlow     sim.Duration `json:"date_slow" name:"date-slow" help:"How far it is behind."`
	NoDate       bool         `json:"no_date" name:"no-date" help:"Answers have no Date."`
	OperateTime  sim.Duration `json:"operation_time" name:"operation-time" help:"How long the platform works on a log-in or logout; the attempt counts before."`
	RequireEmail bool         `json:"require_email" name:"require-email" help:"A login that is no e-mail address is code 400."`

	Failures   string `json:"failures" name:"failures" enum:"code,http,bare" default:"code" help:"How failures come: ${enum}."`
	BadLogin   int    `json:"bad_login" name:"bad-login" default:"401" help:"The code for a wrong login or password."`
	BadToken   int    `json:"bad_token" name:"bad-token" default:"401" help:"The code for a token that is wrong or dead."`
	NoToken    bool   `json:"no_token" name:"no-token" help:"A wrong login or password is answered well, with an empty body and no token."`
	Forbidden  bool   `json:"forbidden" name:"forbidden" help:"No account may get its user: code 403 with a good token."`
	Rejected   bool   `json:"rejected" name:"rejected" help:"Getting the user is answered like a dead token, always."`
	NoDomainID int    `json:"no_domain_id" name:"no-domain-id" default:"403" help:"The code for an operator's request without domain_id."`
	NoUserID   bool   `json:"no_user_id" name:"no-user-id" help:"Log-ins do not tell the user_id."`

	FailLimit  int          `json:"fail_limit" name:"fail-limit" default:"5" help:"Failed log-ins of a host until the Defender blocks it."`
	FailWithin sim.Duration `json:"fail_within" name:"fail-within" default:"10m" help:"The time that they count in."`
	BanTime    sim.Duration `json:"ban_time" name:"ban-time" default:"30m" help:"How long a block lasts."`
	Ban        string       `json:"ban" name:"ban" enum:"drop,refuse,http,code" default:"drop" help:"What a blocked host sees: ${enum}."`
	WhiteList  bool         `json:"white_list" name:"white-list" help:"Every host is on the white list."`

	ListsIn  string `json:"lists_in" name:"lists-in" enum:"list,body" default:"list" help:"Where get and list put what they find: top-level list with total_count, or body: ${enum}."`
	Status   string `json:"status" name:"status" help:"What sets an agent's status, as object and action, for example DomainAgent/update (invented: the vendor's is not known); left out: nothing does."`
	Crossed  bool   `json:"crossed" name:"crossed" help:"Answers carry another request's action_id."`
	Notifies bool   `json:"notifies" name:"notifies" help:"Answers have notifies in several shapes."`
	Extra    bool   `json:"extra" name:"extra" help:"Answers have fields that no page names."`
	Wander   bool   `json:"wander" name:"wander" help:"Numbers come as strings, and the other way round."`

	Wire sim.Wire `json:"wire" embed:""`
}

// Config is the platform's accounts and switches.
type Config struct {
	Agents   []Agent
	Switches Switches
	// Line is the listener that outages refuse connections on; nil = none.
	Line sim.Line
	// OnViolation, where set, is told of everything that the contract forbids.
	OnViolation func(string)
	// Log, where set, gets a line per log-in, logout and block.
	Log *slog.Logger
}

// complete fills in the defaults and refuses what cannot be.
func (w *Switches) complete() error {
	if err := sim.Complete(w); err != nil {
		return err
	}
	if _, err := time.LoadLocation(w.TZ); err != nil {
		return fmt.Errorf("switch tz: %q is no time zone: use for example Europe/Prague", w.TZ)
	}
	if obj, action, ok := strings.Cut(w.Status, "/"); w.Status != "" && (!ok || obj == "" || action == "") {
		return fmt.Errorf("switch status: %q names no object and action: use for example DomainAgent/update", w.Status)
	}
	for name, code := range map[string]int{"bad_login": w.BadLogin, "bad_token": w.BadToken, "no_domain_id": w.NoDomainID} {
		if code < 400 || code > 599 {
			return fmt.Errorf("switch %s: %d is no code of a failure: use 400 to 599", name, code)
		}
	}
	if w.TokenLength > 32<<10 {
		return fmt.Errorf("switch token_length: %d is too long for a header: use at most 32768", w.TokenLength)
	}
	return nil
}

// Check returns what is wrong with the configuration and how to put it right.
func (c Config) Check() error {
	if err := c.Switches.complete(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range c.Agents {
		switch {
		case a.Login == "" || len(a.Login) > maxLogin:
			return fmt.Errorf("agent %q: a login has 1 to %d characters", a.Login, maxLogin)
		case seen[a.Login]:
			return fmt.Errorf("agent %s stands there twice", a.Login)
		}
		seen[a.Login] = true
	}
	return nil
}
