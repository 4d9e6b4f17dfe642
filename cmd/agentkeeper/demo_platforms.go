package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
	"agentkeeper/test/sim/edna"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/test/sim/huaweiconfig"
	"agentkeeper/test/sim/runtel"
)

// demoPlatforms are the demo's simulated platforms.
type demoPlatforms struct {
	platforms []demoPlatform
	huawei    *huawei.Sim
	ecss      *ecss.Sim
	runtel    *runtel.Sim
	control   string // path of the service's control socket, once config was written
}

// demoPlatform is one platform and its agents.
type demoPlatform struct {
	name, vendor, scheme, options, group string
	work                                 string // the section of that name; "" for none
	logins, numbers                      []string
	line                                 *sim.NetListener
	server                               *sim.Server
	ops                                  *sim.Ops
}

const (
	demoPassword = "demo"
	demoHold     = 3 * time.Second // short, so that the demo ends soon
	demoRing     = 4 * time.Second // of a call that nobody answers
	demoRestore  = 15 * time.Second
	demoLife     = 2 * time.Minute // of tokens, so that renewals can be watched
)

func newDemoPlatforms(agents int) (s *demoPlatforms, err error) {
	s = &demoPlatforms{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	add := func(a demoPlatform, play func(line *sim.NetListener) (http.Handler, *sim.Ops)) error {
		line, err := sim.Listen("127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("start the simulator of %s: %w", a.name, err)
		}
		var handler http.Handler
		handler, a.ops = play(line)
		a.line, a.server = line, sim.Serve(line, handler, nil)
		s.platforms = append(s.platforms, a)
		return nil
	}
	for _, raise := range []func(int, adder) error{
		s.addHuawei, s.addECSS, s.addConfig, s.addRuntel, s.addEdna,
	} {
		if err := raise(agents, add); err != nil {
			return s, err
		}
	}
	return s, nil
}

type adder = func(demoPlatform, func(*sim.NetListener) (http.Handler, *sim.Ops)) error

func (s *demoPlatforms) addHuawei(n int, add adder) error {
	list := huawei.Range(291, n, demoPassword, 40000)
	a := demoPlatform{name: "hq", vendor: "huawei", scheme: "http", group: "voice-bots", options: "hold: 3s, autoanswer: false", work: "wish: ready"}
	for _, agent := range list {
		a.logins, a.numbers = append(a.logins, agent.Login), append(a.numbers, agent.Phone)
	}
	return add(a, func(line *sim.NetListener) (http.Handler, *sim.Ops) {
		s.huawei = huawei.New(huawei.Config{Agents: list, Line: line, Switches: huawei.Switches{
			Hold: sim.Duration(demoHold), Work: huawei.Work{RingTime: sim.Duration(demoRing)}, Rules: huawei.Rules{Keeper: true},
		}})
		return s.huawei, &s.huawei.Ops
	})
}

func (s *demoPlatforms) addECSS(n int, add adder) error {
	list := ecss.Agents(101, n, demoPassword)
	a := demoPlatform{name: "pbx", vendor: "ecss", scheme: "ws", group: "operators"}
	for _, agent := range list {
		a.logins, a.numbers = append(a.logins, agent.Login), append(a.numbers, agent.Number)
	}
	return add(a, func(line *sim.NetListener) (http.Handler, *sim.Ops) {
		s.ecss = ecss.New(ecss.Config{Agents: list, Line: line})
		return s.ecss, s.ecss.Ops()
	})
}

func (s *demoPlatforms) addConfig(n int, add adder) error {
	list := huaweiconfig.Range(501, n, demoPassword)
	a := demoPlatform{name: "config", vendor: "huawei-config", scheme: "http", group: "administrators", options: "probe: /config/agents"}
	for _, account := range list {
		a.logins = append(a.logins, account.Login)
	}
	return add(a, func(line *sim.NetListener) (http.Handler, *sim.Ops) {
		h := huaweiconfig.New(huaweiconfig.Config{Accounts: list, Line: line})
		return h, &h.Ops
	})
}

func (s *demoPlatforms) addRuntel(n int, add adder) error {
	a := demoPlatform{name: "cabinet", vendor: "runtel", scheme: "http", group: "integrations"}
	list := make([]runtel.Agent, n)
	for i := range list {
		list[i] = runtel.Agent{Login: fmt.Sprintf("bot%d@demo", i+1), Password: demoPassword}
		a.logins = append(a.logins, list[i].Login)
	}
	return add(a, func(line *sim.NetListener) (http.Handler, *sim.Ops) {
		s.runtel = runtel.New(runtel.Config{Agents: list, Line: line, Switches: runtel.Switches{Life: sim.Duration(demoLife)}})
		return s.runtel, &s.runtel.Ops
	})
}

func (s *demoPlatforms) addEdna(n int, add adder) error {
	list := edna.Range(1, n, demoPassword)
	a := demoPlatform{name: "chat", vendor: "edna", scheme: "http", group: "chat-bots",
		options: "probe: /api/v1/threads/1, max_age: " + demoLife.String()}
	for _, account := range list {
		a.logins = append(a.logins, account.Login)
	}
	return add(a, func(line *sim.NetListener) (http.Handler, *sim.Ops) {
		h := edna.New(edna.Config{Accounts: list, Line: line, Switches: edna.Switches{Life: sim.Duration(demoLife)}})
		return h, &h.Ops
	})
}

func (s *demoPlatforms) close() {
	if s.ecss != nil {
		s.ecss.Close()
	}
	for _, a := range s.platforms {
		_ = a.server.Close()
	}
}

func (s *demoPlatforms) violations() (all []string) {
	for _, a := range s.platforms {
		all = append(all, a.ops.Violations()...)
	}
	return all
}

// config is the service's configuration for the simulators.
func (s *demoPlatforms) config(dir, listen string) string {
	s.control = filepath.Join(dir, "control.sock")
	var b strings.Builder
	fmt.Fprintf(&b, "listen: %s\ncontrol: %s\nstop_timeout: 20s\nstore: {dir: %s}\nallow_inline_secrets: true\nplatforms:\n",
		listen, s.control, filepath.Join(dir, "store"))
	for _, a := range s.platforms {
		fmt.Fprintf(&b, "  %s:\n    vendor: %s\n    url: %s://%s\n    sign_in: {rate: 50, concurrent: 10}\n    backoff: {initial: 1s, max: 5s}\n    options: {%s}\n    work: {%s}\n",
			a.name, a.vendor, a.scheme, a.line.Addr(), a.options, a.work)
	}
	b.WriteString("groups:\n")
	for _, a := range s.platforms {
		fmt.Fprintf(&b, "  - name: %s\n    platform: %s\n    agents:\n", a.group, a.name)
		for i, login := range a.logins {
			number := ""
			if a.numbers != nil {
				number = fmt.Sprintf(", number: %q", a.numbers[i])
			}
			fmt.Fprintf(&b, "      - {login: %q%s, password: %s}\n", login, number, demoPassword)
		}
	}
	return b.String()
}
