package huawei

import (
	"context"
	"net/http"
	"time"

	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// The platform announces a new Guid once, in the answer to a poll. If that
// answer was lost (the connection broke, the process was killed), the old Guid
// lives on for a while and then takes the session with it. updateGuid asks for
// a Guid anew, as after a refresh of a page (vendor page: updateGuid); it is
// used only when a change is overdue on a platform that changes Guids.
const (
	overdue      = 1.25            // times the pace seen so far
	overdueSlack = 5 * time.Second // beyond it, for polls that begin late
	renewEvery   = 10 * time.Second
	renewTimeout = 10 * time.Second
)

// paced remembers how often the platform changes the Guid, from a change that
// an answer to a poll brought.
func (k *key) paced(before time.Time, now time.Time) {
	if since := now.Sub(before); since > 0 && (k.Pace == 0 || since < k.Pace) {
		k.Pace = since
	}
}

// overdue reports whether the platform should have changed the Guid by now.
func (k *key) overdue(now time.Time) bool {
	return k.Pace > 0 && now.Sub(k.GuidSince) > time.Duration(overdue*float64(k.Pace))+overdueSlack
}

// renew asks for a Guid where a change is overdue, between two polls. It
// reports whether there is a new one, which the driver must save first. That it
// fails is no verdict on the session: the next poll's is.
func (s *agent) renew(ctx context.Context) bool {
	now := time.Now()
	if !s.key.overdue(now) || now.Sub(s.renewed) < renewEvery {
		return false
	}
	s.renewed = now
	before := s.key.Guid
	answer, err := s.ask(ctx, wire.Request{Method: http.MethodPut, Path: s.path("onlineagent") + "/updateGuid", Timeout: renewTimeout})
	if err != nil || !answer.OK() {
		return s.key.Guid != before
	}
	e, err := ccgateway.Parse(answer.Body)
	if guid := e.Guid(); err == nil && guid != "" && guid != s.key.Guid {
		s.key.Guid, s.key.GuidSince = guid, time.Now()
		s.refresh()
	}
	return s.key.Guid != before
}
