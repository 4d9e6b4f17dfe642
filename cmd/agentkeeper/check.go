package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/exporter-toolkit/web"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/vendors/option"
)

type checkCmd struct {
	Config string `short:"c" placeholder:"FILE" env:"AGENTKEEPER_CONFIG" help:"Configuration file (default: /etc/agentkeeper/agentkeeper.yaml)."`
	User   string `default:"agentkeeper" placeholder:"NAME" help:"As root: read the files with the rights of this user, which should be the service's (default: ${default}, if there is such a user; root: with your own rights)."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
	Sample bool   `help:"Instead, print an example configuration that has every key, with comments."`
	Schema bool   `help:"Instead, print the configuration's JSON Schema, for editors."`
	Hash   bool   `help:"Instead, read a password from standard input and print its hash for web_config_file."`
}

// Help is shown by check --help.
func (checkCmd) Help() string {
	return `Prints each mistake in a line, FILE:LINE:COL: what is wrong and what to do, and
exits with 78 if there is any. What is allowed but unwise (plain http, secrets
readable by others, shifts that overlap, two agents at one number) is printed as a
warning and does not fail the check.

For a good file it prints how long the agents of each platform take to sign in,
and how many agents fit under the limit of open files. At a first start, at most
lockout.failures log-ins are in flight at once, because it is not yet known that
the passwords are right. Agents whose password has signed in before return as fast
as sign_in.rate and sign_in.concurrent allow.

As root it reads the files with the rights of the service's user, and says so: a
file that only root can read is a mistake. Credentials of systemd exist only
within the service's unit; elsewhere a missing one is a warning.

    agentkeeper check --sample > agentkeeper.yaml
    agentkeeper check --schema > agentkeeper.schema.json
    agentkeeper check --hash               # asks for a password, prints $2a$10$…`
}

// Run checks.
func (c checkCmd) Run() error {
	switch {
	case c.Sample:
		fmt.Print(config.Sample())
		return nil
	case c.Schema:
		fmt.Print(config.Schema())
		return nil
	case c.Hash:
		return printHash(os.Stdin, os.Stderr, os.Stdout)
	}
	path := c.Config
	if path == "" {
		path = config.DefaultPath
	}
	as, err := becomeUser(c.User)
	if err != nil {
		return err
	}
	cfg, warnings, err := config.Load(path, config.WithWebConfigCheck(web.Validate), config.WithAbsentCredentials())
	v := newCheckResult(path, cfg, warnings, err, time.Now())
	v.User = as
	if c.Output == "json" {
		if jsonErr := printIndented(v); jsonErr != nil {
			return jsonErr
		}
		if err != nil {
			return &exit{exitConfig, nil}
		}
		return nil
	}
	if as != "" {
		fmt.Fprintf(os.Stderr, "note: read with the rights of the user %s, as the service reads it; --user root reads with your own\n", as)
	}
	for _, w := range v.Warnings {
		fmt.Fprintln(os.Stderr, "warning:", w)
	}
	if err != nil {
		return err
	}
	return v.text(os.Stdout)
}

// checkResult is what check found, in the form of its JSON.
type checkResult struct {
	File      string          `json:"file"`
	Good      bool            `json:"good"`
	User      string          `json:"user,omitempty"` // whose rights it was read with, where root gave its own up
	Errors    []finding       `json:"errors"`
	Warnings  []finding       `json:"warnings"`
	Agents    int             `json:"agents"`
	Platforms []startEstimate `json:"platforms"`
	Days      []daysFile      `json:"files_of_days"`
	OpenFiles openFiles       `json:"open_files"`
}

// daysFile is a file of holidays or workdays: how many days it gives, and how
// many of its events are none.
type daysFile struct {
	File      string `json:"file"`
	Days      int    `json:"days"`
	Working   int    `json:"working_days"` // of them, marked as such
	Timed     int    `json:"events_with_times"`
	Cancelled int    `json:"events_cancelled"`
	Unmarked  int    `json:"events_unmarked"` // in a calendar that marks days off and working days
}

func (d daysFile) String() string {
	text := fmt.Sprintf("%s: %s", d.File, plural(d.Days, "day"))
	if d.Working > 0 {
		text += fmt.Sprintf(", %d of them marked as working days", d.Working)
	}
	var left []string
	if d.Timed+d.Cancelled > 0 {
		left = append(left, fmt.Sprintf("%s with a time of day, %d cancelled", plural(d.Timed, "event"), d.Cancelled))
	}
	if d.Unmarked > 0 {
		left = append(left, plural(d.Unmarked, "event")+" marked neither as a day off nor as a working day")
	}
	if len(left) == 0 {
		return text
	}
	return text + "; left out: " + strings.Join(left, ", ")
}

// finding is one mistake or one piece of advice. A line of 0 means the file as a
// whole.
type finding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Text   string `json:"text"`
}

func (r finding) String() string {
	return option.Problem{Pos: option.Pos{File: r.File, Line: r.Line, Col: r.Column}, Text: r.Text}.String()
}

