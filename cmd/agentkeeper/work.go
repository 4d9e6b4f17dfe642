package main

import (
	"fmt"
	"time"

	"agentkeeper/daemon/api"
	"agentkeeper/daemon/fleet"
	"agentkeeper/daemon/view"
)

// workVerb is the end of the address that takes wishes for working states.
const workVerb = fleet.Verb("work")

// workCmd is a person's word about working states.
type workCmd struct {
	controlFlag
	Wish string `arg:"" enum:"ready,busy,rest,as-is,configured" help:"ready, busy or rest is the working state that is wished; as-is leaves it alone; configured takes back what a person said before."`
	selection
	holdWork
	Reason string `required:"true" placeholder:"TEXT" help:"The reason, for the audit log."`
	Code   string `placeholder:"N" help:"The vendor's reason that goes with busy or rest. Huawei: 200 to 250 for busy, 0 to 255 for rest."`
	Yes    bool   `short:"y" help:"Do not ask for confirmation when more than one agent is concerned."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json (default: ${default})."`
}

type holdWork struct {
	For *time.Duration `placeholder:"DURATION" help:"How long this holds. If omitted: until the next such command."`
}

// Help is shown by work --help.
func (workCmd) Help() string {
	return `Says which working state agents are to have while they are signed in: whether calls
come to them. It takes the place of the wish in the configuration, over restarts and
reloads, until the next such command or for DURATION. ready also clears the count of
restores, so an agent that was held back is tried at once. Nothing is changed while
a call is offered or talked.

    agentkeeper work ready hq/291 --reason "the bot answers again"
    agentkeeper work busy 'hq/29*' --code 210 --reason "model reload" --for 10m --yes
    agentkeeper work configured --all --reason "drill is over" --yes

Vendors with a documented way: huawei.

For more than one agent the command asks for confirmation; --yes does not ask, and
without a terminal --yes is needed.

Exit codes: 0 the wish is stored, 1 unknown agent, or a vendor without a documented
way, 2 wrong command line, 69 the service cannot be reached, 75 the store cannot be
written now, 77 not permitted.`
}

// Run stores the wish.
func (c workCmd) Run() error {
	if err := c.checkWork(); err != nil {
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
	if err := confirm("work "+c.Wish, chosen, c.Yes); err != nil {
		return err
	}
	told, failed := cl.order(ctx, workVerb, chosen, order{Reason: c.Reason, For: duration(c.For), Wish: c.Wish, Code: c.Code})
	return together(failed, c.stored(told))
}

func (c workCmd) checkWork() error {
	if err := checkReason(c.Reason); err != nil {
		return err
	}
	switch {
	case c.For != nil && *c.For <= 0:
		return usage("--for %v would be over at once: write for example 2h", *c.For)
	case c.For != nil && c.Wish == api.WishConfigured:
		return usage("configured takes back what a person said before, for no time: leave --for out")
	case c.Code != "" && c.Wish != "busy" && c.Wish != "rest":
		return usage("--code goes with busy and rest")
	}
	return c.check()
}

// stored tells what was wished.
func (c workCmd) stored(told []view.Agent) error {
	if c.Output == "json" {
		return printAgents(told)
	}
	switch len(told) {
	case 0:
	case 1:
		fmt.Printf("%s: %s is stored%s; %s now\n", told[0].ID, c.Wish, workUntil(told[0]), workNow(told[0]))
	default:
		fmt.Printf("%d agents: %s is stored\n", len(told), c.Wish)
	}
	return nil
}

func workUntil(a view.Agent) string {
	if a.Work == nil || a.Work.Word == nil || a.Work.Word.Until == nil {
		return ""
	}
	return " until " + localTime(a.Work.Word.Until.Time())
}

// workNow is what an agent does.
func workNow(a view.Agent) string {
	if a.Work == nil || a.State != "online" {
		return stateOf(a)
	}
	return workState(*a.Work)
}

// workState is a working state with the vendor's code.
func workState(w view.Work) string {
	if w.Code == "" {
		return w.State
	}
	return w.State + " (" + w.Code + ")"
}

// workOf is what the table shows of a working state.
func workOf(a view.Agent, _ time.Time) string {
	if a.Work == nil || a.State != "online" {
		return "-"
	}
	if a.NotReady() && a.Work.HeldBack != "" {
		return workState(*a.Work) + ", held: " + a.Work.HeldBack
	}
	return workState(*a.Work)
}

// works counts agents that are online by whether calls come to them, as far as that is
// known or wished.
type works struct {
	able, notReady int
	told           bool // something is known or wished of an agent
}

func (n *works) add(a view.Agent) {
	if a.Work == nil {
		return
	}
	n.told = n.told || a.Work.State != "unknown" || a.Work.Wish != "as_is"
	switch {
	case a.Able():
		n.able++
	case a.NotReady():
		n.notReady++
	}
}

// text tells who can be given calls; "" where nothing is known.
func (n *works) text(t terminal) string {
	if n.able+n.notReady == 0 {
		return ""
	}
	text := fmt.Sprintf("able to work %d of %d", n.able, n.able+n.notReady)
	if n.notReady > 0 {
		text = t.paint(warning, text)
	}
	return text
}

// shortlyNotReady is how long an agent may be not ready before a monitoring is told:
// a restore takes a few seconds.
const shortlyNotReady = time.Minute

// lastingly reports whether an agent that is wished ready gets no calls, and has got
// none for a while or is held back.
func lastingly(a view.Agent, now time.Time) bool {
	if !a.NotReady() || a.Work.Wish != "ready" {
		return false
	}
	return a.Work.HeldBack != "" || a.Work.Since == nil || now.Sub(a.Work.Since.Time()) > shortlyNotReady
}
