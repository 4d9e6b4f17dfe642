package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/view"
	"agentkeeper/session"
)

// selection is the agents that a command is for.
type selection struct {
	Agents   []string `arg:"" optional:"" name:"agent" help:"Full names of agents, for example hq/291, or patterns in quotes, for example 'hq/29*'."`
	All      bool     `help:"Every agent of the service."`
	Group    string   `placeholder:"NAME" help:"Only this group's agents."`
	Platform string   `placeholder:"NAME" help:"Only this platform's agents."`
}

func (s selection) check() error {
	switch {
	case s.All && len(s.Agents) > 0:
		return usage("--all and %s together: leave one of them out", s.Agents[0])
	case !s.All && len(s.Agents) == 0 && s.Group == "" && s.Platform == "":
		return usage("for which agents? Name them, or use --group, --platform or --all")
	}
	return nil
}

// choose returns the chosen ones of all agents, in their order. A name or a
// pattern that is nobody's is an error with the nearest names.
func (s selection) choose(all []view.Agent) ([]view.Agent, error) {
	if err := knownNames(all, s.Group, s.Platform); err != nil {
		return nil, err
	}
	used := make([]bool, len(s.Agents))
	var chosen []view.Agent
	for _, a := range all {
		named := len(s.Agents) == 0
		for i, pattern := range s.Agents {
			if session.Like(pattern, a.ID) {
				named, used[i] = true, true
			}
		}
		if named && (s.Group == "" || s.Group == a.Group) && (s.Platform == "" || s.Platform == a.Platform) {
			chosen = append(chosen, a)
		}
	}
	if err := s.unmatched(used, all); err != nil {
		return nil, err
	}
	if len(chosen) == 0 {
		return nil, errors.New("no agent is all of that")
	}
	return chosen, nil
}

// knownNames fails for a group or a platform that no agent has; "" is none.
func knownNames(all []view.Agent, group, platform string) error {
	for what, name := range map[string]string{"group": group, "platform": platform} {
		if known := namesOf(all, what); name != "" && !slices.Contains(known, name) {
			return fmt.Errorf("no such %s: %s%s (there are: %s)", what, name, api.DidYouMean(name, known), orNone(known))
		}
	}
	return nil
}

// unmatched tells of every name that is nobody's.
func (s selection) unmatched(used []bool, all []view.Agent) error {
	var errs []error
	for i, pattern := range s.Agents {
		if !used[i] {
			errs = append(errs, unknownAgent(pattern, all))
		}
	}
	return together(errs...)
}

func unknownAgent(name string, all []view.Agent) error {
	if strings.ContainsAny(name, "*?") {
		return fmt.Errorf("no agent's name is like %s", name)
	}
	if named := labelled(name, all); len(named) > 0 {
		return fmt.Errorf("no such agent: %s; a label with this in it has%s", name, some(" ", named))
	}
	return fmt.Errorf("no such agent: %s%s", name, api.DidYouMean(name, namesOf(all, "agent")))
}

// labelled returns the agents whose label has the words in it.
func labelled(words string, all []view.Agent) (names []string) {
	for _, a := range all {
		if words != "" && strings.Contains(strings.ToLower(a.Label), strings.ToLower(words)) {
			names = append(names, a.ID)
		}
	}
	return names
}

// namesOf returns the names of all agents, or of their groups or platforms,
// each once.
func namesOf(all []view.Agent, what string) []string {
	names := map[string]bool{}
	for _, a := range all {
		switch what {
		case "group":
			names[a.Group] = true
		case "platform":
			names[a.Platform] = true
		default:
			names[a.ID] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// confirm asks before an order to more than one agent.
func confirm(what string, chosen []view.Agent, yes bool) error {
	if len(chosen) < 2 || yes {
		return nil
	}
	question := fmt.Sprintf("%s %d agents (%s … %s)", what, len(chosen), chosen[0].ID, chosen[len(chosen)-1].ID)
	if !interactive() {
		return usage("%s: add --yes, since nobody can be asked here", question)
	}
	fmt.Fprint(os.Stderr, question+"? [y/N] ")
	var answer string
	_, _ = fmt.Scanln(&answer) // an empty line is a no
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return errors.New("nothing was done")
	}
	return nil
}
