package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"agentkeeper/test/rig"
)

// commandSubject is where a user of the stream sends commands to an agent whose name
// needs no escapes.
func commandSubject(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return fmt.Sprintf("cmd.%04d.%s", h.Sum32()%1024, name)
}

// commandReply is what both doors answer.
type commandReply struct {
	Outcome, Code, Effect, ID, Error string
	Repeated                         bool
	HTTP                             int
}

func sendOver(t *testing.T, nc *nats.Conn, name, body string) (r commandReply) {
	t.Helper()
	m, err := nc.Request(commandSubject(name), []byte(body), patience)
	if err != nil {
		t.Fatalf("%s to %s: %v", body, name, err)
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		t.Fatalf("%s: %v", m.Data, err)
	}
	return r
}

// TestCommandsOfPrograms sends commands as a site does: with the command line and as a
// user of the stream, who may do less than the command line.
func TestCommandsOfPrograms(t *testing.T) {
	t.Parallel()
	names := logins(291, 3)
	s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
	address := freeAddress(t)
	writeFile(t, filepath.Join(s.dir, "bot"), "s")
	writeFile(t, filepath.Join(s.dir, "body"), `{"mode":1}`)
	s.place = []string{"options: {hold: 1s}", "commands: {enabled: true}"}
	s.members[2].keys = ", commands: {enabled: false}"
	users := func(commands string) {
		s.top = []string{fmt.Sprintf("events: {listen: %q, users: [{name: bot, password_file: bot%s}]}", address, commands)}
		s.write()
	}
	users("")
	k := s.runOnline()
	for _, login := range names {
		s.platform.order("agents/"+login+"/asked", `{"count":100}`)
	}
	s.runs(k, []step{
		{"command hq/291 --do busy --code 200 --reason reload --id b-1", 0, `^{"outcome":"done","status":200,"code":"0","answer":{.*"effect":"confirmed","id":"b-1","sent_at":"2`, ""},
		{"command hq/291 --do busy --code 200 --reason reload --id b-1", 0, `"repeated":true`, ""},
		{"command hq/291 --do busy --code 201 --reason reload --id b-1", 1, `^{"outcome":"refused"`, "b-1|another"},
		{"command hq/291 --do ready --reason reload --timeout 5s", 0, `"effect":"confirmed"`, ""},
		{"command hq/291 --method POST --path onlineagent/291/saybusy?reason=200 --reason x", 0, `"outcome":"done"`, ""},
		{"command hq/291 --method POST --path onlineagent/291/sayfree --reason x", 0, `"outcome":"done"`, ""},
		{"command hq/291 --method POST --path voicecall/291/reject --body @body --reason x", 1, `"outcome":"rejected","status":200,"code":"200-002"`, "rejected the command: code 200-002"},
		{"command hq/291 --method PUT --path onlineagent/291 --reason x", 77, `"outcome":"refused"`, "log-ins and log-outs"},
		{"command hq/291 --method GET --path agentevent/291 --reason x", 77, `"outcome":"refused"`, "events"},
		{"command hq/291 --action call/accept --reason x", 1, `"outcome":"refused"`, "."},
		{"command hq/291 --do busy --code 7 --reason x", 2, `"outcome":"refused"`, "200 to 250"},
		{"command hq/293 --do busy --reason x", 77, `"outcome":"refused"`, "commands"},
		{"command hq/29l --do busy --reason x", 1, `"outcome":"refused"`, "no such agent: hq/29l; did you mean hq/291"},
		{"command 291 --do busy --reason x", 2, "", "no agent name"},
		{"command hq/291 --reason x", 2, "", "which command"},
		{"command hq/291 --do busy", 2, "", "missing flags: --reason"},
		{"sign-out hq/292 --reason drill --wait 30s", 0, "offline", ""},
		{"command hq/292 --do busy --reason x", 75, `"outcome":"not_sent"`, "is not signed in now"},
		{"sign-in hq/292 --reason drill --wait 30s", 0, "online", ""},
	})

	nc, err := nats.Connect("nats://"+address, nats.UserInfo("bot", "s"), nats.CustomInboxPrefix("_INBOX.bot"), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Request(commandSubject("hq/291"), []byte(`{"do":"busy","reason":"x"}`), 200*time.Millisecond); err == nil {
		t.Error("a user without the right sends commands")
	}
	users(", commands: {agents: [hq/291, hq/293], allow: ['do:busy', 'do:ready']}")
	k.signal(syscall.SIGHUP)
	within(t, patience, "the reload", func() error { return k.says("reloaded", 1) })
	within(t, patience, "the right to send commands", func() error {
		_, err := nc.Request(commandSubject("hq/291"), []byte(`{"do":"ready","reason":"the first"}`), time.Second)
		return err
	})
	for _, tt := range []struct {
		agent, body string
		want        commandReply
	}{
		{"hq/291", `{"do":"busy","code":"200","reason":"x","id":"n-1"}`, commandReply{Outcome: "done", Code: "0", Effect: "confirmed", ID: "n-1", HTTP: 200}},
		{"hq/291", `{"do":"busy","code":"200","reason":"x","id":"n-1"}`, commandReply{Outcome: "done", Code: "0", Effect: "confirmed", ID: "n-1", Repeated: true, HTTP: 200}},
		{"hq/291", `{"do":"ready","reason":"x"}`, commandReply{Outcome: "done", Code: "0", Effect: "confirmed", HTTP: 200}},
		{"hq/291", `{"do":"rest","reason":"x"}`, commandReply{Outcome: "refused", HTTP: 403}},
		{"hq/292", `{"do":"busy","reason":"x"}`, commandReply{Outcome: "refused", HTTP: 403}},
		{"hq/293", `{"do":"busy","reason":"x"}`, commandReply{Outcome: "refused", HTTP: 403}},
		{"hq/291", `{"do":"busy"}`, commandReply{Outcome: "refused", HTTP: 400}},
	} {
		got := sendOver(t, nc, tt.agent, tt.body)
		if got.Error != "" && tt.want.HTTP < 400 {
			t.Errorf("%s %s: %s", tt.agent, tt.body, got.Error)
		}
		if got.Error = ""; got != tt.want {
			t.Errorf("%s %s: %+v, want %+v", tt.agent, tt.body, got, tt.want)
		}
	}
	if log := k.err.String(); !strings.Contains(log, "reload") || !strings.Contains(log, "events user bot") || strings.Contains(log, `mode`) {
		t.Error("the log does not tell who sent which command why, or it tells what it carried")
	}
	k.kill9()
	if _, err := nc.Request(commandSubject("hq/291"), []byte(`{"do":"busy","reason":"x"}`), 300*time.Millisecond); err == nil {
		t.Error("a service that is away answers")
	}
	k = s.launch()
	s.await(k)
	within(t, patience, "an answer of the next process", func() error {
		m, err := nc.Request(commandSubject("hq/291"), []byte(`{"do":"busy","code":"200","reason":"x","id":"n-1"}`), time.Second)
		if err != nil {
			return err
		}
		if !strings.Contains(string(m.Data), `"repeated":true`) {
			return fmt.Errorf("the recorded outcome is %s", m.Data)
		}
		return nil
	})
}

// TestExampleBots has the manual's bots answer calls.
func TestExampleBots(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "agentkeeper/test/examples/answerecss", "agentkeeper/test/examples/answerhuawei")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	t.Run("ecss", func(t *testing.T) {
		s := ecssSite(t, 2)
		address := freeAddress(t)
		writeFile(t, filepath.Join(s.dir, "bot"), "s")
		s.place = append(s.place, "commands: {enabled: true}")
		s.top = []string{fmt.Sprintf("events: {listen: %q, users: [{name: bot, password_file: bot, commands: {agents: ['*']}}]}", address)}
		s.write()
		s.runOnline()
		cmd := rig.Command(filepath.Join(dir, "answerecss"))
		cmd.Env = append(cmd.Env, "NATS_URL=nats://"+address, "NATS_USER=bot", "NATS_PASSWORD=s")
		bot := start(t, cmd)
		within(t, patience, "the bot's start", func() error { return waits(bot) })
		for _, login := range []string{"101", "102", "101"} {
			s.platform.order("agents/"+login+"/asked", `{"count":100}`)
			s.platform.order("agents/"+login+"/call", `{"number_a":"79001234567"}`)
			within(t, patience, "the answer to the call of "+login, func() error {
				calls := s.platform.ecss().Agents[login].Calls
				if len(calls) != 1 || !strings.HasSuffix(calls[0], " working") {
					return fmt.Errorf("its calls are %v", calls)
				}
				return nil
			})
			s.platform.order("agents/"+login+"/hangup", `{}`)
		}
	})

	t.Run("huawei", func(t *testing.T) {
		names := logins(291, 2)
		s := newSite(t, simulate(t, "huawei", names, "--hold", "1s"), names)
		s.place = []string{"options: {hold: 1s, autoanswer: false}", "commands: {enabled: true}"}
		s.write()
		k := s.runOnline()
		cmd := rig.Command(filepath.Join(dir, "answerhuawei"))
		cmd.Env = append(cmd.Env, "AGENTKEEPER_CONTROL="+k.socket())
		bot := start(t, cmd)
		within(t, patience, "the bot's start", func() error { return waits(bot) })
		for n, login := range names {
			s.platform.order("agents/"+login+"/asked", `{"count":100}`)
			s.platform.order("agents/"+login+"/ring", `{}`)
			within(t, patience, "the answer to the call of "+login, func() error {
				if got := strings.Count(bot.err.String(), `"outcome":"done"`); got != n+1 {
					return fmt.Errorf("%d calls were answered:\n%s", got, bot.err.String())
				}
				return nil
			})
		}
	})
}

func waits(bot *process) error {
	if !strings.Contains(bot.err.String(), "waiting for calls") {
		return errors.New("it does not wait for calls yet")
	}
	return nil
}
