package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/kong"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/view"
)

// orderCmd is a person's word to agents.
type orderCmd struct {
	controlFlag
	selection
	Reason string   `required:"true" placeholder:"TEXT" help:"The reason, for the audit log."`
	Wait   waitFlag `help:"Wait until the agents are as wished or have failed; with a duration (--wait 30s), no longer than that."`
	Yes    bool     `short:"y" help:"Do not ask for confirmation when more than one agent is concerned."`
	Output string   `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
}

type holdFlag struct {
	For *time.Duration `placeholder:"DURATION" help:"How long this holds. If omitted: until the schedule's next change; without a schedule, and for a pause, until the next such command."`
}

type (
	signInCmd struct {
		orderCmd
		holdFlag
	}
	signOutCmd struct {
		orderCmd
		holdFlag
	}
	pauseCmd struct {
		orderCmd
		holdFlag
	}
	resumeCmd struct{ orderCmd }
)

const orderHelp = `

For more than one agent the command asks for confirmation; --yes does not ask, and
without a terminal --yes is needed.

Exit codes: 0 the wish is stored (with --wait: fulfilled), 1 unknown agent, or the
wish failed, 2 wrong command line, 69 the service cannot be reached, 75 not fulfilled
in time, or the store cannot be written now, 77 not permitted.`

// Help is shown by sign-in --help.
func (signInCmd) Help() string {
	return `Signs agents in. They stay online until the schedule's next change (without a
schedule: until the next such command), or for DURATION. A parked agent is tried
once more, and one that waits is tried at once. The platform's sign-in rate, an
outage and a quarantine still apply.

    agentkeeper sign-in hq/291 --reason "extra shift" --for 2h
    agentkeeper sign-in --group bots --reason "end of the drill" --yes --wait` + orderHelp
}

// Run stores the wish.
func (c signInCmd) Run() error { return c.carry(fleet.SignIn, c.For) }

// Help is shown by sign-out --help.
func (signOutCmd) Help() string {
	return `Signs agents out. They stay offline until the schedule's next change (without a
schedule: until the next such command), or for DURATION. A call is not cut (unless
sign_out: force): the sign-out is repeated until the call has ended.

    agentkeeper sign-out hq/291 --reason "callers hear an echo" --wait
    agentkeeper sign-out 'hq/29*' --reason "move to the new gateway" --for 30m --yes` + orderHelp
}

// Run stores the wish.
func (c signOutCmd) Run() error { return c.carry(fleet.SignOut, c.For) }

// Help is shown by pause --help.
func (pauseCmd) Help() string {
	return `Signs agents out and keeps them out until resume, or for DURATION, whatever the
schedule says and over restarts.

    agentkeeper pause hq/291 --reason "training, ask Olga"
    agentkeeper pause --platform pbx --reason "maintenance" --yes --wait 2m` + orderHelp
}

// Run stores the wish.
func (c pauseCmd) Run() error { return c.carry(fleet.Pause, c.For) }

// Help is shown by resume --help.
func (resumeCmd) Help() string {
	return `Ends a pause, another override by a person (sign-in, sign-out) and a parking: the
