package config

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/address"
	"agentkeeper/daemon/config/strict"
	"agentkeeper/daemon/holiday"
	"agentkeeper/daemon/shift"
	"agentkeeper/session"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
)

// Bounds of files, in bytes.
const (
	maxFile = 64 << 20 // a configuration file and a CSV
	maxPEM  = 4 << 20  // certificates and keys
	maxWeb  = 1 << 20  // a web configuration file
)

// maxAgents bounds the agents of one configuration: one alias can repeat a list
// many times.
const maxAgents = 200_000

// Problems is every mistake of a configuration, sorted by file, line and column:
// the only type of error that Load returns.
type Problems = strict.Problems

// Option changes how Load works.
type Option func(*loader)

// WithVendors takes the vendors from table instead of vendors.Table.
func WithVendors(table map[string]vendors.Vendor) Option {
	return func(l *loader) { l.rules.vendors = table }
}

// WithWebConfigCheck makes Load call check with the path of web_config_file,
// where one is written, and report its error.
func WithWebConfigCheck(check func(path string) error) Option {
	return func(l *loader) { l.rules.checkWeb = check }
}

// WithoutSecrets makes Load leave every secret unread (passwords, tokens, keys,
// the web configuration), and where it should be unchecked, for readers of the
// configuration who may not read those.
func WithoutSecrets() Option {
	return func(l *loader) { l.withoutSecrets = true }
}

// WithTexts makes Load take what it reads from texts, by cleaned path, and open
// no file at all: for a configuration whose files somebody else has read. It
// implies WithoutSecrets. A file that is not among texts is a mistake.
func WithTexts(texts map[string]string) Option {
	return func(l *loader) { l.texts, l.withoutSecrets = texts, true }
}

// WithRecord makes Load note in texts, by cleaned path, what it reads beside
// secrets.
func WithRecord(texts map[string]string) Option {
	return func(l *loader) { l.record = texts }
}

// Override is what a command line says over the file; "" is as the file says.
type Override struct {
	Listen    string // host:port, as CheckListen wants it
	LogLevel  string // debug, info, warn or error
	LogFormat string // auto, text or json
}

// WithOverride makes Load put these over what the file says.
func WithOverride(o Override) Option {
	return func(l *loader) { l.rules.override = o }
}

// WithAbsentCredentials makes it a warning and no mistake that this process has
// none of systemd's credentials: for a check outside of the service's unit.
func WithAbsentCredentials() Option {
	return func(l *loader) { l.rules.absentCredentials = true }
}

// WithContext makes Load give up, with a mistake that says so, once ctx ends.
func WithContext(ctx context.Context) Option {
	return func(l *loader) { l.ctx = ctx }
}

// Load reads the configuration at path and everything that it names. The
// warnings are good advice and come with an error, too; the error is a
// Problems and tells every mistake.
func Load(path string, options ...Option) (*Config, []option.Problem, error) {
	l := newLoader(path, options)
	l.load(path)
	if l.givenUp() {
		l.Wrong(option.Pos{File: path}, "reading the configuration took too long and was given up; is it the right file?")
	}
	warnings, err := l.End(path)
	if err != nil {
		return nil, warnings, err
	}
	l.config.Agents = slices.Clone(l.config.Agents) // it stays for long: without room to grow
	return l.config, warnings, nil
}

func newLoader(path string, options []Option) *loader {
	l := &loader{
		reading: reading{ctx: context.Background()},
		rules:   rules{vendors: vendors.Table, checkWeb: func(string) error { return nil }},
		config:  &Config{Path: path},
		places:  map[string]*place{},
		first: first{
			logins:      map[session.ID]option.Pos{},
			numbers:     map[session.ID]seat{},
			credentials: map[string]option.Pos{},
			works:       map[option.Pos]bool{},
		},
		secrets: secrets{inlineIn: map[string]inline{}, tokens: map[string]token{}, exposed: exposure{dirs: map[string]*exposed{}}},
		calendar: calendar{
			zones:  map[string]*time.Location{},
			files:  map[[2]string][]holiday.Day{},
			advice: map[[2]string][]shift.Advice{},
		},
		idle: idle{options: map[option.Pos]idleOption{}, callbacks: map[string]bool{}},
	}
	for _, o := range options {
		o(l)
	}
	l.config.SecretsUnread = l.withoutSecrets
	return l
}

// loader is the state of one Load.
type loader struct {
	strict.Report
	reading
	rules    rules
	config   *Config           // what is made
	places   map[string]*place // platforms as written, broken ones included
	first    first
	secrets  secrets
	calendar calendar
	idle     idle
	senders  []sending
	stopPos  option.Pos // of stop_timeout
}

// rules are what the options of a Load say.
type rules struct {
	vendors           map[string]vendors.Vendor
	checkWeb          func(path string) error
	override          Override
	absentCredentials bool // systemd's need not be there
}

// first is where things were first written of which there may be one.
type first struct {
	logins      map[session.ID]option.Pos
	numbers     map[session.ID]seat   // by platform and number
	credentials map[string]option.Pos // credential files, by cleaned path
	works       map[option.Pos]bool   // what is wrong in sections work, where it was said
}

