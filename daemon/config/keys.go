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
	kindSpan                          // Go's, 0 or above
	kindSize                          // bytes, with or without a unit
	kindMode                          // octal permissions
	kindCrons                         // five fields, or a list of such
	kindDays                          // a list of dates and files of dates
	kindWorkdays                      // the same, and dates with a weekday
	kindTexts                         // a list of single values
	kindChoices                       // a list of the key's choices
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
		{Name: "listen", Kind: kindAddress, Restart: true, Fallback: "127.0.0.1:9464", Doc: "Address where metrics, health checks, the read-only API and the status page are served."},
		{Name: "listen_hosts", Kind: kindTexts, Doc: "Host names under which clients reach listen, for example through a proxy: keeper.example.com, or .example.com for every name below it. On a loopback address, requests for other names are refused; once a name is listed, they are refused on every address."},
		{Name: "cors_origins", Kind: kindTexts, Doc: "Web sites whose pages may read the API of listen in a browser (CORS), for example https://board.example.com. Without an entry no other site may. No page can control anything."},
		{Name: "web_config_file", Kind: kindPath, Restart: true, Doc: "File with TLS and basic authentication for listen, in the web configuration format of the Prometheus exporters."},
		{Name: "control", Kind: kindFilled, Restart: true, Fallback: "/run/agentkeeper/control.sock", Doc: "Path of the control socket, the Unix socket over which the commands talk to the service."},
		{Name: "stop_timeout", Kind: kindDuration, Fallback: "30s", Doc: "The longest time that a stop may take to sign all agents out, and a restart to let open polls end."},
		{Name: "log", Kind: kindSection, Of: &logSection},
		{Name: "store", Kind: kindSection, Of: &storeSection},
		{Name: "allow_inline_secrets", Kind: kindFlag, Fallback: "false", Doc: "true allows passwords and tokens in this file (password, token). Otherwise they are mistakes."},
		{Name: "per_agent_metrics", Kind: kindFlag, Restart: true, Fallback: "false", Doc: "true adds metrics that have a label for each agent."},
		{Name: "proxy", Kind: kindSection, Of: &proxySection},
		{Name: "callback", Kind: kindSection, Restart: true, Of: &callbackSection},
		{Name: "events", Kind: kindSection, Of: &eventsSection},
		{Name: "platforms", Kind: kindNamed, Of: &platformSection, Doc: "The platforms by name. The name is the first part of an agent's full name, as in hq/291."},
		{Name: "groups", Kind: kindList, Of: &groupSection, Doc: "The agents, in groups that share a platform and settings."},
	},
}

var logSection = strict.Section{
	Doc: "What is logged, and in which format.",
	Keys: []strict.Key{
		{Name: "level", Kind: kindChoice, Fallback: "info", Choices: []string{"debug", "info", "warn", "error"}, Doc: "The lowest level of the messages that are logged."},
		{Name: "format", Kind: kindChoice, Restart: true, Fallback: "auto", Choices: []string{"auto", "text", "json"}, Doc: "auto writes coloured text on a terminal, entries with fields to the journal of systemd, and JSON otherwise."},
		{Name: "trace", Kind: kindSection, Of: &traceSection},
	},
}

var traceSection = strict.Section{
	Doc: "Writes the requests and answers of some agents into the log, without secrets, as evidence for the vendor.",
	Keys: []strict.Key{
		{Name: "agents", Kind: kindTexts, Doc: "Agents to trace, by full name or by pattern: * stands for any text and ? for any character. At most 50 agents are traced."},
		{Name: "for", Kind: kindDuration, Fallback: "10m", Doc: "How long the trace lasts after a start and after each reload; at most 1h."},
	},
}

var storeSection = strict.Section{
	Doc: "Where session keys, parked agents, people's overrides and events are stored.",
	Keys: []strict.Key{
		{Name: "dir", Kind: kindFilled, Restart: true, Fallback: "/var/lib/agentkeeper", Doc: "Directory of the store."},
		{Name: "nats", Kind: kindSection, Later: true, Doc: "A store shared by several machines."},
		{Name: "node", Kind: kindText, Later: true, Doc: "Name of this machine among those that share a store."},
	},
}

var proxySection = strict.Section{
	Doc: "The local proxy, which adds an agent's credential to the requests of other programs.",
	Keys: []strict.Key{
		{Name: "listen", Kind: kindText, Restart: true, Doc: "Address of the proxy: a loopback address such as 127.0.0.1:9465, or unix:/PATH. Empty switches the proxy off."},
	},
}

