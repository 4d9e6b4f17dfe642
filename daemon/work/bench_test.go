package work_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	"agentkeeper/daemon/store"
	"agentkeeper/daemon/store/storetest"
	tracking "agentkeeper/daemon/work"
	"agentkeeper/session"
	"agentkeeper/session/keeper"
	"agentkeeper/session/work"
	"agentkeeper/vendors/huawei"
)

// fleetOf is a large platform; it knows its agents by their number alone.
type fleetOf struct {
	configured
	policy work.Policy
}

func (f fleetOf) Work(session.ID, time.Time) (work.Policy, time.Time, bool) {
	return f.policy, time.Time{}, true
}

func (f fleetOf) Wished() []session.ID { return nil }

// forgetful is a store whose values cost nothing.
type forgetful struct{ *storetest.Memory }

func (forgetful) Put(context.Context, store.Kind, string, []byte) error { return nil }

// What an event costs that tells a state, of an agent of which nothing is wished.
func BenchmarkSaw(b *testing.B) {
	t := trackerOf(b, wishing(work.AsIs))
	ready, busy := stateEvent("AgentState_Ready"), stateEvent("AgentState_Busy")
	for i := range b.N {
		t.Saw(agent(i%1000), ready)
		t.Saw(agent(i%1000), busy)
	}
}

// What an agent costs of which nothing is wished, in bytes.
func BenchmarkSettled(b *testing.B) {
	const n = 10_000
	for range b.N {
		before := heap()
		t := trackerOf(b, wishing(work.AsIs))
		for i := range n {
			t.Saw(agent(i), stateEvent("AgentState_Ready"))
			t.Pending(agent(i))
		}
		for t.Followed() > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		b.ReportMetric(float64(heap()-before)/n, "B/agent")
		runtime.KeepAlive(t)
	}
}

func trackerOf(b *testing.B, p work.Policy) *tracking.Tracker {
	b.Helper()
	t, err := tracking.New(b.Context(), tracking.Options{Store: forgetful{storetest.NewMemory()}, Online: func(session.ID) bool { return true }})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(t.Close)
	t.Apply(fleetOf{configured{n: 10_000, rate: 10, vendor: huawei.Vendor}, p})
	return t
}

func stateEvent(kind string) []keeper.Event {
	data := json.RawMessage(fmt.Sprintf(`{"eventType":%q,"workNo":"291","content":null}`, kind))
	return []keeper.Event{{Event: session.Event{Type: kind, Data: data}}}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
