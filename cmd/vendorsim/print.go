package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"agentkeeper/test/sim"
)

// shown is how many accounts the printed configuration lists.
const shown = 3

// announce prints where the simulator is and how to use it.
func (f common) announce(c *console, url, ca string, p platform, accounts []account) error {
	c.printf("%s simulator on %s with %d agents (%s … %s)\n\n", p.vendor, url, len(accounts),
		accounts[0].login, accounts[len(accounts)-1].login)
	if f.WriteConfig != "" {
		text := yamlFor(p, url, ca, accounts)
		if err := os.WriteFile(f.WriteConfig, []byte(text), 0o600); err != nil {
			return fmt.Errorf("--write-config: %w", err)
		}
		c.printf("Configuration for agentkeeper: %s\n\n", f.WriteConfig)
	} else {
		c.printf("Configuration for agentkeeper (--write-config FILE writes it with all agents):\n\n%s\n",
			indent(yamlFor(p, url, ca, accounts[:min(shown, len(accounts))])))
	}
	c.printf("Control, at the same address:\n\n")
	for _, line := range append(sim.Endpoints(), p.endpoints...) {
		c.printf("    %s\n", line)
	}
	c.printf("\nInterrupt for the counts.\n")
	return nil
}

func indent(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return "    " + strings.Join(lines, "\n    ") + "\n"
}

// yamlFor is a whole configuration that keeps the accounts signed in.
func yamlFor(p platform, url, ca string, accounts []account) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("control: ./agentkeeper.sock")
	line("store: {dir: ./agentkeeper-data}")
	line("allow_inline_secrets: true   # a simulator's")
	line("platforms:")
	line("  sim:")
	line("    vendor: %s", p.vendor)
	line("    url: %s", p.scheme+strings.TrimPrefix(url, "http"))
	if ca != "" {
		line("    tls: {ca_file: %s}", strconv.Quote(ca))
	}
	if len(p.options) > 0 {
		line("    options: {%s}", strings.Join(p.options, ", "))
	}
	line("groups:")
	line("  - name: sim")
	line("    platform: sim")
	line("    agents:")
	for _, a := range accounts {
		line("      - {login: %s, number: %s, password: %s}", strconv.Quote(a.login), strconv.Quote(a.number), strconv.Quote(a.password))
	}
	return b.String()
}

// errViolations is the end of a run in which a client broke the rules.
var errViolations = errors.New("the client did what the contract forbids")

// summary prints the counts. Violations are an error.
func summary(c *console, p platform) error {
	t := p.ops.Total()
	c.printf("\nagents heard of     %d\nsign-ins            %d\nsign-outs           %d\npolls               %d\nother requests      %d\nof them commands    %d\nlargest gap         %s\n",
		len(p.ops.Counts()), t.SignIns, t.SignOuts, t.Polls, t.Messages, t.Commands, round(time.Duration(t.LargestGap)))
	if p.report != nil {
		p.report(c)
	}
	violations := p.ops.Violations()
	c.printf("violations          %d\n", len(violations))
	for _, v := range violations {
		c.printf("  %s\n", v)
	}
	if len(violations) > 0 {
		return fmt.Errorf("%w, %d times", errViolations, len(violations))
	}
	return nil
}

func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}
