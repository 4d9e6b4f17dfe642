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
