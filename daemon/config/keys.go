package config

import "agentkeeper/daemon/config/strict"

// The tables below are every key that a configuration file may hold. The
// decoder takes the types and defaults from them and refuses what is not in
// them, and the JSON Schema is made of them, so a key exists in one place only.
// Whoever adds one adds a line here, reads it by the accessor of its kind, and
// shows it in the reference configuration; tests hold the three together.

// The kinds of values.
const (
	kindText       strict.Kind = iota // any single value
	kindName                          // of a group: letters, digits, -, _ and .
	kindFilled                        // a text that is not empty
	kindAddress                       // host:port
	kindPath                          // relative to the file that names it
	kindChoice                        // one of the key's choices
	kindVendor                        // a name in the vendors' table
	kindFlag                          // true or false
	kindCount                         // a whole number above 0, up to the key's most
	kindRate                          // a number above 0
	kindDuration                      // Go's, above 0
	kindSize                          // bytes, with or without a unit
	kindMode                          // octal permissions
	kindCrons                         // five fields, or a list of such
	kindDays                          // a list of dates and files of dates
	kindWorkdays                      // the same, and dates with a weekday
	kindTexts                         // a list of single values
	kindSection                       // a mapping
	kindNamed                         // a mapping of names to mappings
	kindList                          // a list of mappings, of anything where of is nil
	kindOptions                       // a mapping of the vendor's options
	kindFileOrList                    // a path, or a mapping that says more of the file
	kindColumns                       // a mapping of our names to those of a list
)

// rootSection is the whole file.
var rootSection = strict.Section{
	Doc: "Configuration of agentkeeper, which keeps contact-centre agents signed in.",
	Keys: []strict.Key{
		{Name: "listen", Kind: kindAddress, Restart: true, Fallback: "127.0.0.1:9464", Doc: "Address of metrics, health, the read-only API and the status page."},
		{Name: "listen_hosts", Kind: kindTexts, Doc: "Names by which listen is reached through a proxy or an entry of the name service: keeper.example.com, or .example.com for all below it. On loopback addresses other names are refused; where any is listed, on all addresses."},
		{Name: "cors_origins", Kind: kindTexts, Doc: "Sites whose pages may read the API of listen from a browser: https://board.example.com; no site may where none is listed, and no page may control anything."},
		{Name: "web_config_file", Kind: kindPath, Restart: true, Doc: "TLS and basic auth for listen, in the Prometheus exporters' format."},
		{Name: "control", Kind: kindFilled, Restart: true, Fallback: "/run/agentkeeper/control.sock", Doc: "Path of the unix socket where the commands find the service."},
		{Name: "stop_timeout", Kind: kindDuration, Fallback: "30s", Doc: "How long a stop may take to sign every agent out."},
		{Name: "log", Kind: kindSection, Of: &logSection},
		{Name: "store", Kind: kindSection, Of: &storeSection},
		{Name: "allow_inline_secrets", Kind: kindFlag, Fallback: "false", Doc: "Whether password: may stand in this file; without it that is a mistake."},
		{Name: "per_agent_metrics", Kind: kindFlag, Restart: true, Fallback: "false", Doc: "Adds metrics with a label per agent."},
		{Name: "proxy", Kind: kindSection, Of: &proxySection},
		{Name: "callback", Kind: kindSection, Restart: true, Of: &callbackSection},
		{Name: "events", Kind: kindSection, Of: &eventsSection},
		{Name: "platforms", Kind: kindNamed, Of: &platformSection, Doc: "The vendors' systems by name. The name is part of each agent's, as in hq/291."},
		{Name: "groups", Kind: kindList, Of: &groupSection, Doc: "The agents, in groups that are configured together."},
	},
}

var logSection = strict.Section{
	Doc: "What is logged and how.",
	Keys: []strict.Key{
		{Name: "level", Kind: kindChoice, Fallback: "info", Choices: []string{"debug", "info", "warn", "error"}, Doc: "The least important messages that are logged."},
		{Name: "format", Kind: kindChoice, Restart: true, Fallback: "auto", Choices: []string{"auto", "text", "json"}, Doc: "auto: coloured text on a terminal, JSON otherwise."},
		{Name: "trace", Kind: kindSection, Of: &traceSection},
	},
}

