package daemon

import (
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/openfiles"
)

// listeners returns what the configuration listens on.
func listeners(cfg *config.Config) []openfiles.Listener {
	on := []openfiles.Listener{openfiles.Public, openfiles.Control}
	for _, optional := range []struct {
		name    openfiles.Listener
		address string
	}{
		{openfiles.Proxy, cfg.Proxy}, {openfiles.Callback, cfg.Callback.Listen}, {openfiles.Events, cfg.Events.Listen},
	} {
		if optional.address != "" {
			on = append(on, optional.name)
		}
	}
	return on
}

// divideFiles sets aside the open files that the agents of cfg need, and bounds
// the listeners to what is left. It tells of platforms with more agents than ports.
func (d *Daemon) divideFiles(cfg *config.Config) {
	demand := openfiles.Demand{Agents: len(cfg.Agents)}
	for _, p := range cfg.Platforms {
		demand.SignIns += p.SignIn.Concurrent
	}
	for _, w := range cfg.Webhooks {
		demand.Webhooks += w.Concurrent
	}
	plan := d.files.Apply(demand)
	switch text := plan.Warning(); {
	case text == "":
	case plan.Left < 0:
		d.log.Error("open files: " + text)
	default:
		d.log.Warn("open files: " + text)
	}
	d.adviseOnPorts(cfg)
}
