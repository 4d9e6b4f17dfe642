package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"agentkeeper/daemon/atomicfile"
	"agentkeeper/daemon/config"
	"agentkeeper/daemon/gate"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
)

// Credential is what another program at the site needs to act within an
// agent's session, as the control API and the credential file give it. It is
// secret as a whole.
type Credential struct {
	Headers    map[string]string `json:"headers"`
	Token      string            `json:"token"`
	IssuedAt   *time.Time        `json:"issued_at"`
	ExpiresAt  *time.Time        `json:"expires_at"` // null where the platform does not tell
	Generation uint64            `json:"generation"`
}

// Format prints "***" for every verb; only its JSON tells.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, session.Redacted) }

// CredentialOf returns h as others get it.
func CredentialOf(h keeper.Handed) Credential {
	c := Credential{Headers: map[string]string{}, Token: h.Credential.Token.Reveal(), Generation: h.Generation,
		IssuedAt: instantOf(h.Credential.IssuedAt), ExpiresAt: instantOf(h.Credential.ExpiresAt)}
	for _, one := range h.Credential.Header {
		c.Headers[one.Name] = one.Value
	}
	return c
}

func instantOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// Credential returns an agent's present credential.
func (f *Fleet) Credential(id session.ID) (keeper.Handed, error) {
	f.mu.Lock()
	a := f.agents[id]
	f.mu.Unlock()
	if a == nil {
		return keeper.Handed{}, fmt.Errorf("%w: %s", ErrUnknownAgent, id)
	}
	return f.keeperOf(a).Credential(), nil
}

// keeperOf returns the agent's present keeper.
func (f *Fleet) keeperOf(a *agent) *keeper.Keeper {
	f.mu.Lock()
	defer f.mu.Unlock()
	return a.keeper
}

// ErrQuarantined means that log-ins to the platform are stopped.
var ErrQuarantined = errors.New("log-ins to this platform are stopped to avoid a lock-out")

// Refuse says that the platform refused an agent's credential of that
// generation. If it is still current, one new log-in follows, however many say
// so. After a quarantine's quiet time that log-in may be the one that ends the
// quarantine. Refuse fails with keeper.ErrNotCurrent, keeper.ErrNoSession,
// ErrQuarantined or ErrUnknownAgent.
func (f *Fleet) Refuse(id session.ID, generation uint64, by string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.agents[id]
	if a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAgent, id)
	}
	status := a.platform.gate.Snapshot()
	switch {
	case status.Quarantined && time.Now().Before(status.QuarantinedUntil):
		return ErrQuarantined
	case a.platform.vendor.Renews:
		return a.keeper.Refuse(generation)
	case status.Quarantined && a.next == nil && f.tries(a.platform, status):
		return ErrQuarantined
	}
	return f.remake(a, generation, by)
}

// tries reports whether a log-in that may end the quarantine is under way, or
// waits for its turn. A session that has to be signed out before its new log-in
// is left alone until the outcome is known: the log-in could not follow, were
// the other one refused. The caller holds mu.
func (f *Fleet) tries(p *platform, status gate.Status) bool {
	if status.Queue > 0 || status.InFlight > 0 {
		return true
	}
	for _, a := range f.agents {
		if a.platform == p && a.next != nil {
			return true
		}
	}
	return false
}

// remake lets a session that its own polls or socket prove out and in: its
// vendor has no second log-in beside a live one. Repeated reports wait until a
// session has lasted for a window. The caller holds mu.
func (f *Fleet) remake(a *agent, generation uint64, by string) error {
	switch h := a.keeper.Credential(); {
	case !h.Live:
		return keeper.ErrNoSession
	case h.Generation != generation:
		return keeper.ErrNotCurrent
	case a.next != nil || a.removed, a.remade != nil && time.Since(*a.remade) < a.platform.cfg.Window:
		return nil
	}
	now := time.Now()
	a.remade = &now
	f.change(a, a.cfg, kindOutIn, by)
	return nil
}