var callbackSection = strict.Section{
	Doc: "The listener to which platforms push events (vendor huawei with the option events: push).",
	Keys: []strict.Key{
		{Name: "listen", Kind: kindText, Doc: "Address of the listener, for example 0.0.0.0:9466. Empty switches it off."},
		{Name: "cert_file", Kind: kindPath, Doc: "Certificate of the listener in PEM. A changed file is read again by itself."},
		{Name: "key_file", Kind: kindPath, Doc: "Private key of the certificate in PEM."},
		{Name: "plain_http", Kind: kindFlag, Fallback: "false", Doc: "true listens without TLS, for use behind a proxy that ends TLS."},
	},
}

var eventsSection = strict.Section{
	Doc: "How long events are kept, and who receives them.",
	Keys: []strict.Key{
		{Name: "max_age", Kind: kindDuration, Restart: true, Fallback: "24h", Doc: "Events older than this are dropped."},
		{Name: "max_bytes", Kind: kindSize, Restart: true, Fallback: "1GiB", Doc: "Above this total size the oldest events are dropped."},
		{Name: "listen", Kind: kindText, Restart: true, Doc: "Address where NATS clients read the stream of events. Empty switches it off. An address other than loopback needs cert_file and key_file."},
		{Name: "cert_file", Kind: kindPath, Restart: true, Doc: "Certificate for listen in PEM. A changed file is used from the next connection on; while it cannot be read, the old certificate stays in use."},
		{Name: "key_file", Kind: kindPath, Restart: true, Doc: "Private key of the certificate in PEM."},
		{Name: "users", Kind: kindList, Of: &userSection, Doc: "The NATS clients that may connect to listen."},
		{Name: "webhooks", Kind: kindList, Of: &webhookSection, Doc: "Addresses to which the service posts events."},
	},
}

var webhookSection = strict.Section{
	Title: "webhook",
	Doc:   "One address to which events are posted: one event in each signed request, in order for each agent, repeated until the receiver answers 2xx.",
	Keys: []strict.Key{
		{Name: "name", Kind: kindName, Doc: "Name of the webhook in its stored position, in metrics and in commands. If omitted, it is made from url."},
		{Name: "url", Kind: kindText, Must: true, Doc: "Address to post to. http:// sends events in clear text."},
		{Name: keySecretFile, Kind: kindPath, Must: true, Doc: "File with the secret that signs the requests. New content is used without a reload."},
		{Name: "types", Kind: kindTexts, Doc: "Types of events to post: whole names, or beginnings that end with *, such as session.*. If omitted, all."},
		{Name: "agents", Kind: kindTexts, Doc: "Agents whose events are posted: full names, or beginnings that end with *, such as hq/*. If omitted, all."},
		{Name: "timeout", Kind: kindDuration, Fallback: "10s", Doc: "Time limit of one request."},
		{Name: "concurrent", Kind: kindCount, Fallback: "8", Most: maxCount, Doc: "How many requests may be in flight at once; each is for another agent."},
		{Name: "tls", Kind: kindSection, Of: &tlsSection},
	},
}

var userSection = strict.Section{
	Title: "user",
	Doc:   "A NATS client that reads the stream of events. It has exactly one password or one token.",
	Keys: []strict.Key{
		{Name: "name", Kind: kindName, Must: true, Doc: "User name: letters, digits, -, _ and ."},
		{Name: keyFile, Kind: kindPath, Doc: "File with the password. New content is used from the next connection on."},
		{Name: keyEnv, Kind: kindText, Doc: "Environment variable of the service with the password."},
		{Name: keyCredential, Kind: kindText, Doc: "Name of the systemd credential (LoadCredential=) with the password."},
		{Name: keyInline, Kind: kindText, Doc: "The password itself. Needs allow_inline_secrets: true."},
		{Name: "token_file", Kind: kindPath, Doc: "File with a token. The client shows the token alone, without a user name."},
		{Name: "token_env", Kind: kindText, Doc: "Environment variable of the service with the token."},
		{Name: "token_credential", Kind: kindText, Doc: "Name of the systemd credential (LoadCredential=) with the token."},
		{Name: "token", Kind: kindText, Doc: "The token itself. Needs allow_inline_secrets: true."},
		{Name: "max_consumers", Kind: kindCount, Fallback: "100", Most: MaxConsumers, Doc: "How many consumers the user may have at once, durable or not."},
		{Name: "commands", Kind: kindSection, Of: &senderSection},
	},
}

var senderSection = strict.Section{
	Doc: "Lets the user send commands to agents over NATS. If omitted, it may send none.",
	Keys: []strict.Key{
		{Name: "agents", Kind: kindTexts, Must: true, Doc: "Agents to which the user may send commands: full names, or beginnings that end with *, such as hq/*."},
		{Name: "allow", Kind: kindTexts, Doc: "What the user may send, of what its agents take: actions, do:VERB, or METHOD and the beginning of a path. If omitted or empty, all of that."},
	},
}