schedule decides again, and a parked agent is tried once more.

    agentkeeper resume hq/294 --reason "account unlocked" --wait
    agentkeeper resume --all --reason "maintenance is over" --yes --wait` + orderHelp
}

// Run ends what was wished.
func (c resumeCmd) Run() error { return c.carry(fleet.Resume, nil) }

// waitFlag is --wait, which may have a duration.
type waitFlag struct {
	on    bool
	limit time.Duration // 0: none
}

// IsBool implements kong.BoolMapperValue: the flag needs no value.
func (*waitFlag) IsBool() bool { return true }

// Decode implements kong.MapperValue. A duration that follows is the flag's:
// no agent has such a name.
func (w *waitFlag) Decode(ctx *kong.DecodeContext) error {
	w.on = true
	next := ctx.Scan.Peek()
	text, isText := next.Value.(string)
	limit, err := time.ParseDuration(text)
	switch {
	case !isText || (err != nil && next.Type != kong.FlagValueToken):
		return nil
	case err != nil || limit <= 0:
		return fmt.Errorf("%q is no duration: write for example 30s", text)
	}
	ctx.Scan.Pop()
	w.limit = limit
	return nil
}

func (c orderCmd) checkOrder(hold *time.Duration) error {
	if err := checkReason(c.Reason); err != nil {
		return err
	}
	switch {
	case hold != nil && *hold <= 0:
		return usage("--for %v would be over at once: write for example 2h", *hold)
	}
	return c.check()
}

// checkReason says why the service would not take a reason.
func checkReason(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return usage("--reason is missing: say why, it stands in the audit log")
	}
	if err := api.CheckReason(reason); err != nil {
		return usage("--reason: %v", err)
	}
	return nil
}

// carry tells every chosen agent, and waits where that was asked for.
func (c orderCmd) carry(verb fleet.Verb, hold *time.Duration) error {
	if err := c.checkOrder(hold); err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	cl := c.client()
	all, err := cl.agents(ctx)
	if err != nil {
		return err
	}
	chosen, err := c.choose(all)
	if err != nil {
		return err
	}
	if err := confirm(string(verb), chosen, c.Yes); err != nil {
		return err
	}
	ordered, failed := cl.order(ctx, verb, chosen, order{Reason: c.Reason, For: duration(hold)})
	if !c.Wait.on || len(ordered) == 0 {
		return together(failed, c.stored(verb, ordered))
	}
	w := newWatch(cl, string(verb), chosen, ordered)
	result, err := w.run(ctx, c.Wait.limit)
	if err != nil {
		return together(failed, err)
	}
	return together(failed, c.fulfilled(result))
}

// order is the body of an order to an agent.
type order struct {
	Reason string `json:"reason"`
	For    string `json:"for,omitempty"`
	Wish   string `json:"wish,omitempty"` // of a working state, as Code
	Code   string `json:"code,omitempty"`
}

func duration(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return d.String()
}

// sendAtOnce is how many requests are on their way together: each waits for
// the store to be durable.
const sendAtOnce = 16

// order sends an order to the agents and returns the answers of those that took the order,
// in the same order, and what went wrong with the others.
func (c *client) order(ctx context.Context, verb fleet.Verb, agents []view.Agent, o order) (ordered []view.Agent, failed error) {
	answers, errs := make([]*view.Agent, len(agents)), make([]error, len(agents))
	next, done := make(chan int), make(chan struct{}, len(agents))
	var senders sync.WaitGroup
	for range min(sendAtOnce, len(agents)) {
		senders.Go(func() {
			for i := range next {
				answers[i], errs[i] = c.tell(ctx, verb, agents[i], o)
				done <- struct{}{}
			}
		})
	}
	bar := newProgress("telling", len(agents))
	sent, answered := 0, 0
	for answered < len(agents) {
		feed := next
		if sent == len(agents) {
			feed = nil
		}
		select {
		case feed <- sent:
			sent++
		case <-done:
			answered++
			bar.show(answered, 0)
		}
	}
	close(next)
	senders.Wait()
	bar.clear()
	for _, a := range answers {
		if a != nil {
			ordered = append(ordered, *a)
		}
	}
	return ordered, together(errs...)
}

func (c *client) tell(ctx context.Context, verb fleet.Verb, a view.Agent, o order) (*view.Agent, error) {
	body, err := c.call(ctx, http.MethodPost, agentPath(a.Platform, a.Login)+"/"+string(verb), o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.ID, err)
	}
	var answer view.Agent
	return &answer, decode(body, &answer)
}

// stored tells what was wished.
func (c orderCmd) stored(verb fleet.Verb, ordered []view.Agent) error {
	if c.Output == "json" {
		return printAgents(ordered)
	}
	for _, a := range ordered[:min(len(ordered), 1)] {
		if len(ordered) > 1 {
			fmt.Printf("%d agents: %s is stored\n", len(ordered), verb)
			break
		}
		fmt.Printf("%s: %s is stored; wished %s%s, %s now\n", a.ID, verb, a.Wish, wishUntil(a), stateOf(a))
	}
	return nil
}

func wishUntil(a view.Agent) string {
	switch {
	case a.Story == nil:
		return ""
	case a.WishUntil != nil:
		return " until " + localTime(a.WishUntil.Time())
	case a.Override != nil && a.Override.Verb == string(fleet.Pause):
		return " until resume"
	}
	return ""
}

// localTime prints an instant in the reader's zone, with the date unless it is
// today.
func localTime(t time.Time) string {
	t = t.Local()
	if t.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04:05")
}

// stateOf is an agent's state with its reason.
func stateOf(a view.Agent) string {
	if a.Reason == "" {
		return a.State
	}
	return a.State + " (" + a.Reason + ")"
}

func printAgents(agents []view.Agent) error {
	if agents == nil {
		agents = []view.Agent{}
	}
	return printJSON(map[string][]view.Agent{"agents": agents})
}

// printJSON prints one line, as the API writes it.
func printJSON(v any) error { return writeJSON(os.Stdout, v, "") }

// printIndented prints what has no form in the API, for people to read.
func printIndented(v any) error { return writeJSON(os.Stdout, v, "  ") }

func writeJSON(w io.Writer, v any, indent string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	return enc.Encode(v)
}
