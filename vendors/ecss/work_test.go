package ecss

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/session"
	"agentkeeper/session/work"
)

func TestReadWork(t *testing.T) {
	of := func(s work.State) work.Change {
		return work.Change{State: s, By: work.ByPlatform, Sure: true, Answered: s == work.Talking}
	}
	for frame, want := range map[string]work.Change{
		`{"action":"call/subscribe","payload":{"id":"1","callRef":"a","operatorId":"7","status":"alerting"}}`:               of(work.Offered),
		`{"action":"call/subscribe","payload":[{"id":"1","operatorId":"7","status":"working"}],"status":200}`:               of(work.Talking),
		`{"action":"call/subscribe","payload":[{"operatorId":"7","status":"acw"},{"operatorId":"7","status":"alerting"}]}`:  of(work.Offered),
		`{"action":"call/subscribe","payload":[{"operatorId":"7","status":"released"},{"operatorId":"7","status":"hold"}]}`: of(work.Talking),
		`{"action":"call","payload":{"operatorId":"7","status":"acw"}}`:                                                     of(work.WrapUp),
		`{"action":"call","payload":{"operatorId":"7","status":"finished"}}`:                                                of(work.Unknown),
		`{"action":"call","payload":{"operatorId":"7","status":"initiating"}}`:                                              {},
		`{"action":"call","payload":{"status":"working"}}`:                                                                  {},
		`{"action":"call/subscribe","payload":[],"status":200}`:                                                             {},
		`{"action":"x","payload":"operatorId","status":200}`:                                                                {},
		`{"action":"x","payload":{"operatorId":"7"},"status":200}`:                                                          {},
		`{"action":"call/accept","requestId":3,"payload":{"ok":{}},"status":200}`:                                           {},
	} {
		got, ok := readWork(session.Event{Data: json.RawMessage(frame)})
		if want.State == "" {
			if ok {
				t.Errorf("%s: %+v", frame, got)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: %v %s", frame, ok, diff)
		}
	}
}
