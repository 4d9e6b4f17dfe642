package daemon

import (
	"fmt"
	"os"

	"agentkeeper/daemon/config"
)

// usualPorts is how many ports Linux gives to outgoing connections of one address
// to one destination where nobody has changed that.
const usualPorts = 60999 - 32768 + 1

// localPorts returns how many there are here.
func localPorts() int {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return usualPorts
	}
	return portsIn(string(text))
}

func portsIn(text string) int {
	var first, last int
	if n, _ := fmt.Sscan(text, &first, &last); n < 2 || last < first {
		return usualPorts
	}
	return last - first + 1
}

// portAdvice says which platforms have more agents than their source addresses have
// ports, given how many one has.
func portAdvice(cfg *config.Config, ports int) (advice []string) {
	agents := map[string]int{}
	for _, a := range cfg.Agents {
		agents[a.ID.Platform]++
	}
	for _, p := range cfg.Platforms {
		have := max(1, len(p.Dials.Sources))
		need := (agents[p.Name] + ports - 1) / ports
		if need <= have {
			continue
		}
		advice = append(advice, fmt.Sprintf("%d agents of platform %s connect from %d address(es) of this machine, of which one has %d ports to one platform: some will find no port; "+
			"write at least %d addresses into platforms.%s.source_addresses, and one or two more to spare", agents[p.Name], p.Name, have, ports, need, p.Name))
	}
	return advice
}

// adviseOnPorts logs that.
func (d *Daemon) adviseOnPorts(cfg *config.Config) {
	for _, text := range portAdvice(cfg, localPorts()) {
		d.log.Warn("ports: " + text)
	}
}