// credentialRetry is how soon a credential file that could not be written is
// tried again.
const credentialRetry = 5 * time.Second

// handed notes that an agent's credential changed. It does not block: it is
// called on the agents' goroutines.
func (f *Fleet) handed(id session.ID) {
	f.pendingMu.Lock()
	f.pending[id] = true
	f.pendingMu.Unlock()
	f.wakeWriter()
}

func (f *Fleet) wakeWriter() {
	select {
	case f.write <- struct{}{}:
	default:
	}
}

// moveCredential lets a new configuration's credential file be written and the
// old one's be removed.
func (f *Fleet) moveCredential(a *agent, c *config.Agent) {
	if a.cfg.Credential == c.Credential {
		return
	}
	if old := a.cfg.Credential.Path; old != c.Credential.Path {
		f.retireCredential(old)
	}
	f.handed(a.id)
}

// retireCredential lets a file be removed that no agent's credential belongs
// into any more; "" is none.
func (f *Fleet) retireCredential(path string) {
	if path == "" {
		return
	}
	f.pendingMu.Lock()
	f.obsolete = append(f.obsolete, path)
	f.pendingMu.Unlock()
	f.wakeWriter()
}

// credentialLoop writes credential files.
func (f *Fleet) credentialLoop() {
	retry := time.NewTicker(credentialRetry)
	defer retry.Stop()
	for {
		select {
		case <-f.write:
		case <-retry.C:
		case <-f.ctx.Done():
			f.writePending() // what signing out removes, the end removes
			return
		}
		f.writePending()
	}
}

func (f *Fleet) writePending() {
	f.pendingMu.Lock()
	due := f.pending
	f.pending = map[session.ID]bool{}
	obsolete := f.obsolete
	f.obsolete = nil
	f.pendingMu.Unlock()
	for _, path := range obsolete {
		if f.usesCredential(path) { // another agent has taken it over
			continue
		}
		if err := removeFile(path); err != nil {
			f.log.Warn("an old credential file could not be removed", "file", path, "error", err)
		}
	}
	for id := range due {
		if err := f.writeOne(id); err != nil {
			f.log.Warn("the credential file could not be written; it is tried again", "agent", id.String(), "error", err)
			f.pendingMu.Lock()
			f.pending[id] = true
			f.pendingMu.Unlock()
		}
	}
}

func (f *Fleet) usesCredential(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.agents {
		if a.cfg.Credential.Path == path {
			return true
		}
	}
	return false
}

// tookOver reports whether the file of an agent that is to give it up is another
// agent's by now, which may have written it already. The caller holds mu.
func (f *Fleet) tookOver(a *agent) bool {
	path := a.cfg.Credential.Path
	if !a.removed && a.becomes().Credential.Path == path {
		return false
	}
	for _, b := range f.agents {
		if b != a && b.becomes().Credential.Path == path {
			return true
		}
	}
	return false
}

// writeOne brings one agent's credential file up to date. The file of a session
// that is lost stays while a new one is on its way; that of an agent that is
// signed out or parked goes.
func (f *Fleet) writeOne(id session.ID) error {
	f.mu.Lock()
	a := f.agents[id]
	if a == nil {
		f.mu.Unlock()
		return nil
	}
	file := a.cfg.Credential
	h := a.keeper.Credential()
	others := f.tookOver(a)
	f.mu.Unlock()
	if file.Path == "" || others {
		return nil
	}
	switch {
	case h.Replacing:
		return nil // readers go on with what they have until there is a new one
	case !h.Live:
		return removeFile(file.Path)
	}
	text, err := json.Marshal(CredentialOf(h))
	if err != nil {
		return fmt.Errorf("encode the credential: %w", err)
	}
	return atomicfile.Write(file.Path, append(text, '\n'), file.Mode, file.GID)
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}
