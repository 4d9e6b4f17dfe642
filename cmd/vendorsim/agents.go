package main

import (
	"fmt"
	"strconv"
	"strings"
)

// account is one agent of any vendor.
type account struct{ login, password, number string }

// maxAgents bounds --agents, against slips of the keyboard.
const maxAgents = 100_000

// parseAgents reads a list such as 291-310,401,bob:secret:40500. What an
// element leaves out is the common password, and 40 before the login as its
// number.
func parseAgents(list, password string) ([]account, error) {
	var accounts []account
	for element := range strings.SplitSeq(list, ",") {
		some, err := parseElement(strings.TrimSpace(element), password)
		if err != nil {
			return nil, usageError{fmt.Errorf("--agents: %w", err)}
		}
		if accounts = append(accounts, some...); len(accounts) > maxAgents {
			return nil, usageError{fmt.Errorf("--agents: more than %d agents", maxAgents)}
		}
	}
	return accounts, nil
}

func parseElement(element, password string) ([]account, error) {
	if from, to, ok := parseRange(element); ok {
		return expand(from, to, password)
	}
	parts := strings.SplitN(element, ":", 3)
	a := account{login: parts[0], password: password, number: "40" + parts[0]}
	if a.login == "" {
		return nil, fmt.Errorf("%q has no login: write 291-310, 291, or login:password:number", element)
	}
	if len(parts) > 1 && parts[1] != "" {
		a.password = parts[1]
	}
	if len(parts) > 2 && parts[2] != "" {
		a.number = parts[2]
	}
	return []account{a}, nil
}

func parseRange(element string) (from, to int, ok bool) {
	first, last, found := strings.Cut(element, "-")
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	return from, to, found && err1 == nil && err2 == nil
}

func expand(from, to int, password string) ([]account, error) {
	if from > to || to-from >= maxAgents {
		return nil, fmt.Errorf("range %d-%d: the first must not be above the last, and at most %d apart", from, to, maxAgents)
	}
	accounts := make([]account, 0, to-from+1)
	for n := from; n <= to; n++ {
		login := strconv.Itoa(n)
		accounts = append(accounts, account{login: login, password: password, number: "40" + login})
	}
	return accounts, nil
}
