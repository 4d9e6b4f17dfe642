package config

import "slices"

// The tables below are every key that a configuration file may hold. The
// decoder takes the types and defaults from them and refuses what is not in
// them, and the JSON Schema is made of them, so a key exists in one place only.
// Whoever adds one adds a line here, reads it by the accessor of its kind, and
// shows it in the reference configuration; tests hold the three together.

// section is what may stand in one mapping.
type section struct {
	title string // what messages call it; "" = by its path in the file
	doc   string
	keys  []key
}

// key is one key of a section.
type key struct {
	name     string
	kind     kind
	fallback string   // as a person would write it; "" = none
	most     int      // of a kindCount
	choices  []string // of a kindChoice
	must     bool     // a file without it is wrong
	later    bool     // of the contract, but not of this version: refused rather than ignored
	restart  bool     // a change acts at the next start, not at a reload
	of       *section // of a kindSection, kindNamed or kindList
	doc      string
}

// kind is what a key's value may be.
type kind uint8

const (
	kindText       kind = iota // any single value
	kindName                   // of a group: letters, digits, -, _ and .
	kindFilled                 // a text that is not empty
	kindAddress                // host:port
	kindPath                   // relative to the file that names it
	kindChoice                 // one of the key's choices
	kindVendor                 // a name in the vendors' table
	kindFlag                   // true or false
	kindCount                  // a whole number above 0, up to the key's most
	kindRate                   // a number above 0
	kindDuration               // Go's, above 0
	kindSize                   // bytes, with or without a unit
	kindMode                   // octal permissions
	kindCrons                  // five fields, or a list of such
	kindDays                   // a list of dates and files of dates
	kindWorkdays               // the same, and dates with a weekday
	kindTexts                  // a list of single values
	kindSection                // a mapping
	kindNamed                  // a mapping of names to mappings
	kindList                   // a list of mappings, of anything where of is nil
	kindOptions                // a mapping of the vendor's options
	kindFileOrList             // a path, or a mapping that says more of the file
	kindColumns                // a mapping of our names to those of a list
)

// key returns the line of a name.
func (s *section) key(name string) (key, bool) {
	i := slices.IndexFunc(s.keys, func(k key) bool { return k.name == name })
	if i < 0 {
		return key{}, false
	}
	return s.keys[i], true
}

// path is what messages call the section, given where it stands.
func (s *section) path(where string) string {
	if s.title != "" {
		return s.title
	}
	return where
}

