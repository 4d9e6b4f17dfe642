package huaweiconfig

import (
	"fmt"
	"log/slog"
	"regexp"
	"strconv"

	"agentkeeper/test/sim"
)

// Account is one account of the configuration interface.
type Account struct {
	Login    string // the agentId: a number, without leading zeros
	Password string
}

// Range returns count accounts with the logins from first on, all with one
// password.
func Range(first, count int, password string) []Account {
	accounts := make([]Account, count)
	for i := range accounts {
		accounts[i] = Account{Login: strconv.Itoa(first + i), Password: password}
	}
	return accounts
}

// The values of Switches' choices; the first of each group is the default.
const (
	GuidBoth   = "both"     // header Guid and body, as on the vendor's page
	GuidHeader = "header"   // header Guid alone
	GuidSet    = "set-guid" // header Set-GUID: JSESSIONID=… alone
	GuidBody   = "body"     // result.guid alone
	GuidNone   = "none"     // nowhere

	Expired107 = "107-000" // the cached login is invalid, log in again
	ExpiredPre = "107-007" // authentication before the configuration failed
	Expired401 = "401"     // HTTP status 401

	OldGuidTimeout = "timeout" // a replaced Guid lives until its gap
	OldGuidDead    = "dead"    // it is dead at once

	SecondKeeps = "keeps" // a second login of an account leaves the first Guid alive
	SecondKills = "kills" // it ends the first one

	QueryGood      = "good"      // "0"
	QueryObject    = "object"    // 107-010: authenticated, but what was asked for failed
	QueryDenied    = "denied"    // as for an expired Guid, even for a fresh one
	QueryForbidden = "forbidden" // HTTP status 403
	QueryMissing   = "missing"   // HTTP status 404
	QueryHTML      = "html"      // 200 with a page
	QueryInput     = "input"     // 107-002
	QueryBig       = "big"       // 4 MB
)

// Switches chooses among the readings of what the vendor leaves open, and sets
// the server's own settings. The zero value is the vendor's defaults. The tags
// describe each switch for JSON and for a command line.
type Switches struct {
	Window      sim.Duration `json:"window" name:"window" default:"2m" help:"The gap between two requests after which a Guid is dead (CONFIG_GUIDTIMEOUT)."`
	Life        sim.Duration `json:"life" name:"life" help:"The longest life of a Guid, however it is used; left out: no limit."`
	CutEvery    sim.Duration `json:"cut_every" name:"cut-every" help:"The gateway restarts and forgets every Guid this often; left out: never."`
	GuidIn      string       `json:"guid_in" name:"guid-in" enum:"both,header,set-guid,body,none" default:"both" help:"Where a login's Guid stands: ${enum}."`
	Rotate      sim.Duration `json:"rotate" name:"rotate" help:"The age at which a request replaces a Guid, in the header Set-GUID; left out: never."`
	OldGuid     string       `json:"old_guid" name:"old-guid" enum:"timeout,dead" default:"timeout" help:"A replaced Guid lives until its gap, or is dead at once: ${enum}."`
	Expired     string       `json:"expired" name:"expired" enum:"107-000,107-007,401" default:"107-000" help:"What a dead Guid is answered: ${enum}."`
	SecondLogin string       `json:"second_login" name:"second-login" enum:"keeps,kills" default:"keeps" help:"A second login of an account keeps or kills the first one's Guid: ${enum}."`
	Query       string       `json:"query" name:"query" enum:"good,object,denied,forbidden,missing,html,input,big" default:"good" help:"What a query with a live Guid is answered: ${enum}."`
	Cookie      bool         `json:"cookie" name:"cookie" help:"Logins set a cookie, without which later requests meet another node."`

	LockAfter int          `json:"lock_after" name:"lock-after" default:"5" help:"Wrong passwords until the account is locked (110-021, then 110-016)."`
	LockTime  sim.Duration `json:"lock_time" name:"lock-time" default:"5m" help:"How long a lock lasts."`
	LoginTime sim.Duration `json:"login_time" name:"login-time" help:"How long the platform works on a login."`

	FailureStatus  int  `json:"failure_status" name:"failure-status" default:"200" help:"The HTTP status of answers whose retcode is not 0, for example 401 or 500."`
	NumericRetcode bool `json:"numeric_retcode" name:"numeric-retcode" help:"A good answer's retcode is the number 0."`
	Msg            bool `json:"msg" name:"msg" help:"msg stands for message."`
	ExtraFields    bool `json:"extra_fields" name:"extra-fields" help:"Answers have fields that no page names."`

	Wire sim.Wire `json:"wire" embed:""`
}

// Config is the platform's accounts and switches.
type Config struct {
	Accounts []Account
	Switches Switches
	// Line is the listener that outages refuse connections on; nil = none.
	Line sim.Line
	// OnViolation, where set, is told of everything that the contract forbids.
	OnViolation func(string)
	// Log, where set, gets a line per login and per end of a Guid.
	Log *slog.Logger
}

var agentID = regexp.MustCompile(`^[1-9]\d{0,8}$`)

// complete fills in the defaults and refuses what cannot be.
func (w *Switches) complete() error {
	if err := sim.Complete(w); err != nil {
		return err
	}
	if w.FailureStatus < 200 || w.FailureStatus > 599 {
		return fmt.Errorf("switch failure_status: %d is no HTTP status: use 200 to 599", w.FailureStatus)
	}
	return nil
}

// Check returns what is wrong with the configuration and how to put it right.
func (c Config) Check() error {
	if err := c.Switches.complete(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range c.Accounts {
		if !agentID.MatchString(a.Login) {
			return fmt.Errorf("account %q: the platform's ids are numbers from 1 to 999999999", a.Login)
		}
		if seen[a.Login] {
			return fmt.Errorf("account %s stands there twice", a.Login)
		}
		seen[a.Login] = true
	}
	return nil
}
