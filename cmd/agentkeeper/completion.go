package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/events"
	"agentkeeper/session"
	"agentkeeper/session/work"
	"agentkeeper/vendors/command"
)

// The scripts only ask the program what fits; it knows.
var (
	//go:embed completion/bash.sh
	bashCompletion string
	//go:embed completion/zsh.sh
	zshCompletion string
	//go:embed completion/fish.fish
	fishCompletion string
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help is shown by completion --help.
func (completionCmd) Help() string {
	return `Completes commands, flags, their values, and the names of agents, groups,
platforms, webhooks and consumers of the running service.

    source <(agentkeeper completion bash)
    agentkeeper completion bash | sudo tee /usr/share/bash-completion/completions/agentkeeper
    agentkeeper completion zsh  > "${fpath[1]}/_agentkeeper"
    agentkeeper completion fish > ~/.config/fish/completions/agentkeeper.fish`
}

// Run prints a script.
func (c completionCmd) Run() error {
	fmt.Print(map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell])
	return nil
}

// completeCmd answers the scripts: a line per candidate, with its meaning
// behind a tab; ":files" means that a file's name fits too.
type completeCmd struct {
	Line string `help:"The command line up to the cursor."`
}

// Run prints the candidates.
func (c completeCmd) Run(ctx *kong.Context) error {
	words := splitLine(c.Line)
	if len(words) == 0 {
		return nil
	}
	for _, candidate := range (&completer{model: ctx.Model, words: words[1:]}).candidates() {
		fmt.Println(candidate)
	}
	return nil
}

// splitLine divides a command line as a shell does, so far as names need it.
// The last word is the one to complete; it may be empty.
func splitLine(line string) []string {
	words := []string{}
	var word strings.Builder
	var quote rune
	escaped := false
	for _, c := range line {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			escaped = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case quote == 0 && (c == ' ' || c == '\t'):
			words = append(words, word.String())
			word.Reset()
		default:
			word.WriteRune(c)
		}
	}
	words = append(words, word.String())
	if len(words) > 1 { // several blanks are one
		last := words[len(words)-1]
		words = append(slices.DeleteFunc(words[:len(words)-1], func(w string) bool { return w == "" }), last)
	}
	return words
}

// completer finds what may stand in the place of the last word.
type completer struct {
	model   *kong.Application
	words   []string
	command *kong.Node
	socket  string
	given   map[string]bool // positional arguments so far
	waiting *kong.Flag      // whose value the last word is
}

func (c *completer) candidates() []string {
	c.read()
	word := c.words[len(c.words)-1]
	if c.command == nil {
		if len(c.words) > 1 { // behind a command that there is not
			return nil
		}
		return c.commands(word)
	}
	if c.waiting != nil {
		return c.values(c.waiting.Value, word, "")
	}
	if name, value, ok := strings.Cut(word, "="); ok && strings.HasPrefix(name, "--") {
		if f := c.flag(name); f != nil {
			return c.values(f.Value, value, name+"=")
		}
		return nil
	}
	if strings.HasPrefix(word, "-") {
		return c.flags(word)
	}
	return c.arguments(word)
}

// read goes through the words before the last.
func (c *completer) read() {
	c.socket, c.given = os.Getenv("AGENTKEEPER_CONTROL"), map[string]bool{}
	for _, word := range c.words[:len(c.words)-1] {
		name, value, assigned := strings.Cut(word, "=")
		switch f := c.flag(name); {
		case c.waiting != nil:
			c.note(c.waiting, word)
			c.waiting = nil
		case c.command == nil:
			c.command = c.find(word)
		case f != nil && assigned:
			c.note(f, value)
		case f != nil && !f.IsBool():
			c.waiting = f
		case f == nil:
			c.given[word] = true
		}
	}
}

func (c *completer) note(f *kong.Flag, value string) {
	if f.Name == "control" {
		c.socket = value
	}
}