var traceSection = strict.Section{
	Doc: "Writes the exchange with the platform into the log, without secrets, for disputes with a vendor.",
	Keys: []strict.Key{
		{Name: "agents", Kind: kindTexts, Doc: "Whose: full names, or patterns in which * is any text and ? any character; 50 agents at most."},
		{Name: "for", Kind: kindDuration, Fallback: "10m", Doc: "For how long after the start and after each reload; 1h at most."},
	},
}

var storeSection = strict.Section{
	Doc: "Where session keys, parked agents, overrides and events live.",
	Keys: []strict.Key{
		{Name: "dir", Kind: kindFilled, Restart: true, Fallback: "/var/lib/agentkeeper", Doc: "Directory of the embedded engine."},
		{Name: "nats", Kind: kindSection, Later: true, Doc: "A shared cluster instead."},
		{Name: "node", Kind: kindText, Later: true, Doc: "Name of this machine in a shared cluster."},
	},
}

var proxySection = strict.Section{
	Doc: "The local authenticating proxy.",
	Keys: []strict.Key{
		{Name: "listen", Kind: kindText, Restart: true, Doc: "127.0.0.1:9465 or unix:/PATH; empty: off."},
	},
}

var callbackSection = strict.Section{
	Doc: "Where platforms that push events reach this service (huawei, events: push).",
	Keys: []strict.Key{
		{Name: "listen", Kind: kindText, Doc: "host:port, for example 0.0.0.0:9466; empty: nowhere."},
		{Name: "cert_file", Kind: kindPath, Doc: "Certificate in PEM; read again when it changes."},
		{Name: "key_file", Kind: kindPath, Doc: "Its key."},
		{Name: "plain_http", Kind: kindFlag, Fallback: "false", Doc: "true listens without a certificate, for a proxy in between that speaks TLS."},
	},
}

var eventsSection = strict.Section{
	Doc: "What is kept of the platforms' events, and who gets them.",
	Keys: []strict.Key{
		{Name: "max_age", Kind: kindDuration, Restart: true, Fallback: "24h", Doc: "Older events are dropped."},
		{Name: "max_bytes", Kind: kindSize, Restart: true, Fallback: "1GiB", Doc: "Above this size the oldest events are dropped."},
		{Name: "listen", Kind: kindText, Restart: true, Doc: "Address where NATS clients read the stream of events; empty: nowhere. Beyond the loopback it needs a certificate."},
		{Name: "cert_file", Kind: kindPath, Restart: true, Doc: "Certificate in PEM for listen; a new one acts at the next connection."},
		{Name: "key_file", Kind: kindPath, Restart: true, Doc: "The certificate's key."},
		{Name: "users", Kind: kindList, Of: &userSection, Doc: "The programs that may connect to listen."},
		{Name: "webhooks", Kind: kindList, Of: &webhookSection, Doc: "Consumers that every event is posted to."},
	},
}

var webhookSection = strict.Section{
	Title: "webhook",
	Doc:   "One consumer that events are posted to, one a request, signed, in order per agent, until it answers 2xx.",
	Keys: []strict.Key{
		{Name: "name", Kind: kindName, Doc: "Identifies the hook, its position and its metrics; left out: made from the url."},
		{Name: "url", Kind: kindText, Must: true, Doc: "Where to post; http:// sends events in clear text."},
		{Name: keySecretFile, Kind: kindPath, Must: true, Doc: "File that holds the secret which signs the requests; new content acts without a reload."},
		{Name: "types", Kind: kindTexts, Doc: "Types of events, each whole or, with * at its end, its beginning; left out: all."},
		{Name: "agents", Kind: kindTexts, Doc: "Full names of agents, likewise; left out: all."},
		{Name: "timeout", Kind: kindDuration, Fallback: "10s", Doc: "Of one request."},
		{Name: "concurrent", Kind: kindCount, Fallback: "8", Most: maxCount, Doc: "Requests in flight at once, of different agents."},
		{Name: "tls", Kind: kindSection, Of: &tlsSection},
	},
}

