package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/gate"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
)

// olderKey reports whether an earlier version stored a budget of a platform at
// the same address by that key, "name vendor host". A host without a port is
// taken to mean the port of the present scheme.
func olderKey(key string, c config.Platform) bool {
	fields := strings.Fields(key)
	if len(fields) < 3 {
		return false
	}
	was := config.Platform{URL: &url.URL{Scheme: c.URL.Scheme, Host: fields[len(fields)-1]}}
	return was.Address() == c.Address()
}

// olderGates returns the budgets that an earlier version stored for the
// platforms at one address.
func (f *Fleet) olderGates(c config.Platform) (states [][]byte) {
	for key, state := range f.gates {
		if olderKey(key, c) {
			states = append(states, state)
		}
	}
	return states
}

// service returns what guards the address of a platform. The caller holds mu.
func (f *Fleet) service(c config.Platform) *gate.Service {
	key := c.Address()
	if s := f.services[key]; s != nil {
		return s
	}
	s := gate.NewService(gate.ServiceOptions{
		Address: key, Saved: f.gates[key], Older: f.olderGates(c), Lockout: settings(c).Lockout,
		Save: func(ctx context.Context, state []byte) error { return f.store.Put(ctx, store.Gates, key, state) },
	})
	f.services[key] = s
	return s
}

// Errors of EndQuarantine.
var (
	// ErrUnknownPlatform means that no platform has that name.
	ErrUnknownPlatform = errors.New("no such platform")
	// ErrNotQuarantined means that log-ins to the platform are not stopped.
	ErrNotQuarantined = errors.New("the platform is not quarantined")
)

// EndQuarantine ends the quiet time of a platform's quarantine, and of every
// other platform's at its address, because a person says so: one log-in tries
// next, and its success ends the quarantine. It returns when that is durable.
// It fails with ErrUnknownPlatform, ErrNotQuarantined, or the store's error;
// then it is tried again by itself.
func (f *Fleet) EndQuarantine(ctx context.Context, name, by, reason string) error {
	f.mu.Lock()
	p := f.platforms[name]
	f.mu.Unlock()
	if p == nil {
		return fmt.Errorf("%w: %s", ErrUnknownPlatform, name)
	}
	ended, err := p.gate.EndQuarantine(ctx)
	if !ended {
		return fmt.Errorf("%w: %s", ErrNotQuarantined, name)
	}
	f.log.Info("audit", "platform", name, "operation", "end_quarantine", "by", by, "reason", reason)
	if err != nil {
		return fmt.Errorf("store the end of the quarantine: %w", err)
	}
	return nil
}

// warnOfQuarantines tells, when the process ends, who will not come back by
// itself at once because log-ins are stopped. handOver says that the sessions
// stay signed in. The caller holds mu.
func (f *Fleet) warnOfQuarantines(handOver bool) {
	for name, p := range f.platforms {
		st := p.gate.Snapshot()
		if !st.Quarantined {
			continue
		}
		counts, _ := f.census.of(name, st)
		signedIn := Platform{Counts: counts}.Sum(func(c Count) bool { return c.SignedIn })
		attrs := []any{slog.String("platform", name), slog.String("detail", whatEnds(handOver, p.vendor.Adopts)), slog.Int("signed_in", signedIn),
			slog.Time("until", st.QuarantinedUntil), slog.String("quarantine", st.Why),
			slog.String("action", "`agentkeeper quarantine end "+name+" --reason TEXT`, once the platform takes log-ins again, lets one try sooner")}
		f.log.Warn("the process ends during a quarantine, which the next one goes on with", attrs...)
	}
}

func whatEnds(handOver, adopts bool) string {
	switch {
	case !handOver:
		return "agents that are signed out now do not come back before a log-in has ended the quarantine"
	case adopts:
		return "sessions are handed over; one that is lost does not come back before a log-in has ended the quarantine"
	}
	return "sessions of this platform end with their connections, and do not come back before a log-in has ended the quarantine"
}

// trustSession takes the present password for proven where an earlier version,
// which kept no proof, left a session that was made with it at the same address.
// The caller holds mu, in Apply.
func (f *Fleet) trustSession(a *agent, rec session.Record) session.Record {
	was, known := f.left.places[a.id.Platform]
	memo := rec.Memo
	settled := rec.Intent.Op == session.OpNone && memo.Doubt == session.OpNone && memo.Parked == session.ReasonNone && memo.Fails == 0
	if known && settled && rec.ProvenHash == "" && !rec.Key.IsZero() && rec.SignIns > 0 && was.Address() == a.platform.cfg.Address() &&
		rec.SecretHash != "" && rec.SecretHash == f.store.Hash(a.cfg.Password) {
		rec.ProvenHash = f.proof(a.platform.cfg, a.cfg)
	}
	return rec
}