func (c *completer) find(name string) *kong.Node {
	for _, n := range c.model.Children {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// flag returns the flag of that name, with its dashes; nil for anything else.
func (c *completer) flag(name string) *kong.Flag {
	if c.command == nil {
		return nil
	}
	for _, group := range c.command.AllFlags(true) {
		for _, f := range group {
			if name == "--"+f.Name || (f.Short != 0 && name == "-"+string(f.Short)) {
				return f
			}
		}
	}
	return nil
}

func (c *completer) commands(word string) (list []string) {
	for _, n := range c.model.Children {
		if !n.Hidden && strings.HasPrefix(n.Name, word) {
			list = append(list, n.Name+"\t"+n.Help)
		}
	}
	return list
}

func (c *completer) flags(word string) (list []string) {
	for _, group := range c.command.AllFlags(true) {
		for _, f := range group {
			if strings.HasPrefix("--"+f.Name, word) {
				list = append(list, "--"+f.Name+"\t"+f.Help)
			}
		}
	}
	slices.Sort(list)
	return list
}

func (c *completer) arguments(word string) []string {
	all := c.command.Positional
	if len(all) == 0 {
		return nil
	}
	return c.values(all[min(len(c.given), len(all)-1)], word, "") // the last one may be many
}

// values returns what fits a flag or an argument; head stands before each.
func (c *completer) values(v *kong.Value, word, head string) (list []string) {
	switch v.Name {
	case "agent":
		names := slices.DeleteFunc(c.names("agent"), func(name string) bool { return c.given[name] })
		return fitting(names, word, head)
	case "webhook":
		return fitting(c.webhooks(), word, head)
	case "user":
		return fitting(c.consumers(func(o api.Consumer) string { return o.User }), word, head)
	case "consumer":
		return fitting(c.consumers(func(o api.Consumer) string { return o.Name }), word, head)
	case "group", "platform":
		return fitting(c.names(v.Name), word, head)
	case "config", "control", "dir":
		return []string{":files"}
	}
	return fitting(fixed(v), word, head)
}

// fixed returns the values of a flag or an argument that no service need be asked for.
func fixed(v *kong.Value) []string {
	switch {
	case v.Enum != "":
		return v.EnumSlice()
	case v.Name == resumeWord:
		return []string{resumeWord, skipWord}
	case v.Name == removeWord, v.Name == endWord:
		return []string{v.Name}
	case v.Name == "do":
		return command.Verbs()
	case v.Name == "method":
		return methods
	case v.Name == "state":
		return states()
	case v.Name == "work":
		return workStates()
	case v.Name == "type":
		return append([]string{events.OwnType("*")}, slices.Sorted(slices.Values(events.OwnTypes()))...)
	}
	return nil
}

// states are what --state takes, sorted.
func states() []string {
	list := []string{api.StateUnmet}
	for _, s := range session.States() {
		list = append(list, string(s))
	}
	slices.Sort(list)
	return list
}

// workStates are what --work takes, sorted.
func workStates() []string {
	list := []string{api.StateNotReady}
	for _, s := range work.States() {
		list = append(list, string(s))
	}
	slices.Sort(list)
	return list
}

// mostCandidates is what a shell shows without getting slow.
const mostCandidates = 1000

func fitting(all []string, word, head string) (list []string) {
	for _, name := range all {
		if strings.HasPrefix(name, word) && len(list) < mostCandidates {
			list = append(list, head+name)
		}
	}
	return list
}

// completeTimeout is how long somebody who pressed Tab waits.
const completeTimeout = 2 * time.Second

// service is the running one, for somebody who pressed Tab.
func (c *completer) service() *client {
	if c.socket == "" {
		c.socket = defaultControl
	}
	return newClient(c.socket, completeTimeout)
}

// names asks the running service; without one there are none.
func (c *completer) names(what string) []string {
	all, err := c.service().agents(context.Background())
	if err != nil {
		return nil
	}
	return namesOf(all, what)
}

// webhooks are the names of the running service's.
func (c *completer) webhooks() (names []string) {
	all, _ := c.service().webhooks(context.Background()) // without a service there are none
	for _, w := range all {
		names = append(names, w.Name)
	}
	return names
}

// consumers are the names that of finds in the consumers of the running service.
func (c *completer) consumers(of func(api.Consumer) string) (names []string) {
	all, _ := c.service().consumers(context.Background()) // without a service there are none
	for _, o := range all {
		names = append(names, of(o))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
