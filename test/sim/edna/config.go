package edna

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"agentkeeper/test/sim"
)

// Account is one user of the platform.
type Account struct {
	Login    string
	Password string
}

// Range returns count accounts with numbers from first on as logins, all with
// one password.
func Range(first, count int, password string) []Account {
	accounts := make([]Account, count)
	for i := range accounts {
		accounts[i] = Account{Login: strconv.Itoa(first + i), Password: password}
	}
	return accounts
}

// The values of Switches' choices; the first of each group is the default.
const (
	DialectRU       = "ru"       // header "Bearer t", body "t" (vendor page: log-in, in Russian)
	DialectEN       = "en"       // header "Bearer Bearer t", body "Bearer t", login null (in English)
	DialectHeader   = "header"   // the token stands in the header only
	DialectBody     = "body"     // it stands in the body only
	DialectMismatch = "mismatch" // the header carries another, dead one

	BodyJSON  = "json"  // {timestamp, status, error, message, path}
	BodyEmpty = "empty" // nothing
	BodyHTML  = "html"  // the page of a server before the platform
)

// Switches chooses among the readings of what the vendor leaves open. The zero
// value is the vendor's pages, with a life of an hour. The tags describe each
// switch for JSON and for a command line.
type Switches struct {
	Dialect   string       `json:"dialect" name:"dialect" enum:"ru,en,header,body,mismatch" default:"ru" help:"Where and how a log-in's answer carries the token: ${enum}."`
	Life      sim.Duration `json:"life" name:"life" default:"1h" help:"How long a token lives; no answer tells."`
	RestartIn sim.Duration `json:"restart_in" name:"restart-in" help:"The platform restarts, which ends every token, at random instants this far apart on average; left out: never."`
	OneToken  bool         `json:"one_token" name:"one-token" help:"A log-in ends the account's earlier tokens."`
	DeadToken bool         `json:"dead_token" name:"dead-token" help:"Every token is refused from the start (401)."`

	JWT       bool         `json:"jwt" name:"jwt" help:"Tokens look like JWTs with iat and exp."`
	JWTLife   sim.Duration `json:"jwt_life" name:"jwt-life" help:"The life that exp tells; left out: the true one."`
	TokenSize int          `json:"token_size" name:"token-size" default:"64" help:"Characters of an opaque token."`

	Unauthorized string `json:"unauthorized" name:"unauthorized" enum:"json,empty,html" default:"json" help:"The body of that answer: ${enum}."`
	BadToken     int    `json:"bad_token" name:"bad-token" default:"401" help:"The status for a token that is wrong or dead, for example 403."`
	Forbidden    bool   `json:"forbidden" name:"forbidden" help:"The accounts' role allows no call: 403."`
	Unknown401   bool   `json:"unknown_401" name:"unknown-401" help:"Addresses that do not exist are answered 401 and not 404."`

	WrongPassword int          `json:"wrong_password" name:"wrong-password" default:"401" help:"The status of a wrong password, for example 400, 401, 403, 404, 423, 500; 200 is an answer without a token."`
	LockAfter     int          `json:"lock_after" name:"lock-after" default:"5" help:"Wrong passwords until the account is locked (423)."`
	LockTime      sim.Duration `json:"lock_time" name:"lock-time" default:"5m" help:"How long a lock lasts."`
	LogInsPerHour int          `json:"log_ins_per_hour" name:"log-ins-per-hour" help:"Log-ins of one account within an hour, then 429; 0 = no limit."`
	RetryAfter    sim.Duration `json:"retry_after" name:"retry-after" default:"30s" help:"What 423 and 429 ask the client to wait."`

	Reasons       string       `json:"reasons" name:"reasons" default:"technical_break,lunch_break,short_break,meeting" help:"The reasons that the site has for inactive agents, separated by commas."`
	NoStatusRight bool         `json:"no_status_right" name:"no-status-right" help:"The accounts' role may not set the status of others: 403."`
	Finishing     sim.Duration `json:"finishing" name:"finishing" help:"How long an agent takes to become inactive, after the 200."`
	OperationTime sim.Duration `json:"operation_time" name:"operation-time" help:"How long the platform works on a log-in."`
	ExtraFields   bool         `json:"extra_fields" name:"extra-fields" help:"Answers have fields that no page names, and other types."`

	Wire sim.Wire `json:"wire" embed:""`
}

func (w *Switches) complete() error {
	if err := sim.Complete(w); err != nil {
		return err
	}
	if !isFailure(w.WrongPassword) && w.WrongPassword != http.StatusOK {
		return fmt.Errorf("switch wrong_password: %d is no status of a failure: use for example 401, or 200", w.WrongPassword)
	}
	if !isFailure(w.BadToken) {
		return fmt.Errorf("switch bad_token: %d is no status of a failure: use for example 401", w.BadToken)
	}
	return nil
}

func isFailure(status int) bool { return status >= 400 && http.StatusText(status) != "" }

// Config is the platform's accounts and switches.
type Config struct {
	Accounts []Account
	Switches Switches
	// Seed makes the instants of RestartIn; the same seed gives the same ones.
	Seed uint64
	// Line is the listener that outages refuse connections on; nil = none.
	Line sim.Line
	// OnViolation, where set, is told of everything that the contract forbids.
	OnViolation func(string)
	// Log, where set, gets a line per log-in and end of a token.
	Log *slog.Logger
}

// Check returns what is wrong with the configuration and how to put it right.
func (c Config) Check() error {
	if err := c.Switches.complete(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range c.Accounts {
		switch {
		case a.Login == "":
			return errors.New("an account has no login")
		case seen[a.Login]:
			return fmt.Errorf("account %s stands there twice", a.Login)
		}
		seen[a.Login] = true
	}
	return nil
}

// span is a switch's duration.
func span(d sim.Duration) time.Duration { return time.Duration(d) }
