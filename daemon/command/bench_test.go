package command_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"agentkeeper/daemon/command"
	"agentkeeper/session"
	"agentkeeper/test/sim/huawei"
	"agentkeeper/vendors/wire"
)

// BenchmarkAddedLatency sends 1,000 commands a second over a fleet of 200, and the same
// requests without the service, over a kept connection each. It reports how long both
// take at the median and for the slowest hundredth, and the longest pause between two
// polls of one agent.
func BenchmarkAddedLatency(b *testing.B) {
	const agents, rate = 200, 1000
	w := switches{agents: agents}
	w.huawei.Rules = huawei.Rules{}
	s := open(b, w)
	defer s.end()
	ids := make([]session.ID, agents)
	for i := range ids {
		ids[i] = session.ID{Platform: "hq", Login: s.logins()[i]}
	}
	var through, direct times
	s.log.forget = true
	do := func(n int) {
		begin := time.Now()
		r := s.service.Do(b.Context(), ids[n%agents], command.Request{Method: "POST", Path: "onlineagent/" + ids[n%agents].Login + "/setcustomstate?customstate=1", Reason: "load"}, command.Caller{Name: "load"})
		if r.Outcome != command.Done {
			b.Errorf("got %+v", r)
		}
		through.add(time.Since(begin))
	}
	paced(agents, rate, do) // the connections are made
	through.all = nil
	b.ResetTimer()
	paced(b.N, rate, do)
	b.StopTimer()
	clients := s.direct()
	paced(b.N, rate, func(n int) {
		id := ids[n%agents]
		handed, err := s.fleet.Credential(id)
		if err != nil {
			b.Error(err)
			return
		}
		client := <-clients
		defer func() { clients <- client }()
		h := http.Header{"Content-Type": {"application/json; charset=UTF-8"}}
		for _, one := range handed.Credential.Header {
			h.Set(one.Name, one.Value)
		}
		begin := time.Now()
		if _, err := client.Do(b.Context(), wire.Request{Method: "POST", Path: "/agentgateway/resource/onlineagent/" + id.Login + "/setcustomstate?customstate=2", Header: h}); err != nil {
			b.Error(err)
		}
		direct.add(time.Since(begin))
	})
	for name, share := range map[string]float64{"p50": 0.5, "p99": 0.99} {
		b.ReportMetric(through.at(share).Seconds()*1e3, name+"-ms")
		b.ReportMetric(direct.at(share).Seconds()*1e3, name+"-direct-ms")
	}
	b.ReportMetric(time.Duration(s.huawei.Ops.Total().LargestGap).Seconds(), "gap-s")
}

// paced calls f n times, rate times a second, however long a call takes.
func paced(n, rate int, f func(n int)) {
	var all sync.WaitGroup
	begin := time.Now()
	for i := range n {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// times are how long things took.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (t *times) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, d)
}

// at returns the time that this share of all took no longer than.
func (t *times) at(share float64) time.Duration {
	slices.Sort(t.all)
	return t.all[int(share*float64(len(t.all)-1))]
}
