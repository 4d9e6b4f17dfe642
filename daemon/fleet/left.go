package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/vendors"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// place is what is stored of a platform, so that its agents can be signed out
// though it is configured no longer: how to reach it, and its limits. It holds
// no secret, and no option that names a file with one.
type place struct {
	Version int                     `json:"version"`
	Vendor  string                  `json:"vendor"`
	URL     string                  `json:"url"`
	TLS     wire.TLSSettings        `json:"tls,omitzero"`
	Window  time.Duration           `json:"window"`
	Dials   config.Dials            `json:"dials,omitzero"` // zero in what earlier versions wrote
	SignIn  config.SignIn           `json:"sign_in"`
	Backoff config.Backoff          `json:"backoff"`
	Lockout config.Lockout          `json:"lockout"`
	Options map[string]option.Value `json:"options,omitempty"`
}

const placeVersion = 1

// encodePlace returns what is to be stored of a platform.
func encodePlace(c config.Platform, v vendors.Vendor) ([]byte, error) {
	p := place{Version: placeVersion, Vendor: c.Vendor, URL: c.URL.String(), TLS: c.TLS, Window: c.Window,
		Dials: c.Dials, SignIn: c.SignIn, Backoff: c.Backoff, Lockout: c.Lockout}
	for _, spec := range v.Options {
		value, written := c.Options[spec.Name]
		if !written || spec.SecretFile || spec.Callback {
			continue
		}
		if p.Options == nil {
			p.Options = map[string]option.Value{}
		}
		value.Pos = option.Pos{} // a line moved is no change
		p.Options[spec.Name] = value
	}
	return json.Marshal(p)
}

// decodePlace reads what encodePlace wrote.
func decodePlace(name string, stored []byte, table map[string]vendors.Vendor) (config.Platform, error) {
	var p place
	if err := json.Unmarshal(stored, &p); err != nil {
		return config.Platform{}, err
	}
	u, err := url.Parse(p.URL)
	_, known := table[p.Vendor]
	switch {
	case err != nil:
		return config.Platform{}, err
	case p.Version != placeVersion:
		return config.Platform{}, fmt.Errorf("version %d, this program reads %d", p.Version, placeVersion)
	case !known:
		return config.Platform{}, fmt.Errorf("no vendor %q", p.Vendor)
	case u.Host == "" || p.Window <= 0 || p.SignIn.Timeout <= 0 || p.SignIn.Concurrent < 1 || p.Backoff.Initial <= 0 || p.Backoff.Max < p.Backoff.Initial:
		return config.Platform{}, fmt.Errorf("an address or a limit is missing")
	}
	return config.Platform{Name: name, Vendor: p.Vendor, URL: u, TLS: p.TLS, Window: p.Window,
		Dials: p.Dials, SignIn: p.SignIn, Backoff: p.Backoff, Lockout: p.Lockout, Options: p.Options}, nil
}

// leftBehind is what the process before left of platforms, until the first
// configuration has been applied.
type leftBehind struct {
	places map[string]config.Platform
	over   bool // it has been
}

func decodePlaces(stored map[string][]byte, table map[string]vendors.Vendor, log *slog.Logger) leftBehind {
	left := leftBehind{places: make(map[string]config.Platform, len(stored))}
	for name, text := range stored {
		p, err := decodePlace(name, text, table)
		if err != nil {
			log.Warn("what is stored of a platform cannot be read and is ignored", "platform", name, "error", err)
			continue
		}
		left.places[name] = p
	}
	return left
}

// placesTimeout bounds the storing of the platforms' settings: a start or a
// reload does not wait for a disk.
const placesTimeout = 2 * time.Second

// storePlaces makes durable what is needed to sign the platforms' agents out,
// before the first of them signs in. What a store that fails did not take is
// tried again with the next configuration.
func (f *Fleet) storePlaces(cfg *config.Config) {
	ctx, cancel := context.WithTimeout(f.ctx, placesTimeout)
	defer cancel()
	if f.places == nil {
		f.places = map[string][]byte{}
	}
	for _, c := range cfg.Platforms {
		text, err := encodePlace(c, f.vendors[c.Vendor])
		if err == nil && bytes.Equal(text, f.places[c.Name]) {
			continue
		}
		if err == nil {
			err = f.store.Put(ctx, store.Platforms, c.Name, text)
		}
		if err != nil {
			f.log.Warn("a platform's settings cannot be stored: agents that are removed before a restart could not be signed out by it",
				"platform", c.Name, "error", err)
			return
		}
		f.places[c.Name] = text
	}
	f.dropPlaces(ctx, cfg)
}

// dropPlaces removes what is stored of platforms that are configured no longer
// and have no agent left.
func (f *Fleet) dropPlaces(ctx context.Context, cfg *config.Config) {
	used := map[string]bool{}
	for _, c := range cfg.Platforms {
		used[c.Name] = true
	}
	f.mu.Lock()
	for id := range f.records {
		used[id.Platform] = true
	}
	for id := range f.agents {
		used[id.Platform] = true
	}
	f.mu.Unlock()
	for name := range f.places {
		if !used[name] && f.store.Put(ctx, store.Platforms, name, nil) == nil {
			delete(f.places, name)
		}
	}
}