// known lists the names that this version decodes, sorted.
func (s *section) known() (names []string) {
	for _, k := range s.keys {
		if !k.later {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	return names
}

// rootSection is the whole file.
var rootSection = section{
	doc: "Configuration of agentkeeper, which keeps contact-centre agents signed in.",
	keys: []key{
		{name: "listen", kind: kindAddress, restart: true, fallback: "127.0.0.1:9464", doc: "Address of metrics, health, the read-only API and the status page."},
		{name: "listen_hosts", kind: kindTexts, doc: "Names by which listen is reached through a proxy or an entry of the name service: keeper.example.com, or .example.com for all below it. On loopback addresses other names are refused; where any is listed, on all addresses."},
		{name: "cors_origins", kind: kindTexts, doc: "Sites whose pages may read the API of listen from a browser: https://board.example.com; no site may where none is listed, and no page may control anything."},
		{name: "web_config_file", kind: kindPath, restart: true, doc: "TLS and basic auth for listen, in the Prometheus exporters' format."},
		{name: "control", kind: kindFilled, restart: true, fallback: "/run/agentkeeper/control.sock", doc: "Path of the unix socket where the commands find the service."},
		{name: "stop_timeout", kind: kindDuration, fallback: "30s", doc: "How long a stop may take to sign every agent out."},
		{name: "log", kind: kindSection, of: &logSection},
		{name: "store", kind: kindSection, of: &storeSection},
		{name: "allow_inline_secrets", kind: kindFlag, fallback: "false", doc: "Whether password: may stand in this file; without it that is a mistake."},
		{name: "per_agent_metrics", kind: kindFlag, restart: true, fallback: "false", doc: "Adds metrics with a label per agent."},
		{name: "proxy", kind: kindSection, of: &proxySection},
		{name: "callback", kind: kindSection, restart: true, of: &callbackSection},
		{name: "events", kind: kindSection, of: &eventsSection},
		{name: "platforms", kind: kindNamed, of: &platformSection, doc: "The vendors' systems by name. The name is part of each agent's, as in hq/291."},
		{name: "groups", kind: kindList, of: &groupSection, doc: "The agents, in groups that are configured together."},
	},
}

var logSection = section{
	doc: "What is logged and how.",
	keys: []key{
		{name: "level", kind: kindChoice, fallback: "info", choices: []string{"debug", "info", "warn", "error"}, doc: "The least important messages that are logged."},
		{name: "format", kind: kindChoice, restart: true, fallback: "auto", choices: []string{"auto", "text", "json"}, doc: "auto: coloured text on a terminal, JSON otherwise."},
		{name: "trace", kind: kindSection, of: &traceSection},
	},
}

var traceSection = section{
	doc: "Writes the exchange with the platform into the log, without secrets, for disputes with a vendor.",
	keys: []key{
		{name: "agents", kind: kindTexts, doc: "Whose: full names, or patterns in which * is any text and ? any character; 50 agents at most."},
		{name: "for", kind: kindDuration, fallback: "10m", doc: "For how long after the start and after each reload; 1h at most."},
	},
}

var storeSection = section{
	doc: "Where session keys, parked agents, overrides and events live.",
	keys: []key{
		{name: "dir", kind: kindFilled, restart: true, fallback: "/var/lib/agentkeeper", doc: "Directory of the embedded engine."},
		{name: "nats", kind: kindSection, later: true, doc: "A shared cluster instead."},
		{name: "node", kind: kindText, later: true, doc: "Name of this machine in a shared cluster."},
	},
}

var proxySection = section{
	doc: "The local authenticating proxy.",
	keys: []key{
		{name: "listen", kind: kindText, restart: true, doc: "127.0.0.1:9465 or unix:/PATH; empty: off."},
	},
}

var callbackSection = section{
	doc: "Where platforms that push events reach this service (huawei, events: push).",
	keys: []key{
		{name: "listen", kind: kindText, doc: "host:port, for example 0.0.0.0:9466; empty: nowhere."},
		{name: "cert_file", kind: kindPath, doc: "Certificate in PEM; read again when it changes."},
		{name: "key_file", kind: kindPath, doc: "Its key."},
		{name: "plain_http", kind: kindFlag, fallback: "false", doc: "true listens without a certificate, for a proxy in between that speaks TLS."},
	},
}

var eventsSection = section{
	doc: "What is kept of the platforms' events, and who gets them.",
	keys: []key{
		{name: "max_age", kind: kindDuration, restart: true, fallback: "24h", doc: "Older events are dropped."},
		{name: "max_bytes", kind: kindSize, restart: true, fallback: "1GiB", doc: "Above this size the oldest events are dropped."},
		{name: "listen", kind: kindText, restart: true, doc: "Address where NATS clients read the stream of events; empty: nowhere. Beyond the loopback it needs a certificate."},
		{name: "cert_file", kind: kindPath, restart: true, doc: "Certificate in PEM for listen; a new one acts at the next connection."},
		{name: "key_file", kind: kindPath, restart: true, doc: "The certificate's key."},
		{name: "users", kind: kindList, of: &userSection, doc: "The programs that may connect to listen."},
		{name: "webhooks", kind: kindList, of: &webhookSection, doc: "Consumers that every event is posted to."},
	},
}

var webhookSection = section{
	title: "webhook",
	doc:   "One consumer that events are posted to, one a request, signed, in order per agent, until it answers 2xx.",
	keys: []key{
		{name: "name", kind: kindName, doc: "Identifies the hook, its position and its metrics; left out: made from the url."},
		{name: "url", kind: kindText, must: true, doc: "Where to post; http:// sends events in clear text."},
		{name: keySecretFile, kind: kindPath, must: true, doc: "File that holds the secret which signs the requests; new content acts without a reload."},
		{name: "types", kind: kindTexts, doc: "Types of events, each whole or, with * at its end, its beginning; left out: all."},
		{name: "agents", kind: kindTexts, doc: "Full names of agents, likewise; left out: all."},
		{name: "timeout", kind: kindDuration, fallback: "10s", doc: "Of one request."},
		{name: "concurrent", kind: kindCount, fallback: "8", most: maxCount, doc: "Requests in flight at once, of different agents."},
		{name: "tls", kind: kindSection, of: &tlsSection},
	},
}

var userSection = section{
	title: "user",
	doc:   "A program that reads the stream of events, with exactly one source of its password or token.",
	keys: []key{
		{name: "name", kind: kindName, must: true, doc: "Letters, digits, -, _ and ."},
		{name: keyFile, kind: kindPath, doc: "File that holds the password; new content acts at the next connection."},
		{name: keyEnv, kind: kindText, doc: "Environment variable of the service that holds the password."},
		{name: keyCredential, kind: kindText, doc: "Systemd credential (LoadCredential=) that holds the password."},
		{name: keyInline, kind: kindText, doc: "The password itself, where allow_inline_secrets is true."},
		{name: "token_file", kind: kindPath, doc: "File that holds a token, which the program shows without its name."},
		{name: "token_env", kind: kindText, doc: "Environment variable of the service that holds the token."},
		{name: "token_credential", kind: kindText, doc: "Systemd credential (LoadCredential=) that holds the token."},
		{name: "token", kind: kindText, doc: "The token itself, where allow_inline_secrets is true."},
		{name: "max_consumers", kind: kindCount, fallback: "100", most: MaxConsumers, doc: "How many consumers the user may have at once, durable or not; up to 2000."},
	},
}

var platformSection = section{
	doc: "One vendor's system at one address.",
	keys: []key{
		{name: "vendor", kind: kindVendor, must: true, doc: "Whose system it is."},
		{name: "url", kind: kindText, must: true, doc: "Scheme, host and port; http:// and ws:// send passwords in clear text."},
		{name: "tls", kind: kindSection, of: &tlsSection},
		{name: "concurrent_dials", kind: kindCount, fallback: "32", most: maxDials, doc: "Connections that are being made at once, TLS handshake included; at most 1,000."},
		{name: "source_addresses", kind: kindTexts, doc: "This machine's addresses to connect from, in turn. One has about 28,000 ports to one platform, so more agents need more of them. Left out: the system chooses."},
		{name: "window", kind: kindDuration, doc: "The longest silence that the platform forgives. Left out: the vendor's default (huawei and huawei-config 2m, ecss 3 x ping, runtel and edna 5m)."},
		{name: "sign_in", kind: kindSection, of: &signInSection},
		{name: "backoff", kind: kindSection, of: &backoffSection},
		{name: "lockout", kind: kindSection, of: &lockoutSection},
		{name: "options", kind: kindOptions, doc: "The vendor's options, for all the platform's agents."},
	},
}

var tlsSection = section{
	doc: "How the two ends prove who they are; the system's authorities where left out.",
	keys: []key{
		{name: "ca_file", kind: kindPath, doc: "Authorities: PEM, DER or PKCS #7 (.p7b); empty: the system's."},
		{name: "cert_file", kind: kindPath, doc: "Our own certificate in PEM, where the server asks clients for one; read anew when it changes."},
		{name: "key_file", kind: kindPath, doc: "Its key in PEM."},
		{name: "server_name", kind: kindText, doc: "Name in the certificate; empty: the host in url."},
		{name: "pin_sha256", kind: kindText, doc: "SHA-256 of the server's certificate or public key, hex or base64."},
		{name: "insecure_skip_verify", kind: kindFlag, fallback: "false", doc: "true accepts every certificate."},
		{name: "legacy", kind: kindFlag, fallback: "false", doc: "UNSAFE: true accepts TLS 1.0, 1.1 and outdated ciphers."},
	},
}

var signInSection = section{
	doc: "Limits of the platform's sign-ins.",
	keys: []key{
		{name: "rate", kind: kindRate, fallback: "20", doc: "Per second, evenly spread."},
		{name: "concurrent", kind: kindCount, fallback: "10", most: maxCount, doc: "In flight at once."},
		{name: "timeout", kind: kindDuration, fallback: "30s", doc: "For one sign-in or sign-out."},
	},
}

var backoffSection = section{
	doc: "Pause between two attempts.",
	keys: []key{
		{name: "initial", kind: kindDuration, fallback: "1s", doc: "The first pause; it doubles from attempt to attempt."},
		{name: "max", kind: kindDuration, fallback: "60s", doc: "The longest pause."},
	},
}

var lockoutSection = section{
	doc: "When to stop log-ins before the platform locks us out.",
	keys: []key{
		{name: "failures", kind: kindCount, fallback: "3", most: maxCount, doc: "Refused log-ins of all accounts at the platform's host and port together, after which none goes for the quiet time."},
		{name: "within", kind: kindDuration, fallback: "10m", doc: "The time in which refusals are counted."},
		{name: "quiet", kind: kindDuration, fallback: "15m", doc: "How long no log-in goes; then one goes first."},
	},
}

var groupSection = section{
	title: "group",
	doc:   "Agents of one platform that are configured together.",
	keys: []key{
		{name: "name", kind: kindName, must: true, doc: "Letters, digits, -, _ and ."},
		{name: "platform", kind: kindText, must: true, doc: "Name of a platform under platforms."},
		{name: "schedule", kind: kindSection, of: &scheduleSection},
		{name: "options", kind: kindOptions, doc: "The vendor's options; they come over those of the platform."},
		{name: keyDir, kind: kindPath, doc: "Directory with one file per login, named exactly as the login, that holds the password."},
		{name: "agents", kind: kindList, of: &agentSection, doc: "The agents that are written here."},
		{name: "agents_file", kind: kindFileOrList, of: &agentsFileSection, doc: "More agents as a CSV, whose first row names the columns: login, number, label, password_file (or another source) and options; or a mapping that says what they are called there."},
	},
}

var agentsFileSection = section{
	title: "agents_file",
	doc:   "A CSV whose columns have names of their own.",
	keys: []key{
		{name: "path", kind: kindPath, must: true, doc: "The CSV."},
		{name: "columns", kind: kindColumns, doc: "What our columns are called in the first row of the CSV: {login: Account, number: Extension}. The others keep our names."},
		{name: "ignore", kind: kindTexts, doc: "Columns of the CSV, by their names there, that are not for us."},
	},
}

var scheduleSection = section{
	title: "schedule",
	doc:   "When the agents are to be online; left out: always.",
	keys: []key{
		{name: "sign_in", kind: kindCrons, must: true, doc: "Begin of shifts as cron: minute, hour, day, month, weekday (Sunday is 0 or 7). Or a list of such: each of them begins a shift."},
		{name: "sign_out", kind: kindCrons, must: true, doc: "End of shifts, likewise."},
		{name: "time_zone", kind: kindText, doc: "The zone of the wall clock, such as Europe/Moscow; left out: the machine's."},
		{name: "holidays", kind: kindDays, doc: "Days without a sign-in: dates such as 2026-12-31, and files of them, one date a line or iCalendar. A shift begun before goes on to its end."},
		{name: keyWorkdays, kind: kindWorkdays, doc: "Days that count as another weekday, and never as holidays: dates, files of them as for holidays, and dates with the weekday, 2027-01-16: fri. Without one a Saturday or Sunday counts as Monday, another day as itself."},
	},
}

var agentSection = section{
	title: "agent",
	doc:   "One account that is to be kept signed in.",
	keys: []key{
		{name: "login", kind: kindText, must: true, doc: "The account's name on the platform: huawei agentid, huawei-config agentId, otherwise login."},
		{name: "number", kind: kindText, doc: "Telephone number to seat the agent at; huawei and ecss need one."},
		{name: "label", kind: kindText, doc: "What people call the agent, a person's name or a bot's purpose; shown beside its name everywhere."},
		{name: keyFile, kind: kindPath, doc: "File that holds the password; new content acts without a reload."},
		{name: keyEnv, kind: kindText, doc: "Environment variable of the service that holds the password."},
		{name: keyCredential, kind: kindText, doc: "Systemd credential (LoadCredential=) that holds the password."},
		{name: keyInline, kind: kindText, doc: "The password itself, where allow_inline_secrets is true."},
		{name: "options", kind: kindOptions, doc: "The vendor's options; they come over those of group and platform."},
		{name: "schedule", kind: kindSection, of: &scheduleSection},
		{name: keyCredentialFile, kind: kindPath, doc: "Where to write what other programs need to act within the agent's session, as JSON."},
		{name: keyCredentialMode, kind: kindMode, fallback: "0600", doc: "Permissions of credential_file."},
		{name: keyCredentialGroup, kind: kindText, doc: "Group that is to own credential_file, name or number."},
	},
}
