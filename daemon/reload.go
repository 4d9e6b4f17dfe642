package daemon

import (
	"context"
	"slices"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/fleet"
)

// Reload implements api.Reloader: all of the new configuration or nothing.
func (d *Daemon) Reload(_ context.Context, by string) (fleet.Plan, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	done := d.manager.Reload()
	defer func() { done(d.status()) }()
	began := time.Now()
	cfg, advice, err := d.o.load()
	for _, w := range advice {
		d.log.Warn("configuration: " + w.String())
	}
	if err != nil {
		d.reloaded(err)
		d.log.Error("reload failed; the old configuration stays", "by", by, "error", err)
		return fleet.Plan{}, err
	}
	warnings := needRestart(d.first, cfg)
	for _, w := range warnings {
		d.log.Warn("configuration: " + w)
	}
	d.level.Set(cfg.Log.Level)
	old := d.cfg.Swap(cfg)
	notes := consumerNotes(old, cfg)
	d.divideFiles(cfg) // before new agents start
	d.dismiss(old, cfg)
	d.consume(cfg)
	d.trace(cfg)
	d.work.Apply(policiesOf(cfg))
	plan := d.fleet.Apply(cfg, by)
	plan.Warnings, plan.Notes = warnings, notes
	d.reloaded(nil)
	d.log.Info("reloaded", "by", by, "started", len(plan.Start), "stopped", len(plan.Stop), "changed", len(plan.Change),
		"left", len(plan.Leave), "took", time.Since(began).Round(time.Millisecond).String())
	return plan, nil
}

// trace traces whom the configuration says, from now on.
func (d *Daemon) trace(cfg *config.Config) {
	if err := d.tracer.Configure(cfg.Log.Trace.Agents, cfg.Log.Trace.For); err != nil {
		d.log.Warn("configuration: log.trace is left out", "error", err)
	}
}

// Plan implements api.Reloader.
func (d *Daemon) Plan(ctx context.Context, path string, texts map[string]string) (fleet.Plan, error) {
	var cfg *config.Config
	var err error
	if path == "" {
		cfg, _, err = d.o.load()
	} else {
		cfg, _, err = config.Load(path, config.WithTexts(texts), config.WithContext(ctx), config.WithOverride(d.o.Override))
	}
	if err != nil {
		return fleet.Plan{}, err
	}
	plan := d.fleet.Plan(cfg)
	plan.Warnings, plan.Notes = needRestart(d.first, cfg), consumerNotes(d.cfg.Load(), cfg)
	return plan, nil
}

// needRestart says what a reload leaves as it was when the process began.
func needRestart(old, cfg *config.Config) (warnings []string) {
	for name, differs := range map[string]bool{
		"proxy.listen": old.Proxy != cfg.Proxy, "callback": old.Callback != cfg.Callback,
		"listen": old.Listen != cfg.Listen, "control": old.Control != cfg.Control, "store.dir": old.Store != cfg.Store,
		"web_config_file": old.WebConfigFile != cfg.WebConfigFile, "log.format": old.Log.Format != cfg.Log.Format,
		"events.listen":    old.Events.Listen != cfg.Events.Listen,
		"events.cert_file": old.Events.CertFile != cfg.Events.CertFile || old.Events.KeyFile != cfg.Events.KeyFile,
		"events.max_age":   old.Events.MaxAge != cfg.Events.MaxAge, "events.max_bytes": old.Events.MaxBytes != cfg.Events.MaxBytes,
		"per_agent_metrics": old.PerAgentMetrics != cfg.PerAgentMetrics,
	} {
		if differs {
			warnings = append(warnings, name+" changed, which needs a restart")
		}
	}
	slices.Sort(warnings)
	return warnings
}

func (d *Daemon) reloaded(err error) {
	d.metrics.Reload(err == nil)
	d.reload.Store(&reloadState{err, time.Now()})
}
