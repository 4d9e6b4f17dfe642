package fleet

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"reflect"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/vendors"
	"agentkeeper/vendors/wire"
)

// platform is one platform of the configuration, with its gate and adapter.
type platform struct {
	cfg     config.Platform
	vendor  vendors.Vendor
	gate    *gate.Gate
	place   wire.Place
	dials   *wire.Dials // of place
	adapter session.Platform
	leaving bool // no longer configured; its agents are signing out
}

// setPlatforms brings the platforms up to date. A gate survives every change
// but that of the system it guards. The caller holds mu.
func (f *Fleet) setPlatforms(cfg *config.Config) {
	for _, c := range cfg.Platforms {
		old := f.platforms[c.Name]
		if old != nil && sameEndpoint(old.cfg, c) {
			old.cfg, old.leaving = c, false
			old.gate.Update(settings(c))
			old.dials.Update(c.Dials.Concurrent, c.Dials.Sources)
			continue
		}
		p := &platform{cfg: c, vendor: f.vendors[c.Vendor]}
		switch {
		case old != nil && sameSystem(old.cfg, c):
			p.gate = old.gate
			p.gate.Update(settings(c))
		case old != nil:
			old.gate.Leave()
			p.gate = f.newGate(c)
		default:
			p.gate = f.newGate(c)
		}
		p.place = f.place(c)
		p.dials = p.place.Dials
		p.adapter = p.vendor.Open(p.place)
		f.platforms[c.Name] = p
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

// newGate returns the gate of a platform. The caller holds mu.
func (f *Fleet) newGate(c config.Platform) *gate.Gate {
	unanswered := 0
	for id, r := range f.records {
		if id.Platform == c.Name && (r.Intent.Op == session.OpSignIn || r.Memo.Doubt == session.OpSignIn) {
			unanswered++
		}
	}
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

// fingerprint is what a sign-in of the agent sends, the password aside: where
// it differs, the session must be made anew. Of a token it holds a keyed hash.
func (f *Fleet) fingerprint(p *platform, a config.Agent) string {
	text := fmt.Sprintf("%s|%s|%s", p.cfg.Vendor, a.Number, p.vendor.Fingerprint(a.Options))
	if !a.Token.IsZero() {
		text += "|" + f.store.Hash(a.Token)
	}
	return text
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