// startEstimate is how a platform's agents sign in all together.
type startEstimate struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor"`
	Agents int    `json:"agents"`
	// SignIn is how long that takes at sign_in.rate, if the platform answers
	// within Answer on the average, once the passwords have signed in before.
	SignIn float64 `json:"sign_in_seconds"`
	Answer float64 `json:"answer_within_seconds"`
	// Of a first start, with passwords that never signed in: how many go at a
	// time, and within what they must be answered for SignIn to hold.
	FirstInFlight int     `json:"first_start_in_flight"`
	FirstAnswer   float64 `json:"first_start_answer_within_seconds"`
	// How long a return and a first start take at an answer of one second.
	SignInAtASecond float64 `json:"sign_in_seconds_at_1s"`
	FirstAtASecond  float64 `json:"first_start_seconds_at_1s"`

	rate float64
}

// openFiles is the hard limit of this process; the service's own may differ.
type openFiles struct {
	Limit uint64 `json:"limit"`
	Fit   uint64 `json:"agents_that_fit"`
}

func newCheckResult(path string, cfg *config.Config, warnings []option.Problem, err error, now time.Time) checkResult {
	v := checkResult{File: path, Good: err == nil, Errors: []finding{}, Warnings: findings(warnings), Platforms: []startEstimate{}, Days: []daysFile{}, OpenFiles: openFilesOf()}
	var problems config.Problems
	if errors.As(err, &problems) {
		v.Errors = findings(problems)
	}
	if cfg == nil {
		return v
	}
	v.Agents = len(cfg.Agents)
	v.Warnings = append(v.Warnings, findings(cfg.PastHolidays(now))...)
	if v.OpenFiles.Limit > 0 && uint64(v.Agents) > v.OpenFiles.Fit {
		v.Warnings = append(v.Warnings, finding{File: path, Text: fmt.Sprintf("%d agents need as many open files, and %d of this process's limit of %d are left for them; raise LimitNOFILE of the unit, or ulimit -Hn",
			v.Agents, v.OpenFiles.Fit, v.OpenFiles.Limit)})
	}
	for _, f := range cfg.Days {
		if d := (daysFile{f.Path, f.Days, f.Working, f.Left.Timed, f.Left.Cancelled, f.Left.Unmarked}); !slices.Contains(v.Days, d) {
			v.Days = append(v.Days, d)
		}
	}
	for i, up := range cfg.ComeUps() {
		p := cfg.Platforms[i]
		v.Platforms = append(v.Platforms, startEstimate{Name: p.Name, Vendor: p.Vendor, Agents: up.Agents,
			SignIn: up.Takes.Seconds(), Answer: up.Answer.Seconds(), FirstInFlight: up.First, FirstAnswer: up.FirstAnswer.Seconds(),
			SignInAtASecond: up.AtASecond.Seconds(), FirstAtASecond: up.FirstAtASecond.Seconds(), rate: p.SignIn.Rate})
	}
	return v
}

func findings(problems []option.Problem) []finding {
	all := make([]finding, 0, len(problems))
	for _, p := range problems {
		all = append(all, finding{p.Pos.File, p.Pos.Line, p.Pos.Col, p.Text})
	}
	return all
}

func openFilesOf() openFiles {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return openFiles{}
	}
	return openFiles{Limit: r.Max, Fit: openfiles.Fit(r.Max)}
}

// inSeconds prints seconds; what is below one to the millisecond.
func inSeconds(n float64) string {
	if d := time.Duration(n * float64(time.Second)).Round(time.Millisecond); d < time.Second {
		return d.String()
	}
	return short(time.Duration(n * float64(time.Second)))
}

// text is for people who have read the warnings.
func (v checkResult) text(w io.Writer) error {
	fmt.Fprintf(w, "%s: good; %s, %s\n", v.File, plural(len(v.Platforms), "platform"), plural(v.Agents, "agent"))
	var rows [][]string
	for _, p := range v.Platforms {
		rows = append(rows,
			[]string{"  " + p.Name, plural(p.Agents, "agent"), fmt.Sprintf("return within %s (%v per second, as long as each is answered in %s; within %s at an answer of 1s)",
				inSeconds(p.SignIn), p.rate, inSeconds(p.Answer), inSeconds(p.SignInAtASecond))},
			[]string{"", "", fmt.Sprintf("a first start, %d at a time: as fast if each is answered in %s; within %s at an answer of 1s",
				p.FirstInFlight, inSeconds(p.FirstAnswer), inSeconds(p.FirstAtASecond))})
	}
	if err := writeColumns(w, rows); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	for _, d := range v.Days {
		fmt.Fprintf(w, "  %s\n", d)
	}
	fmt.Fprintf(w, "  %d agents fit under this process's hard limit of %d open files; the service's is its unit's LimitNOFILE\n",
		v.OpenFiles.Fit, v.OpenFiles.Limit)
	return nil
}
