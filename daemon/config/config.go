package config

import (
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// DefaultPath is where the service looks for its configuration.
const DefaultPath = "/etc/agentkeeper/agentkeeper.yaml"

// Config is a whole configuration without mistakes. It is not changed after
// Load returned it.
type Config struct {
	Path            string   // as given to Load
	SecretsUnread   bool     // loaded without secrets: passwords, tokens and what signs are empty
	Listen          string   // host:port of metrics, health, read-only API and status page; never empty
	ListenHosts     []string // further names that Listen is asked by
	CORSOrigins     []string // sites whose pages may read the API, as browsers name them
	WebConfigFile   string   // TLS and basic auth for Listen; "" = plain
	Proxy           string   // address of the local authenticating proxy; "" = off
	Control         string   // path of the control socket; never empty
	StopTimeout     time.Duration
	Log             Log
	Store           Store
	PerAgentMetrics bool
	Events          Events
	Callback        Callback
	Webhooks        []Webhook  // in the order of the file
	Consumers       []Consumer // of the stream, in the order of the file
	Platforms       []Platform // in the order of the file
	Groups          []Group    // in the order of the file
	Days            []DaysFile // the files of days, in the order of the schedules that name them first
	Agents          []Agent    // in the order of the groups, each group's list before its CSV
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format string // "auto" (coloured text on a terminal, JSON otherwise), "text" or "json"
	Trace  Trace
}

// Trace says whose exchange with the platform is written into the log.
type Trace struct {
	Agents []session.ID  // none: nobody's; sorted by name, each once
	For    time.Duration // from each load on
}

// Store says where the embedded engine keeps its files.
type Store struct {
	Dir string
}

// Events bounds the events that are kept for consumers, and says where
// Consumers connect to the stream.
type Events struct {
	MaxAge   time.Duration
	MaxBytes int64
	Listen   string // host:port; "" = nowhere
	CertFile string // PEM; "" = without TLS, on the loopback only
	KeyFile  string
}

// Platform is one vendor system at one address.
type Platform struct {
	Name    string
	Vendor  string           // a name in the vendors' table
	URL     *url.URL         // scheme, host and port; never credentials, path or query
	TLS     wire.TLSSettings // found good by Load; of no effect with a plain scheme
	Window  time.Duration    // as written, or the vendor's default for the platform's options
	Dials   Dials
	SignIn  SignIn
	Backoff Backoff
	Lockout Lockout
	Options option.Set // as written at the platform; each agent's Options are merged and decoded
	Pos     option.Pos
}

// Dials says how connections to a platform are made.
type Dials struct {
	Concurrent int          // being made at once, 1 or more
	Sources    []netip.Addr // where they come from, in turn; none: the system chooses
}

// Address is what counts refused log-ins against us: host and port, the scheme's
// where none is written. Platforms with one address share a budget.
func (p Platform) Address() string {
	port := p.URL.Port()
	switch {
	case port != "":
	case p.URL.Scheme == "https", p.URL.Scheme == "wss":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(strings.ToLower(p.URL.Hostname()), port)
}

// SignIn limits a platform's sign-ins.
type SignIn struct {
	Rate       float64 // per second, evenly spread
	Concurrent int     // in flight at once
	Timeout    time.Duration
}

// Backoff bounds the pause between attempts; Initial is never above Max.
type Backoff struct{ Initial, Max time.Duration }

// Lockout is the budget of refused log-ins, of all accounts at the platform's
// Address together.
type Lockout struct {
	Failures int
	Within   time.Duration
	Quiet    time.Duration
}

// Group is a set of agents of one platform that are configured together.
type Group struct {
	Name     string
	Platform string
	Schedule *Schedule // nil: always online
	Pos      option.Pos
}

// Agent is one account that is to be kept signed in.
type Agent struct {
	ID       session.ID
	Group    string
	Number   string // "" only where the vendor needs none
	Label    string // what people call it, a person's name for example; "" = nothing
	Source   Source // where Password comes from, to read it again
	Password session.Secret
	Options  any // the vendor's own type; agents without options of their own share one value
	Terms    session.Terms
	// TokenSource is the secret file that the agent's options name, Token what
	// stands in it; nil and zero where they name none.
	TokenSource *Source
	Token       session.Secret
	// Credential is where other programs find what they need to act within the
	// agent's session.
	Credential CredentialFile
	Commands   *Commands // the agent's own or its group's; never nil after Load
	Schedule   *Schedule // the agent's own or its group's; nil: always online
	Work       *Work     // agents without a section work and schedule of their own share their group's; nil: the default
	Pos        option.Pos
}

// TokenFile returns the path of the TokenSource, "" without one.
func (a *Agent) TokenFile() string {
	if a.TokenSource == nil {
		return ""
	}
	return a.TokenSource.Path
}

// Platform returns the platform of that name.
func (c *Config) Platform(name string) (Platform, bool) {
	i := slices.IndexFunc(c.Platforms, func(p Platform) bool { return p.Name == name })
	if i < 0 {
		return Platform{}, false
	}
	return c.Platforms[i], true
}