// secrets are what was found about secrets.
type secrets struct {
	inlineAllowed bool
	inlineIn      map[string]inline // files with passwords in them
	tokens        map[string]token  // those that options name, by path
	exposed       exposure          // files that others can read
}

// calendar is what schedules have in common, read once.
type calendar struct {
	zones  map[string]*time.Location
	files  map[[2]string][]holiday.Day  // by path and zone
	advice map[[2]string][]shift.Advice // by sign_in and sign_out
}

// idle is what may turn out to do nothing, once the agents are known.
type idle struct {
	options     map[option.Pos]idleOption
	callbacks   map[string]bool // addresses for callbacks that were looked at
	callbackPos option.Pos      // of the section callback
}

func (l *loader) load(path string) {
	text, err := l.readList(path, maxFile)
	if err != nil {
		l.Wrong(option.Pos{File: path}, "the configuration cannot be read: %v", err)
		return
	}
	l.decode(path, text)
}

func (l *loader) decode(path string, text []byte) {
	root := strict.Parse(&l.Report, path, text, "platforms and groups")
	if root == nil {
		return
	}
	l.root(strict.New(&l.Report, &rootSection, path, "", option.Pos{File: path, Line: 1, Col: 1}, root))
	l.warnExposed()
	l.warnWebhooks()
}

// root decodes the whole file, platforms before the groups that name them.
func (l *loader) root(m *strict.Mapping) {
	c := l.config
	l.secrets.inlineAllowed = m.Flag("allow_inline_secrets")
	c.PerAgentMetrics = m.Flag("per_agent_metrics")
	c.StopTimeout, l.stopPos = m.Duration("stop_timeout"), m.At("stop_timeout")
	l.sockets(m)
	logged := m.Section("log")
	l.log(logged)
	l.store(m.Section("store"))
	l.events(m.Section("events"))
	proxy := m.Section("proxy")
	l.proxy(proxy)
	proxy.Done(nil)
	l.callback(m.Section("callback"))
	l.platforms(m.Names("platforms"))
	l.groups(m)
	l.checkSenders()
	l.trace(logged.Section("trace"))
	m.Done(nil)
	if len(l.Problems) == 0 {
		l.advise(m)
	}
}

// proxy decodes where the local proxy listens; whoever reaches it acts as any
// agent, so it must be out of other hosts' reach.
func (l *loader) proxy(m *strict.Mapping) {
	text := m.Text("listen")
	if text == "" {
		return
	}
	if _, _, err := address.Private(text); err != nil {
		m.Wrong("listen", "%v", err)
	}
	l.config.Proxy = text
}

// sockets decodes where the service listens.
func (l *loader) sockets(m *strict.Mapping) {
	c := l.config
	c.Listen = m.Filled("listen")
	if err := CheckListen(c.Listen); c.Listen != "" && err != nil {
		m.Wrong("listen", "%v", err)
	}
	c.Listen = cmp.Or(l.rules.override.Listen, c.Listen)
	c.ListenHosts = hosts(m, "listen_hosts")
	c.CORSOrigins = origins(m, "cors_origins")
	c.Control = strict.RelativeTo(m.File, m.Filled("control"))
	if n := len(c.Control); n > address.SocketPathLimit {
		m.Wrong("control", "is a path of %d bytes; a socket's may have %d", n, address.SocketPathLimit)
	}
	if c.WebConfigFile = m.Path("web_config_file"); c.WebConfigFile == "" {
		l.adviseListen(m, nil)
		return
	}
	if l.withoutSecrets {
		return
	}
	if text, _, err := readRegular(c.WebConfigFile, maxWeb); err != nil {
		m.Wrong("web_config_file", "%s: %v", c.WebConfigFile, err)
	} else if err := l.rules.checkWeb(c.WebConfigFile); err != nil {
		m.Wrong("web_config_file", "%s is not in the exporters' format, or a file that it names is missing or wrong%s", c.WebConfigFile, placesIn(err))
	} else {
		l.adviseListen(m, text)
	}
}

func (l *loader) log(m *strict.Mapping) {
	level := cmp.Or(l.rules.override.LogLevel, m.Choice("level"))
	l.config.Log.Format = cmp.Or(l.rules.override.LogFormat, m.Choice("format"))
	l.config.Log.Level = map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[level]
	m.Done(nil)
}

func (l *loader) store(m *strict.Mapping) {
	l.config.Store.Dir = strict.RelativeTo(m.File, m.Filled("dir"))
	m.Done(nil)
}

func (l *loader) events(m *strict.Mapping) {
	l.config.Events = Events{
		MaxAge:   m.Duration("max_age"),
		MaxBytes: m.Size("max_bytes"),
	}
	l.webhooks(m)
	l.consumers(m)
	m.Done(nil)
}

// vendorNames lists the table for messages.
func (l *loader) vendorNames() []string { return slices.Sorted(maps.Keys(l.rules.vendors)) }

func (l *loader) isVendor(name string) bool { _, ok := l.rules.vendors[name]; return ok }

func (l *loader) explainVendor(name string) string {
	names := l.vendorNames()
	return fmt.Sprintf("unknown vendor; write one of %s%s", strings.Join(names, ", "), option.DidYouMean(name, names))
}
