package main

import (
	"context"
	"fmt"
	"time"

	"agentkeeper/test/rig"
)

// hostile has the platforms answer badly: each way for a moment, to agents by
// lot.
func hostile(ctx context.Context, t *trial) error {
	ways := []string{"html", "garbage", "empty", "big", "truncate", "number_types", "lost", "reset", "slow", "status", "hang"}
	each := 400 * time.Millisecond
	if t.long {
		each = 2 * time.Second
	}
	for _, mode := range ways {
		agents := fmt.Sprintf("10%d*", t.random.IntN(6))
		for _, on := range []struct {
			platform *rig.Platform
			agents   string
		}{{t.hq, agents}, {t.cabinet, "*"}} {
			body := fmt.Sprintf(`{"op":"poll","agent":%q,"mode":%q,"for":%q,"delay":"200ms"}`, on.agents, mode, each)
			if on.platform == t.cabinet {
				body = fmt.Sprintf(`{"op":"message","agent":%q,"mode":%q,"for":%q,"delay":"200ms"}`, on.agents, mode, each)
			}
			if err := on.platform.Order("faults", body); err != nil {
				return err
			}
		}
		rest(ctx, each)
	}
	return t.clear()
}

// clear ends what the platforms do on demand.
func (t *trial) clear() error {
	for _, p := range []*rig.Platform{t.hq, t.pbx, t.cabinet} {
		if err := p.Send("DELETE", "faults", ""); err != nil {
			return err
		}
	}
	return nil
}

// outage takes the Huawei platform away in three ways. Its sessions live on.
func outage(ctx context.Context, t *trial) error {
	modes := []string{"refuse", "reset"}
	if t.long {
		modes = append(modes, "hang")
	}
	for _, mode := range modes {
		began := time.Now()
		if err := t.hq.Order("outage", fmt.Sprintf(`{"mode":%q,"for":"1500ms"}`, mode)); err != nil {
			return err
		}
		rest(ctx, 1700*time.Millisecond)
		t.away += time.Since(began)
	}
	return t.clear()
}

// nonsense cuts the answers of some agents' polls for longer than the window.
// The platform carries the polls out, so the sessions live.
func nonsense(ctx context.Context, t *trial) error {
	if err := t.hq.Order("faults", `{"op":"poll","agent":"100[0-2]","mode":"truncate"}`); err != nil {
		return err
	}
	rest(ctx, window+15*time.Second)
	return t.clear()
}
