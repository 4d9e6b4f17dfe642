package fleet

import (
	"io/fs"
	"os"
	"time"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
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
	return s.size == o.size && s.at.Equal(o.at) && (s.info == o.info || s.info != nil && o.info != nil && os.SameFile(s.info, o.info))
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{size: info.Size(), at: info.ModTime(), info: info}
}

// secretLoop gives agents whose secret file changed their new password.
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
	fresh := map[session.ID]session.Secret{}
	for path, agents := range sources {
		now := stampOf(path)
		before, known := seen[path]
		old := known && before.same(now)
		if old && !before.unread {
			continue
		}
		for id, source := range agents {
			now.unread = !f.readSecret(id, source, fresh, !old) || now.unread
		}
		seen[path] = now
	}
	f.newSecrets(fresh)
}

// secretFiles lists the files that hold secrets and whose they are.
func (f *Fleet) secretFiles() map[string]map[session.ID]config.Source {
	f.mu.Lock()
	defer f.mu.Unlock()
	files := map[string]map[session.ID]config.Source{}
	for id, a := range f.agents {
		source := a.becomes().Source
		path := source.Path
		if path == "" || a.removed {
			continue
		}
		if files[path] == nil {
			files[path] = map[session.ID]config.Source{}
		}
		files[path][id] = source
	}
	return files
}

// readSecret reads one secret and reports whether it could; the old one stays
// in use where not, which is logged the first time.
func (f *Fleet) readSecret(id session.ID, source config.Source, fresh map[session.ID]session.Secret, first bool) bool {
	secret, err := source.Read()
	if err != nil {
		if first {
			f.log.Warn("a changed secret cannot be read; the old one stays in use", "agent", id.String(), "error", err)
		}
		return false
	}
	fresh[id] = secret
	return true
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
	for id, secret := range fresh {
		a := f.agents[id]
		c := a.becomes()
		c.Password = secret
		f.log.Info("a secret changed", "platform", id.Platform, "agent", id.String())
		f.touch(a, c)
	}
}

// tellMassChanges tells the gates of platforms where a configuration changes
// the secrets of several agents, against the present ones or against those of
// the last run. The caller holds mu.
func (f *Fleet) tellMassChanges(cfg *config.Config) {
	changed := map[string]int{}
	for _, c := range cfg.Agents {
		if f.changesSecret(c) {
			changed[c.ID.Platform]++
		}
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
	return known && rec.SecretHash != "" && rec.SecretHash != f.store.Hash(c.Password)
}
