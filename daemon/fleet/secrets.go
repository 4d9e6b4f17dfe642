package fleet

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// secretEvery is how often the secret files are looked at. Looking is by
// stat, which also sees files that are replaced by rename or by a link.
const secretEvery = 3 * time.Second

// stamp is what tells that a file may have new content.
type stamp struct {
	size int64
	at   time.Time
	info fs.FileInfo
	// unread: it could not be read, which a change of its owner or mode may
	// mend without a new stamp.
	unread bool
}

func (s stamp) same(o stamp) bool {
	one := s.info == o.info || (s.info != nil && o.info != nil && os.SameFile(s.info, o.info))
	return s.size == o.size && s.at.Equal(o.at) && one
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{size: info.Size(), at: info.ModTime(), info: info}
}

// secretLoop gives agents whose secret file changed their new password or token.
func (f *Fleet) secretLoop() {
	seen := map[string]stamp{}
	tick := time.NewTicker(secretEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f.readChanged(seen)
		case <-f.ctx.Done():
			return
		}
	}
}

// readChanged reads what changed since the last look.
func (f *Fleet) readChanged(seen map[string]stamp) {
	sources := f.secretFiles()
	for path := range seen {
		if _, ok := sources[path]; !ok {
			delete(seen, path)
		}
	}
	fresh, tokens := map[session.ID]session.Secret{}, map[session.ID]session.Secret{}
	for path, agents := range sources {
		now := stampOf(path)
		before, known := seen[path]
		old := known && before.same(now)
		if old && !before.unread {
			continue
		}
		for _, o := range agents {
			into := fresh
			if o.token {
				into = tokens
			}
			now.unread = !f.readSecret(o, into, !old) || now.unread
		}
		seen[path] = now
	}
	f.newSecrets(fresh)
	f.newTokens(tokens)
}

// owner is whose secret a file holds, and which of them.
type owner struct {
	id     session.ID
	source config.Source
	token  bool                       // not the password
	check  func(secret string) string // nil: anything goes
}

// secretFiles lists the files that hold secrets and whose they are.
func (f *Fleet) secretFiles() map[string][]owner {
	files := map[string][]owner{}
	add := func(o owner) {
		if path := o.source.Path; path != "" {
			files[path] = append(files[path], o)
		}
	}
	f.walk(func(a *agent) {
		if a.removed {
			return
		}
		c := a.becomes()
		add(owner{id: a.id, source: c.Source})
		if c.TokenSource != nil {
			add(owner{id: a.id, source: *c.TokenSource, token: true, check: tokenCheck(a.platform.vendor.Options)})
		}
	})
	return files
}

// tokenCheck returns what the vendor says about a token.
func tokenCheck(specs []option.Spec) func(string) string {
	i := slices.IndexFunc(specs, func(s option.Spec) bool { return s.SecretFile })
	if i < 0 {
		return nil
	}
	return specs[i].CheckSecret
}

// readSecret reads one secret and reports whether it could; the old one stays
// in use where not, which is logged the first time.
func (f *Fleet) readSecret(o owner, fresh map[session.ID]session.Secret, first bool) bool {
	secret, err := o.source.Read()
	if err == nil && o.check != nil {
		if why := o.check(secret.Reveal()); why != "" {
			err = errors.New(o.source.String() + ": " + why)
		}
	}
	if err != nil {
		if first {
			f.log.Warn("a changed secret cannot be read; the old one stays in use", "agent", o.id.String(), "error", err)
		}
		return false
	}
	fresh[o.id] = secret
	return true
}

// newTokens lets the sessions of agents whose token changed go out and in: the
// platform learns of a token by a sign-in.
func (f *Fleet) newTokens(fresh map[session.ID]session.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := f.hold()
	for id, secret := range fresh {
		b.take()
		a := f.agents[id]
		if a == nil || a.removed || a.becomes().Token.Equal(secret) {
			continue
		}
		c := *a.becomes()
		c.Token = secret
		f.log.Info("a token changed", "platform", id.Platform, "agent", id.String())
		f.adviseSecret(id, *c.TokenSource, secret)
		f.change(a, &c, kindOutIn, "token")
	}
}

// newSecrets gives agents the passwords that differ from the ones in use.
// Where many change at once, one agent of the platform tries its new password
// first.
func (f *Fleet) newSecrets(fresh map[session.ID]session.Secret) {
	f.mu.Lock()
	defer f.mu.Unlock()
	changed := map[string]int{}
	for id, secret := range fresh {
		if a := f.agents[id]; a != nil && !a.removed && !a.becomes().Password.Equal(secret) {
			changed[id.Platform]++
		} else {
			delete(fresh, id)
		}
	}
	for name, n := range changed {
		if p := f.platforms[name]; p != nil && n > 1 {
			p.gate.MassChange()
		}
	}
	b := f.hold()
	for id, secret := range fresh {
		b.take()
		a := f.agents[id]
		if a == nil || a.removed {
			continue
		}
		c := *a.becomes()
		c.Password = secret
		f.log.Info("a secret changed", "platform", id.Platform, "agent", id.String())
		f.adviseSecret(id, c.Source, secret)
		f.touch(a, &c)
	}
}

// adviseSecret warns of what is hardly meant about a new secret, before an agent
// tries it.
func (f *Fleet) adviseSecret(id session.ID, source config.Source, secret session.Secret) {
	if why := source.Advice(secret); why != "" {
		f.log.Warn("a changed secret is hardly meant so", "platform", id.Platform, "agent", id.String(), "advice", why)
	}
}

// tellMassChanges tells the gates of platforms where a configuration changes
// the secrets of several agents, against the present ones or against those of
// the last run. The caller holds mu, which is given up now and then.
func (f *Fleet) tellMassChanges(cfg *config.Config) {
	changed, b := map[string]int{}, f.hold()
	for _, c := range cfg.Agents {
		if f.changesSecret(c) {
			changed[c.ID.Platform]++
		}
		b.take()
	}
	for name, n := range changed {
		if n > 1 {
			f.platforms[name].gate.MassChange()
		}
	}
}

func (f *Fleet) changesSecret(c config.Agent) bool {
	if a := f.agents[c.ID]; a != nil {
		return !a.becomes().Password.Equal(c.Password)
	}
	rec, known := f.records[c.ID]
	return known && !f.damage.HashKey && rec.SecretHash != "" && rec.SecretHash != f.store.Hash(c.Password)
}