// signOutLeft takes on, once, the agents that are stored and configured no
// longer: they are signed out through their platform's gate, where they were
// signed in, and forgotten. Until then they are agents like others, but for
// their end. It returns them. The caller holds mu, which is given up now and then,
// and applying.
func (f *Fleet) signOutLeft(by string) (fresh []newcomer) {
	if f.left.over || f.ending {
		return nil
	}
	f.left.over = true
	platforms, names := map[string]*platform{}, map[string][]string{}
	unanswered := f.unanswered()
	b := f.hold()
	for id, rec := range f.records { // nobody changes them but Apply
		if f.ending {
			break
		}
		p, known := platforms[id.Platform]
		if !known {
			p = f.platformLeft(id.Platform, unanswered[id.Platform])
			platforms[id.Platform] = p
		}
		if mayBeSignedIn(rec) {
			names[id.Platform] = append(names[id.Platform], id.Login)
		}
		if p != nil {
			fresh = append(fresh, f.takeOver(id, rec, p, by))
		}
		b.take()
	}
	f.tellLeft(platforms, names)
	return fresh
}

func (f *Fleet) tellLeft(platforms map[string]*platform, names map[string][]string) {
	for name, logins := range names {
		if platforms[name] != nil {
			f.log.Warn("agents are signed in that are configured no longer: they are signed out", "platform", name, "count", len(logins), "logins", some(logins))
			continue
		}
		f.log.Error("agents are signed in that are configured no longer and cannot be signed out: nothing is stored of their platform",
			"platform", name, "count", len(logins), "logins", some(logins),
			"action", "none where the platform signs silent agents out by itself; else sign them out there")
	}
}

// mayBeSignedIn reports whether the platform may hold a session of the agent's.
func mayBeSignedIn(r session.Record) bool {
	return !r.Key.IsZero() || r.Intent.Op != session.OpNone || r.Memo.Doubt != session.OpNone || !r.Memo.OrphanUntil.IsZero()
}

// maxNames is how many agents a line of the log names.
const maxNames = 20

// some names the first of many.
func some(logins []string) string {
	slices.Sort(logins)
	if more := len(logins) - maxNames; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(logins[:maxNames], " "), more)
	}
	return strings.Join(logins, " ")
}

// platformLeft returns the platform that agents were left on, as it was when it
// was last configured; nil where nothing is known of it. unanswered is how many of
// their sign-ins were never answered. The caller holds mu.
func (f *Fleet) platformLeft(name string, unanswered int) *platform {
	now := f.platforms[name]
	c, stored := f.left.places[name]
	if !stored || (now != nil && sameEndpoint(*now.cfg, c)) {
		return now
	}
	p := f.newPlatform(&c, f.newGate(c, unanswered))
	p.leaving = true
	if now == nil {
		f.platforms[name] = p
	}
	return p
}

// takeOver takes an agent on only to sign it out. The caller holds mu.
func (f *Fleet) takeOver(id session.ID, rec session.Record, p *platform, by string) newcomer {
	delete(f.records, id)
	options, terms, problems := p.vendor.Decode(p.cfg.Options, p.cfg.Window)
	if len(problems) > 0 {
		options, terms, _ = p.vendor.Decode(nil, p.cfg.Window)
	}
	a := f.newAgent(&config.Agent{ID: id, Options: options, Terms: terms})
	a.platform = p
	a.keeper = f.newKeeper(a, rec)
	f.enlist(a)
	f.remove(a, by)
	return newcomerOf(a, rec)
}

// giveUp lets a removed agent go that could not be signed out for so long that its
// platform has done so by itself: it was sent nothing meanwhile that keeps a
// session. One in a call is waited for. The caller holds mu.
func (f *Fleet) giveUp(a *agent, view *keeper.View, now time.Time) bool {
	switch {
	case a.gaveUp || now.Before(*a.giveUp):
		return false
	case view.Reason == session.ReasonBusy:
		*a.giveUp = now.Add(a.platform.cfg.Window)
		return false
	}
	a.gaveUp = true
	a.order(keeper.Order{Wish: session.Quit, By: a.keeper.Order().By, Why: "the platform has signed it out by itself"})
	return true
}

func (f *Fleet) tellGivenUp(names map[string][]string) {
	for name, logins := range names {
		f.log.Warn("removed agents could not be signed out and are given up: they were silent for longer than the platform forgives",
			"platform", name, "count", len(logins), "logins", some(logins))
	}
}

// strangersKept is how long a record is kept of an agent whose platform nothing
// is known of: no platform holds a session that was silent for so long.
const strangersKept = 24 * time.Hour

// forgetStrangers removes such records when they are old enough. It runs within
// Apply, so that no agent starts from a record that is being removed.
func (f *Fleet) forgetStrangers() {
	now := time.Now()
	var old []session.ID
	f.mu.Lock()
	for id, r := range f.records {
		if now.Sub(r.Written) > strangersKept && now.Sub(r.LastContact) > strangersKept {
			old = append(old, id)
			delete(f.records, id)
		}
	}
	if len(f.records) == 0 {
		f.records = nil // an emptied map keeps its room
	}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(f.ctx, placesTimeout)
	defer cancel()
	for _, id := range old {
		if f.store.Forget(ctx, id) != nil {
			return // the next start tries again
		}
	}
}
