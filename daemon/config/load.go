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

// Option changes how Load works.
type Option func(*loader)

// WithVendors takes the vendors from table instead of vendors.Table.
func WithVendors(table map[string]vendors.Vendor) Option {
	return func(l *loader) { l.vendors = table }
}

// WithWebConfigCheck makes Load call check with the path of web_config_file,
// where one is written, and report its error.
func WithWebConfigCheck(check func(path string) error) Option {
	return func(l *loader) { l.checkWeb = check }
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
	return func(l *loader) { l.override = o }
}

// WithAbsentCredentials makes it a warning and no mistake that this process has
// none of systemd's credentials: for a check outside of the service's unit.
func WithAbsentCredentials() Option {
	return func(l *loader) { l.absentCredentials = true }
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
	l.tellFolded()
	warnings := limited(path, sorted(l.warnings))
	if l.ctx.Err() != nil {
		l.wrong(option.Pos{File: path}, "reading the configuration took too long and was given up; is it the right file?")
	}
	if len(l.problems) > 0 {
		return nil, warnings, Problems(sorted(l.problems))
	}
	l.config.Agents = slices.Clone(l.config.Agents) // it stays for long: without room to grow
	return l.config, warnings, nil
}

func newLoader(path string, options []Option) *loader {
	l := &loader{
		reading:  reading{ctx: context.Background()},
		vendors:  vendors.Table,
		checkWeb: func(string) error { return nil },
		config:   &Config{Path: path},
		written: written{
			places:      map[string]*place{},
			logins:      map[session.ID]option.Pos{},
			numbers:     map[session.ID]seat{},
			credentials: map[string]option.Pos{},
			inlineIn:    map[string]inline{},
			tokens:      map[string]token{},
			callbacks:   map[string]bool{},
			idle:        map[option.Pos]idleOption{},
			exposed:     exposure{dirs: map[string]*exposed{}},
		},
		calendar: calendar{
			zones:     map[string]*time.Location{},
			calendars: map[[2]string][]holiday.Day{},
			advice:    map[[2]string][]shift.Advice{},
		},
	}
	for _, o := range options {
		o(l)
	}
	l.config.SecretsUnread = l.withoutSecrets
	return l
}

// loader is the state of one Load.
type loader struct {
	report
	reading
	written
	calendar

	vendors  map[string]vendors.Vendor
	checkWeb func(path string) error
	config   *Config

	override          Override
	absentCredentials bool // may be, of systemd
	inlineSecrets     bool
}

// written is what was read so far, and where it stands.
type written struct {
	places      map[string]*place         // platforms as written, broken ones included
	logins      map[session.ID]option.Pos // where each agent was first written
	numbers     map[session.ID]seat       // who was first seated at a platform's number
	credentials map[string]option.Pos     // where each credential file was first written, by cleaned path
	inlineIn    map[string]inline         // files with passwords in them
	tokens      map[string]token          // secrets that options name, by path
	callbacks   map[string]bool           // addresses for callbacks that were looked at
	idle        map[option.Pos]idleOption // options that may do nothing
	exposed     exposure
	callbackPos option.Pos
	stopPos     option.Pos
}

// calendar is what schedules share.
type calendar struct {
	zones     map[string]*time.Location
	calendars map[[2]string][]holiday.Day  // files of holidays by path and zone
	advice    map[[2]string][]shift.Advice // by sign_in and sign_out
}

func (l *loader) load(path string) {
	text, err := l.readList(path, maxFile)
	if err != nil {
		l.wrong(option.Pos{File: path}, "the configuration cannot be read: %v", err)
		return
	}
	l.decode(path, text)
}

func (l *loader) decode(path string, text []byte) {
	root := parse(&l.report, path, text)
	if root == nil {
		return
	}
	l.root(newMapping(&l.report, &rootSection, path, "", option.Pos{File: path, Line: 1, Col: 1}, root))
	l.warnExposed()
	l.warnWebhooks()
}

// root decodes the whole file, platforms before the groups that name them.
func (l *loader) root(m *mapping) {
	c := l.config
	l.inlineSecrets = m.flag("allow_inline_secrets")
	c.PerAgentMetrics = m.flag("per_agent_metrics")
	c.StopTimeout, l.stopPos = m.duration("stop_timeout"), m.at("stop_timeout")
	l.sockets(m)
	logged := m.section("log")
	l.log(logged)
	l.store(m.section("store"))
	l.events(m.section("events"))
	proxy := m.section("proxy")
	l.proxy(proxy)
	proxy.done(nil)
	l.callback(m.section("callback"))
	l.platforms(m.names("platforms"))
	l.groups(m)
	l.trace(logged.section("trace"))
	m.done(nil)
	if len(l.problems) == 0 {
		l.advise(m)
	}
}

// proxy decodes where the local proxy listens; whoever reaches it acts as any
// agent, so it must be out of other hosts' reach.
func (l *loader) proxy(m *mapping) {
	text := m.text("listen")
	if text == "" {
		return
	}
	if err := CheckProxyAddress(text); err != nil {
		m.wrong("listen", "%v", err)
	}
	l.config.Proxy = text
}

// sockets decodes where the service listens. The kernel bounds a unix socket's
// path at 108 bytes with its final zero.
func (l *loader) sockets(m *mapping) {
	c := l.config
	c.Listen = m.filled("listen")
	if err := CheckListen(c.Listen); c.Listen != "" && err != nil {
		m.wrong("listen", "%v", err)
	}
	c.Listen = cmp.Or(l.override.Listen, c.Listen)
	c.ListenHosts = m.hosts("listen_hosts")
	c.CORSOrigins = m.origins("cors_origins")
	c.Control = relativeTo(m.file, m.filled("control"))
	if len(c.Control) > 107 {
		m.wrong("control", "is a path of %d bytes; a socket's may have 107", len(c.Control))
	}
	if c.WebConfigFile = m.path("web_config_file"); c.WebConfigFile == "" {
		l.adviseListen(m, nil)
		return
	}
	if l.withoutSecrets {
		return
	}
	if text, _, err := readRegular(c.WebConfigFile, maxWeb); err != nil {
		m.wrong("web_config_file", "%s: %v", c.WebConfigFile, err)
	} else if err := l.checkWeb(c.WebConfigFile); err != nil {
		m.wrong("web_config_file", "%s is not in the exporters' format, or a file that it names is missing or wrong%s", c.WebConfigFile, placesIn(err))
	} else {
		l.adviseListen(m, text)
	}
}

func (l *loader) log(m *mapping) {
	level := cmp.Or(l.override.LogLevel, m.choice("level"))
	l.config.Log.Format = cmp.Or(l.override.LogFormat, m.choice("format"))
	l.config.Log.Level = map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[level]
	m.done(nil)
}

func (l *loader) store(m *mapping) {
	l.config.Store.Dir = relativeTo(m.file, m.filled("dir"))
	m.done(nil)
}

func (l *loader) events(m *mapping) {
	l.config.Events = Events{
		MaxAge:   m.duration("max_age"),
		MaxBytes: m.size("max_bytes"),
	}
	l.webhooks(m)
	l.consumers(m)
	m.done(nil)
}

// vendorNames lists the table for messages.
func (l *loader) vendorNames() []string { return slices.Sorted(maps.Keys(l.vendors)) }

func (l *loader) isVendor(name string) bool { _, ok := l.vendors[name]; return ok }

func (l *loader) explainVendor(name string) string {
	names := l.vendorNames()
	return fmt.Sprintf("unknown vendor; write one of %s%s", strings.Join(names, ", "), didYouMean(name, names))
}
