package fleet

import (
	"context"
	"crypto/tls"
	"log/slog"
	"reflect"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors"
	"agentkeeper/vendors/wire"
)

// platform is one platform of the configuration, with its gate and adapter.
type platform struct {
	cfg     *config.Platform // never changed, but replaced
	vendor  vendors.Vendor
	gate    *gate.Gate
	keepers *keeper.Platform // of adapter, by gate
	place   wire.Place
	dials   *wire.Dials // of place
	adapter session.Platform
	leaving bool // no longer configured; its agents are signing out
}

// newPlatform returns a platform behind a gate.
func (f *Fleet) newPlatform(c *config.Platform, g *gate.Gate) *platform {
	p := &platform{cfg: c, vendor: f.vendors[c.Vendor], gate: g, place: f.place(*c)}
	p.dials = p.place.Dials
	p.adapter = p.vendor.Open(p.place)
	p.keepers = &keeper.Platform{Adapter: p.adapter, Gate: g.Platform}
	return p
}

// setPlatforms brings the platforms up to date. A gate survives every change
// but that of the system it guards. unanswered is what [Fleet.unanswered] returned.
// The caller holds mu.
func (f *Fleet) setPlatforms(cfg *config.Config, unanswered map[string]int) {
	for i := range cfg.Platforms {
		c := &cfg.Platforms[i]
		old := f.platforms[c.Name]
		switch {
		case old == nil:
			f.platforms[c.Name] = f.newPlatform(c, f.newGate(*c, unanswered[c.Name]))
		case sameEndpoint(*old.cfg, *c):
			old.cfg, old.leaving = c, false
			old.gate.Update(settings(*c))
			old.dials.Update(c.Dials.Concurrent, c.Dials.Sources)
		case sameSystem(*old.cfg, *c):
			old.gate.Update(settings(*c))
			f.platforms[c.Name] = f.newPlatform(c, old.gate)
		default:
			old.gate.Leave()
			f.platforms[c.Name] = f.newPlatform(c, f.newGate(*c, unanswered[c.Name]))
		}
	}
}

// sameSystem reports whether two configurations of a platform mean one system,
// though they may reach it by other settings.
func sameSystem(a, b config.Platform) bool {
	return a.Vendor == b.Vendor && a.Address() == b.Address()
}

// Place returns where a platform is and which vendor's it is. It is the same
// value until one of that changes.
func (f *Fleet) Place(name string) (place wire.Place, vendor string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.platforms[name]
	if p == nil {
		return wire.Place{}, "", false
	}
	return p.place, p.cfg.Vendor, true
}

func sameEndpoint(a, b config.Platform) bool {
	return a.Vendor == b.Vendor && a.URL.String() == b.URL.String() && reflect.DeepEqual(a.TLS, b.TLS) &&
		a.Window == b.Window && a.SignIn.Timeout == b.SignIn.Timeout
}

func (f *Fleet) place(c config.Platform) wire.Place {
	var conf *tls.Config
	if c.URL.Scheme == "https" || c.URL.Scheme == "wss" {
		var err error
		settings := c.TLS
		settings.Log = f.log.With("platform", c.Name)
		if conf, err = settings.Config(c.URL.Hostname()); err != nil {
			// Load found the settings good; a file that went away since is
			// told by every handshake, and other platforms go on.
			f.log.Error("TLS settings cannot be used", "platform", c.Name, "error", err)
			conf = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.TLS.ServerName}
		}
	}
	return wire.Place{Name: c.Name, URL: c.URL, TLS: conf, DialContext: f.dial, Dials: wire.NewDials(c.Dials.Concurrent, c.Dials.Sources),
		OperationTimeout: c.SignIn.Timeout, Window: c.Window, Log: f.log.With("platform", c.Name), Traces: f.traces}
}

// unanswered counts, by platform, the stored sign-ins that were never answered, of
// agents that have no keeper yet. It is Apply's, which alone changes the records.
func (f *Fleet) unanswered() map[string]int {
	count := map[string]int{}
	for id, r := range f.records {
		if r.Intent.Op == session.OpSignIn || r.Memo.Doubt == session.OpSignIn {
			count[id.Platform]++
		}
	}
	return count
}

// newGate returns the gate of a platform. The caller holds mu.
func (f *Fleet) newGate(c config.Platform, unanswered int) *gate.Gate {
	g := gate.New(gate.Options{
		Name: c.Name, Settings: settings(c), Service: f.service(c), Unanswered: unanswered,
		Notify: func(change gate.Change) {
			level := slog.LevelWarn
			if change.Kind == gate.Released || change.Kind == gate.Back || change.Kind == gate.Eased {
				level = slog.LevelInfo
			}
			attrs := []slog.Attr{slog.String("platform", c.Name), slog.String("change", change.Kind.String()), slog.String("detail", change.Text)}
			if !change.Until.IsZero() {
				attrs = append(attrs, slog.Time("until", change.Until))
			}
			f.log.LogAttrs(context.Background(), level, "platform", attrs...)
		},
	})
	if f.careful(c) {
		g.MassChange()
	}
	if err := f.store.Err(); err != nil {
		g.SetStore(err)
	}
	return g
}

func settings(c config.Platform) gate.Settings {
	return gate.Settings{
		Rate: c.SignIn.Rate, Concurrent: c.SignIn.Concurrent,
		Backoff: gate.Backoff{Initial: c.Backoff.Initial, Max: c.Backoff.Max},
		Lockout: gate.Lockout{Failures: c.Lockout.Failures, Within: c.Lockout.Within, Quiet: c.Lockout.Quiet},
	}
}

// storeLoop closes every gate while the store cannot be written.
func (f *Fleet) storeLoop() {
	for {
		changed := f.store.Changed()
		err := f.store.Err()
		for _, g := range f.everyGate() {
			g.SetStore(err)
		}
		select {
		case <-changed:
		case <-f.ctx.Done():
			return
		}
	}
}

func (f *Fleet) everyGate() []*gate.Gate {
	f.mu.Lock()
	defer f.mu.Unlock()
	gates := make([]*gate.Gate, 0, len(f.platforms))
	for _, p := range f.platforms {
		gates = append(gates, p.gate)
	}
	return gates
}

// Receiver returns the adapter that takes what a platform sends by itself; ok is
// false for a platform that is not there or sends nothing.
func (f *Fleet) Receiver(name string) (r session.Receiver, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.platforms[name]
	if p == nil {
		return nil, false
	}
	r, ok = p.adapter.(session.Receiver)
	return r, ok
}