var userSection = strict.Section{
	Title: "user",
	Doc:   "A program that reads the stream of events, with exactly one source of its password or token.",
	Keys: []strict.Key{
		{Name: "name", Kind: kindName, Must: true, Doc: "Letters, digits, -, _ and ."},
		{Name: keyFile, Kind: kindPath, Doc: "File that holds the password; new content acts at the next connection."},
		{Name: keyEnv, Kind: kindText, Doc: "Environment variable of the service that holds the password."},
		{Name: keyCredential, Kind: kindText, Doc: "Systemd credential (LoadCredential=) that holds the password."},
		{Name: keyInline, Kind: kindText, Doc: "The password itself, where allow_inline_secrets is true."},
		{Name: "token_file", Kind: kindPath, Doc: "File that holds a token, which the program shows without its name."},
		{Name: "token_env", Kind: kindText, Doc: "Environment variable of the service that holds the token."},
		{Name: "token_credential", Kind: kindText, Doc: "Systemd credential (LoadCredential=) that holds the token."},
		{Name: "token", Kind: kindText, Doc: "The token itself, where allow_inline_secrets is true."},
		{Name: "max_consumers", Kind: kindCount, Fallback: "100", Most: MaxConsumers, Doc: "How many consumers the user may have at once, durable or not; up to 2000."},
	},
}

var platformSection = strict.Section{
	Doc: "One vendor's system at one address.",
	Keys: []strict.Key{
		{Name: "vendor", Kind: kindVendor, Must: true, Doc: "Whose system it is."},
		{Name: "url", Kind: kindText, Must: true, Doc: "Scheme, host and port; http:// and ws:// send passwords in clear text."},
		{Name: "tls", Kind: kindSection, Of: &tlsSection},
		{Name: "concurrent_dials", Kind: kindCount, Fallback: "32", Most: maxDials, Doc: "Connections that are being made at once, TLS handshake included; at most 1,000."},
		{Name: "source_addresses", Kind: kindTexts, Doc: "This machine's addresses to connect from, in turn. One has about 28,000 ports to one platform, so more agents need more of them. Left out: the system chooses."},
		{Name: "window", Kind: kindDuration, Doc: "The longest silence that the platform forgives. Left out: the vendor's default (huawei and huawei-config 2m, ecss 3 x ping, runtel and edna 5m)."},
		{Name: "sign_in", Kind: kindSection, Of: &signInSection},
		{Name: "backoff", Kind: kindSection, Of: &backoffSection},
		{Name: "lockout", Kind: kindSection, Of: &lockoutSection},
		{Name: "options", Kind: kindOptions, Doc: "The vendor's options, for all the platform's agents."},
	},
}

var tlsSection = strict.Section{
	Doc: "How the two ends prove who they are; the system's authorities where left out.",
	Keys: []strict.Key{
		{Name: "ca_file", Kind: kindPath, Doc: "Authorities: PEM, DER or PKCS #7 (.p7b); empty: the system's."},
		{Name: "cert_file", Kind: kindPath, Doc: "Our own certificate in PEM, where the server asks clients for one; read anew when it changes."},
		{Name: "key_file", Kind: kindPath, Doc: "Its key in PEM."},
		{Name: "server_name", Kind: kindText, Doc: "Name in the certificate; empty: the host in url."},
		{Name: "pin_sha256", Kind: kindText, Doc: "SHA-256 of the server's certificate or public key, hex or base64."},
		{Name: "insecure_skip_verify", Kind: kindFlag, Fallback: "false", Doc: "true accepts every certificate."},
		{Name: "legacy", Kind: kindFlag, Fallback: "false", Doc: "UNSAFE: true accepts TLS 1.0, 1.1 and outdated ciphers."},
	},
}

var signInSection = strict.Section{
	Doc: "Limits of the platform's sign-ins.",
	Keys: []strict.Key{
		{Name: "rate", Kind: kindRate, Fallback: "20", Doc: "Per second, evenly spread."},
		{Name: "concurrent", Kind: kindCount, Fallback: "10", Most: maxCount, Doc: "In flight at once."},
		{Name: "timeout", Kind: kindDuration, Fallback: "30s", Doc: "For one sign-in or sign-out."},
	},
}

var backoffSection = strict.Section{
	Doc: "Pause between two attempts.",
	Keys: []strict.Key{
		{Name: "initial", Kind: kindDuration, Fallback: "1s", Doc: "The first pause; it doubles from attempt to attempt."},
		{Name: "max", Kind: kindDuration, Fallback: "60s", Doc: "The longest pause."},
	},
}

var lockoutSection = strict.Section{
	Doc: "When to stop log-ins before the platform locks us out.",
	Keys: []strict.Key{
		{Name: "failures", Kind: kindCount, Fallback: "3", Most: maxCount, Doc: "Refused log-ins of all accounts at the platform's host and port together, after which none goes for the quiet time."},
		{Name: "within", Kind: kindDuration, Fallback: "10m", Doc: "The time in which refusals are counted."},
		{Name: "quiet", Kind: kindDuration, Fallback: "15m", Doc: "How long no log-in goes; then one goes first."},
	},
}

