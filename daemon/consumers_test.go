package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/daemon/config"
	"agentkeeper/session"
	"agentkeeper/vendors/option"
)

// A plan tells of consumers that change, whatever line they stand on.
func TestConsumerNotes(t *testing.T) {
	old := &config.Config{
		Webhooks:  []config.Webhook{{Name: "crm", Secret: session.NewSecret("a"), Pos: option.Pos{Line: 1}}, {Name: "old"}, {Name: "bi", Types: []string{"huawei.*"}}},
		Consumers: []config.Consumer{{Name: "crm", Source: config.Source{Path: "crm", Pos: option.Pos{Line: 7}}}, {Name: "night"}},
	}
	cfg := &config.Config{
		Webhooks:  []config.Webhook{{Name: "new"}, {Name: "bi"}, {Name: "crm", Secret: session.NewSecret("a"), Pos: option.Pos{Line: 3}}},
		Consumers: []config.Consumer{{Name: "crm", Source: config.Source{Path: "crm", Pos: option.Pos{Line: 9}}}, {Name: "night", ByToken: true}},
	}
	if diff := cmp.Diff([]string{"webhook bi: changed", "webhook old: gone", "webhook new: new", "user night: changed"}, consumerNotes(old, cfg)); diff != "" {
		t.Error(diff)
	}
	if got := consumerNotes(cfg, cfg); len(got) != 0 {
		t.Errorf("of the same: %v", got)
	}
	cfg.Webhooks[2].Secret = session.NewSecret("b")
	if got := consumerNotes(old, cfg); !cmp.Equal(got[:2], []string{"webhook bi: changed", "webhook crm: changed"}) {
		t.Errorf("with another secret: %v", got)
	}
}

// A configuration that was loaded without its secrets tells nothing of them, not
// even whether a guess is right.
func TestConsumerNotesWithoutSecrets(t *testing.T) {
	old := &config.Config{
		Webhooks:  []config.Webhook{{Name: "crm", Secret: session.NewSecret("a")}},
		Consumers: []config.Consumer{{Name: "night", Secret: session.NewSecret("a"), Source: config.Source{Key: "password", Inline: session.NewSecret("a")}}},
	}
	for _, guess := range []string{"a", "b"} {
		cfg := &config.Config{
			SecretsUnread: true, Webhooks: []config.Webhook{{Name: "crm"}},
			Consumers: []config.Consumer{{Name: "night", Source: config.Source{Key: "password", Inline: session.NewSecret(guess)}}},
		}
		if got := consumerNotes(old, cfg); len(got) != 0 {
			t.Errorf("of the guess %s: %v", guess, got)
		}
		cfg.Consumers[0].Source = config.Source{Key: "password_file", Path: "x"}
		if got := consumerNotes(old, cfg); !cmp.Equal(got, []string{"user night: changed"}) {
			t.Errorf("of another place: %v", got)
		}
	}
}