var commandsSection = strict.Section{
	Doc: "What other programs may send on the agents' sessions. Of the blocks of platform, group and agent, the nearest one counts, key by key.",
	Keys: []strict.Key{
		{Name: "enabled", Kind: kindFlag, Fallback: "false", Doc: "true lets other programs send commands on the agents' sessions."},
		{Name: "allow", Kind: kindTexts, Doc: "What they may send: actions such as call/accept (ECSS), do:VERB such as do:busy, or METHOD and the beginning of a path such as POST voicecall/291. If omitted or empty, the documented calls and states of the vendor."},
		{Name: "timeout", Kind: kindDuration, Fallback: "10s", Doc: "How long a command may take, the wait for its turn included, where the program says nothing; at most 60s."},
	},
}

var platformSection = strict.Section{
	Doc: "One installation of a vendor's product, at one address.",
	Keys: []strict.Key{
		{Name: "vendor", Kind: kindVendor, Must: true, Doc: "Vendor of the platform."},
		{Name: "url", Kind: kindText, Must: true, Doc: "Scheme, host and port of the platform. http:// and ws:// send passwords in clear text."},
		{Name: "tls", Kind: kindSection, Of: &tlsSection},
		{Name: "concurrent_dials", Kind: kindCount, Fallback: "32", Most: maxDials, Doc: "How many connections may be in the making at once, TLS handshake included."},
		{Name: "source_addresses", Kind: kindTexts, Doc: "Addresses of this machine to connect from, used in turn. One address has about 28,000 ports for connections to one platform, so more agents need more addresses. If omitted, the system chooses."},
		{Name: "window", Kind: kindDuration, Doc: "The longest time without a request after which the platform still keeps a session. If omitted, the vendor's default: 2m for huawei and huawei-config, 3 x ping for ecss, 5m for runtel and edna."},
		{Name: "sign_in", Kind: kindSection, Of: &signInSection},
		{Name: "backoff", Kind: kindSection, Of: &backoffSection},
		{Name: "lockout", Kind: kindSection, Of: &lockoutSection},
		{Name: "commands", Kind: kindSection, Of: &commandsSection},
		{Name: "options", Kind: kindOptions, Doc: "The vendor's options, for all the platform's agents."},
		{Name: "work", Kind: kindSection, Of: &workSection},
	},
}

var tlsSection = strict.Section{
	Doc: "TLS of the connections: which certificates are accepted, and which one this service shows.",
	Keys: []strict.Key{
		{Name: "ca_file", Kind: kindPath, Doc: "File with the certificate authorities to trust, as PEM, DER or PKCS #7 (.p7b). If omitted, those of the system."},
		{Name: "cert_file", Kind: kindPath, Doc: "Client certificate in PEM, for a server that asks for one. A changed file is read again by itself."},
		{Name: "key_file", Kind: kindPath, Doc: "Private key of the client certificate in PEM."},
		{Name: "server_name", Kind: kindText, Doc: "Name that the server's certificate must have. If omitted, the host of url."},
		{Name: "pin_sha256", Kind: kindText, Doc: "SHA-256 hash of the server's certificate or of its public key, in hex or base64. No other certificate is accepted."},
		{Name: "insecure_skip_verify", Kind: kindFlag, Fallback: "false", Doc: "UNSAFE: true accepts any certificate."},
		{Name: "legacy", Kind: kindFlag, Fallback: "false", Doc: "UNSAFE: true allows TLS 1.0, TLS 1.1 and outdated ciphers."},
	},
}

var signInSection = strict.Section{
	Doc: "Limits for sign-ins and sign-outs.",
	Keys: []strict.Key{
		{Name: "rate", Kind: kindRate, Fallback: "20", Doc: "Sign-ins per second, evenly spread."},
		{Name: "concurrent", Kind: kindCount, Fallback: "10", Most: maxCount, Doc: "How many sign-ins and sign-outs may be in flight at once."},
		{Name: "timeout", Kind: kindDuration, Fallback: "30s", Doc: "Time limit of one sign-in or sign-out."},
	},
}

var backoffSection = strict.Section{
	Doc: "Pauses between the attempts of one agent.",
	Keys: []strict.Key{
		{Name: "initial", Kind: kindDuration, Fallback: "1s", Doc: "The first pause. Each further pause is twice as long."},
		{Name: "max", Kind: kindDuration, Fallback: "60s", Doc: "The longest pause."},
	},
}

var lockoutSection = strict.Section{
	Doc: "When log-ins are stopped, so that the platform does not lock accounts or this host.",
	Keys: []strict.Key{
		{Name: "failures", Kind: kindCount, Fallback: "3", Most: maxCount, Doc: "After this many refused log-ins, of all accounts at the platform's host and port together, no log-in is sent for the time of quiet (a quarantine)."},
		{Name: "within", Kind: kindDuration, Fallback: "10m", Doc: "The time over which refused log-ins are counted."},
		{Name: "quiet", Kind: kindDuration, Fallback: "15m", Doc: "How long no log-in is sent. After that, one log-in is tried first."},
	},
}

