package daemon

import (
	"crypto/subtle"
	"crypto/tls"
	"maps"
	"reflect"
	"slices"

	"agentkeeper/daemon/config"
	"agentkeeper/daemon/openfiles"
	"agentkeeper/daemon/store"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
	"agentkeeper/vendors/wire"
)

// consumers says who may read the stream of events; nil where nothing listens
// for such.
func (d *Daemon) consumers(cfg *config.Config) (*store.Consumers, error) {
	e := cfg.Events
	if e.Listen == "" {
		return nil, nil //nolint:nilnil // no listener, no trouble
	}
	c := &store.Consumers{
		Address: e.Listen, Permit: d.permit, Limit: d.maxConsumers, Refused: d.metrics.StreamRefused,
		Connections: func() int { return d.files.Connections(openfiles.Events) },
		Sender:      d.senders.may, Command: d.senders.take,
	}
	if e.CertFile != "" {
		p, err := wire.NewKeyPair("the event stream's key pair", e.CertFile, e.KeyFile, d.log)
		if err != nil {
			return nil, err
		}
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.ForServer}
	}
	return c, nil
}

// permit names the user whose secret is shown, as the configuration and the
// secret's file are now.
func (d *Daemon) permit(name, password, token string) (user string, ok bool) {
	for _, c := range d.cfg.Load().Consumers {
		shown := password
		if c.ByToken {
			shown = token
		}
		if shown == "" || (!c.ByToken && c.Name != name) {
			continue
		}
		secret, err := c.Source.Read()
		if err != nil {
			d.log.Error("events: the secret of a user cannot be read; it is not let in", "user", c.Name, "error", err)
			continue
		}
		if subtle.ConstantTimeCompare([]byte(shown), []byte(secret.Reveal())) == 1 {
			return c.Name, true
		}
	}
	return "", false
}

// maxConsumers is how many consumers a user may have, 0 where the configuration
// does not name it any more.
func (d *Daemon) maxConsumers(user string) int {
	for _, c := range d.cfg.Load().Consumers {
		if c.Name == user {
			return c.MaxConsumers
		}
	}
	return 0
}

// dismiss ends the connections of users that the configuration does not name
// any more or whose right to send commands began or ended, which counts from a
// connection's beginning, and those that are too many now.
func (d *Daemon) dismiss(old, cfg *config.Config) {
	d.store.Disconnect(func(user string) bool {
		named := slices.ContainsFunc(cfg.Consumers, func(c config.Consumer) bool { return c.Name == user })
		return named && (rights(old, user) == nil) == (rights(cfg, user) == nil)
	})
	d.store.CrowdOut()
}

// consumerNotes says which webhooks and users of the stream are new in cfg,
// changed or gone. Secrets are not compared with those of a cfg that was loaded
// without them.
func consumerNotes(old, cfg *config.Config) []string {
	secrets := !cfg.SecretsUnread
	return append(notes("webhook", hooksOf(old, secrets), hooksOf(cfg, secrets)), notes("user", usersOf(old, secrets), usersOf(cfg, secrets))...)
}

func hooksOf(cfg *config.Config, secrets bool) map[string]config.Webhook {
	all := map[string]config.Webhook{}
	for _, w := range cfg.Webhooks {
		w.Pos, w.Source.Pos = option.Pos{}, option.Pos{}
		if !secrets {
			w.Secret = session.Secret{}
		}
		all[w.Name] = w
	}
	return all
}

func usersOf(cfg *config.Config, secrets bool) map[string]config.Consumer {
	all := map[string]config.Consumer{}
	for _, c := range cfg.Consumers {
		c.Pos, c.Source.Pos = option.Pos{}, option.Pos{}
		if !secrets {
			c.Secret, c.Source.Inline = session.Secret{}, session.Secret{}
		}
		all[c.Name] = c
	}
	return all
}

func notes[T any](what string, old, now map[string]T) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		switch next, stays := now[name]; {
		case !stays:
			list = append(list, what+" "+name+": gone")
		case !reflect.DeepEqual(old[name], next):
			list = append(list, what+" "+name+": changed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if _, was := old[name]; !was {
			list = append(list, what+" "+name+": new")
		}
	}
	return list
}
