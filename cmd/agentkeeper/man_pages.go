package main

import (
	"strings"

	"github.com/alecthomas/kong"

	"agentkeeper/daemon/config"
	"agentkeeper/vendors"
)

// serviceManual is agentkeeper(8): the service, and which commands there are.
func serviceManual(m *kong.Application) string {
	r := newPage("agentkeeper", "8", "signs contact-centre agents in and keeps them online")
	r.macro("SH", "SYNOPSIS")
	r.macro("B", "agentkeeper COMMAND [OPTIONS]")
	r.line(".br")
	r.macro("B", "agentkeeper run [-c FILE]")
	r.macro("SH", "DESCRIPTION")
	r.line(escape(m.Help))
	r.line(".PP")
	r.prose(`The service is "agentkeeper run", which systemd starts as agentkeeper.service. All
other commands but demo, check, schedule, man, completion and version talk to it over
its control socket, which is open to root, the service's user and its group.`)
	r.macro("SH", "COMMANDS")
	for _, n := range m.Children {
		if !n.Hidden {
			r.item(n.Name, n.Help+" See agentkeeper-"+n.Name+"(1).")
		}
	}
	r.macro("SH", "SIGNALS")
	r.item("HUP", "loads the configuration again; the old one stays in use if the new one has mistakes")
	r.item("TERM, INT", "signs every agent out and exits, within stop_timeout; a second signal, more than 250 ms later, exits at once")
	r.item("USR2", "hands over: exits and leaves the agents signed in, for the next process to go on with their sessions without a login. "+
		"Polls in progress end by themselves first, which takes up to the platform's hold (of Huawei 10 s) and at most stop_timeout")
	r.line(".PP")
	r.prose("systemctl stop sends TERM, systemctl restart USR2; systemctl reload runs agentkeeper reload.")
	r.exitStatus()
	r.environment()
	r.macro("SH", "FILES")
	for _, f := range files {
		r.line(".TP")
		r.macro("I", f.path)
		r.line(escape(f.text))
	}
	r.macro("SH", "EXAMPLES")
	for _, e := range examples {
		r.prose(e.about)
		r.example(e.command)
	}
	r.seeAlso("agentkeeper.yaml(5)", "agentkeeper-run(1)", "agentkeeper-status(1)", "agentkeeper-explain(1)", "systemctl(1)", "journalctl(1)", "systemd.service(5)")
	return r.b.String()
}

var files = []struct{ path, text string }{
	{config.DefaultPath, "the configuration, see agentkeeper.yaml(5)"},
	{"/run/agentkeeper/control.sock", "the control socket"},
	{"/var/lib/agentkeeper", "the store: sessions, parked agents, people's overrides, events; for the service's user alone"},
	{"/usr/share/agentkeeper", "the configuration's JSON Schema, alert rules and dashboard"},
	{"/usr/share/doc/agentkeeper", "the manual, the runbook of the alerts, an example of a configuration, licences"},
}

var examples = []struct{ about, command string }{
	{"See it work, with nothing to set up:", "agentkeeper demo"},
	//nolint:dupword // a command a line
	{"Begin a configuration, check it, and start the service:", `agentkeeper check --sample > /etc/agentkeeper/agentkeeper.yaml
agentkeeper check
systemctl start agentkeeper
agentkeeper status`},
	{"Find out why an agent is not online:", "agentkeeper explain hq/291"},
	{"See what a changed configuration would do, and put it into use:", `agentkeeper plan
systemctl reload agentkeeper`},
	{"Sign a platform's agents out for maintenance, and in again:", `agentkeeper pause --platform hq --reason "maintenance" --yes --wait
agentkeeper resume --platform hq --reason "done" --yes --wait`},
	{"End a quarantine, once the passwords of the refused agents are corrected:", `agentkeeper quarantine
agentkeeper quarantine end hq --reason "passwords corrected"`},
	{"Restart, which signs nobody in or out, and stop, which signs everybody out:", `systemctl restart agentkeeper
systemctl stop agentkeeper`},
}

// exampleConfiguration is what agentkeeper.yaml(5) shows.
const exampleConfiguration = `platforms:
  hq:
    vendor: huawei
    url: https://10.0.0.5:8043
groups:
  - name: bots
    platform: hq
    passwords_dir: secrets/hq         # one file per login, named as the login
    schedule:                         # left out: always online
      sign_in: "0 9 * * 1-5"
      sign_out: "0 18 * * 1-5"
      time_zone: Europe/Moscow
    agents:
      - {login: "291", number: "40038"}
      - {login: "292", number: "40039"}
`

// configurationManual is agentkeeper.yaml(5), made of the tables of the keys and of
// the vendors' options.
func configurationManual() string {
	r := newPage("agentkeeper.yaml", "5", "configuration of agentkeeper")
	r.macro("SH", "DESCRIPTION")
	r.prose(`The configuration is one file in YAML, ` + config.DefaultPath + ` where nothing else is
said. An unknown key, a key that is written twice and a value that cannot work are
mistakes; agentkeeper-check(1) prints all of them at once, with file, line and column.

Relative paths are relative to the file that names them. Durations are written 200ms,
30s, 1m30s or 2h, sizes 512MiB or 1GiB. A key that is left out, or null, has its
default. Below, NAME is a name that you choose, and [] is each element of a list.

A change is put into use by a reload, agentkeeper-reload(1), but for the keys that are
marked "restart": those act when the service starts again.`)
	r.macro("SH", "KEYS")
	for _, k := range config.Keys() {
		r.item(k.Path, keyText(k))
	}
	r.macro("SH", "OPTIONS OF THE VENDORS")
	r.prose(`They stand in the mapping options of a platform, a group or an agent; the nearest one
counts.`)
	for _, name := range vendors.Names() {
		r.macro("SS", name+": "+vendors.Table[name].Title)
		for _, spec := range vendors.Table[name].Options {
			text := spec.Text() + "."
			if spec.Default != "" {
				text += " Default: " + spec.Default + "."
			}
			r.item(spec.Name, text)
		}
	}
	r.macro("SH", "EXAMPLES")
	r.prose("Two agents who are online on weekdays:")
	r.example(exampleConfiguration)
	r.prose("A configuration with every key is printed by agentkeeper check --sample.")
	r.macro("SH", "FILES")
	r.line(".TP")
	r.macro("I", config.DefaultPath)
	r.line("the configuration")
	r.line(".TP")
	r.macro("I", "/usr/share/doc/agentkeeper/examples/agentkeeper.yaml")
	r.line("an example with every key")
	r.seeAlso("agentkeeper(8)", "agentkeeper-check(1)", "agentkeeper-plan(1)", "agentkeeper-reload(1)", "agentkeeper-schedule(1)")
	return r.b.String()
}

// keyText says what a key is.
func keyText(k config.Key) string {
	var findings []string
	findings = append(findings, k.Value)
	if k.Must {
		findings = append(findings, "must be written")
	}
	if k.Default != "" {
		findings = append(findings, "default: "+k.Default)
	}
	if k.Restart {
		findings = append(findings, "restart")
	}
	return strings.ReplaceAll(k.Doc, "`", "") + " (" + strings.Join(findings, "; ") + ")"
}