var groupSection = strict.Section{
	Title: "group",
	Doc:   "Agents of one platform that share settings.",
	Keys: []strict.Key{
		{Name: "name", Kind: kindName, Must: true, Doc: "Name of the group: letters, digits, -, _ and ."},
		{Name: "platform", Kind: kindText, Must: true, Doc: "Name of the agents' platform, a key under platforms."},
		{Name: "schedule", Kind: kindSection, Of: &scheduleSection},
		{Name: "commands", Kind: kindSection, Of: &commandsSection},
		{Name: "options", Kind: kindOptions, Doc: "The vendor's options for this group. They override those of the platform."},
		{Name: "work", Kind: kindSection, Of: &workSection},
		{Name: keyDir, Kind: kindPath, Doc: "Directory of password files: one file for each login, named exactly as the login."},
		{Name: "agents", Kind: kindList, Of: &agentSection, Doc: "The agents of the group that are listed in this file."},
		{Name: "agents_file", Kind: kindFileOrList, Of: &agentsFileSection, Doc: "Path of a CSV file with more agents. Its first row names the columns: login, number, label, password_file (or another source of the password) and options. Write a mapping where the columns have other names."},
	},
}

var agentsFileSection = strict.Section{
	Title: "agents_file",
	Doc:   "A CSV file whose columns have other names.",
	Keys: []strict.Key{
		{Name: "path", Kind: kindPath, Must: true, Doc: "Path of the CSV file."},
		{Name: "columns", Kind: kindColumns, Doc: "Which column of the file stands for which of ours, for example {login: Account, number: Extension}. Columns that are not listed have our names."},
		{Name: "ignore", Kind: kindTexts, Doc: "Columns of the file to leave out, by their names in the file."},
	},
}

var scheduleSection = strict.Section{
	Title: "schedule",
	Doc:   "When the agents are online. If omitted, always.",
	Keys: []strict.Key{
		{Name: "sign_in", Kind: kindCrons, Must: true, Doc: "When shifts begin, in cron format: minute, hour, day, month, weekday (Sunday is 0 or 7). In a list, each entry begins shifts."},
		{Name: "sign_out", Kind: kindCrons, Must: true, Doc: "When shifts end, in the same format."},
		{Name: "time_zone", Kind: kindText, Doc: "Time zone of the schedule, such as Europe/Moscow. If omitted, that of the machine."},
		{Name: "holidays", Kind: kindDays, Doc: "Days without a sign-in: dates such as 2026-12-31, and files with one date a line or in iCalendar format. A shift that began earlier still goes on to its end."},
		{Name: keyWorkdays, Kind: kindWorkdays, Doc: "Days that count as another weekday, and never as holidays: dates, files as for holidays, and dates with a weekday, such as 2027-01-16: fri. Without a weekday, a Saturday or Sunday counts as Monday, and any other day as itself."},
		{Name: "work", Kind: kindSection, Of: &workSection, Doc: "What is wished of the working state while a shift of this schedule runs: its keys come over those of the sections work beside the schedule."},
	},
}

var agentSection = strict.Section{
	Title: "agent",
	Doc:   "One account that is kept signed in.",
	Keys: []strict.Key{
		{Name: "login", Kind: kindText, Must: true, Doc: "Name of the account on the platform. Huawei calls it agentid or agentId; the other vendors, login."},
		{Name: "number", Kind: kindText, Doc: "Telephone number at which the agent works. The vendors huawei and ecss need one."},
		{Name: "label", Kind: kindText, Doc: "What people call the agent, such as a person's name or a bot's purpose. It is shown beside the agent's name."},
		{Name: keyFile, Kind: kindPath, Doc: "File with the password. New content is used without a reload."},
		{Name: keyEnv, Kind: kindText, Doc: "Environment variable of the service with the password."},
		{Name: keyCredential, Kind: kindText, Doc: "Name of the systemd credential (LoadCredential=) with the password."},
		{Name: keyInline, Kind: kindText, Doc: "The password itself. Needs allow_inline_secrets: true."},
		{Name: "options", Kind: kindOptions, Doc: "The vendor's options for this agent. They override those of the group and the platform."},
		{Name: "schedule", Kind: kindSection, Of: &scheduleSection},
		{Name: "work", Kind: kindSection, Of: &workSection},
		{Name: "commands", Kind: kindSection, Of: &commandsSection},
		{Name: keyCredentialFile, Kind: kindPath, Doc: "File in which the service keeps the credential of the session for other programs, as JSON."},
		{Name: keyCredentialMode, Kind: kindMode, Fallback: "0600", Doc: "Permissions of credential_file, in octal."},
		{Name: keyCredentialGroup, Kind: kindText, Doc: "Group of credential_file, by name or by number."},
	},
}