var groupSection = strict.Section{
	Title: "group",
	Doc:   "Agents of one platform that are configured together.",
	Keys: []strict.Key{
		{Name: "name", Kind: kindName, Must: true, Doc: "Letters, digits, -, _ and ."},
		{Name: "platform", Kind: kindText, Must: true, Doc: "Name of a platform under platforms."},
		{Name: "schedule", Kind: kindSection, Of: &scheduleSection},
		{Name: "options", Kind: kindOptions, Doc: "The vendor's options; they come over those of the platform."},
		{Name: keyDir, Kind: kindPath, Doc: "Directory with one file per login, named exactly as the login, that holds the password."},
		{Name: "agents", Kind: kindList, Of: &agentSection, Doc: "The agents that are written here."},
		{Name: "agents_file", Kind: kindFileOrList, Of: &agentsFileSection, Doc: "More agents as a CSV, whose first row names the columns: login, number, label, password_file (or another source) and options; or a mapping that says what they are called there."},
	},
}

var agentsFileSection = strict.Section{
	Title: "agents_file",
	Doc:   "A CSV whose columns have names of their own.",
	Keys: []strict.Key{
		{Name: "path", Kind: kindPath, Must: true, Doc: "The CSV."},
		{Name: "columns", Kind: kindColumns, Doc: "What our columns are called in the first row of the CSV: {login: Account, number: Extension}. The others keep our names."},
		{Name: "ignore", Kind: kindTexts, Doc: "Columns of the CSV, by their names there, that are not for us."},
	},
}

var scheduleSection = strict.Section{
	Title: "schedule",
	Doc:   "When the agents are to be online; left out: always.",
	Keys: []strict.Key{
		{Name: "sign_in", Kind: kindCrons, Must: true, Doc: "Begin of shifts as cron: minute, hour, day, month, weekday (Sunday is 0 or 7). Or a list of such: each of them begins a shift."},
		{Name: "sign_out", Kind: kindCrons, Must: true, Doc: "End of shifts, likewise."},
		{Name: "time_zone", Kind: kindText, Doc: "The zone of the wall clock, such as Europe/Moscow; left out: the machine's."},
		{Name: "holidays", Kind: kindDays, Doc: "Days without a sign-in: dates such as 2026-12-31, and files of them, one date a line or iCalendar. A shift begun before goes on to its end."},
		{Name: keyWorkdays, Kind: kindWorkdays, Doc: "Days that count as another weekday, and never as holidays: dates, files of them as for holidays, and dates with the weekday, 2027-01-16: fri. Without one a Saturday or Sunday counts as Monday, another day as itself."},
	},
}

var agentSection = strict.Section{
	Title: "agent",
	Doc:   "One account that is to be kept signed in.",
	Keys: []strict.Key{
		{Name: "login", Kind: kindText, Must: true, Doc: "The account's name on the platform: huawei agentid, huawei-config agentId, otherwise login."},
		{Name: "number", Kind: kindText, Doc: "Telephone number to seat the agent at; huawei and ecss need one."},
		{Name: "label", Kind: kindText, Doc: "What people call the agent, a person's name or a bot's purpose; shown beside its name everywhere."},
		{Name: keyFile, Kind: kindPath, Doc: "File that holds the password; new content acts without a reload."},
		{Name: keyEnv, Kind: kindText, Doc: "Environment variable of the service that holds the password."},
		{Name: keyCredential, Kind: kindText, Doc: "Systemd credential (LoadCredential=) that holds the password."},
		{Name: keyInline, Kind: kindText, Doc: "The password itself, where allow_inline_secrets is true."},
		{Name: "options", Kind: kindOptions, Doc: "The vendor's options; they come over those of group and platform."},
		{Name: "schedule", Kind: kindSection, Of: &scheduleSection},
		{Name: keyCredentialFile, Kind: kindPath, Doc: "Where to write what other programs need to act within the agent's session, as JSON."},
		{Name: keyCredentialMode, Kind: kindMode, Fallback: "0600", Doc: "Permissions of credential_file."},
		{Name: keyCredentialGroup, Kind: kindText, Doc: "Group that is to own credential_file, name or number."},
	},
}
