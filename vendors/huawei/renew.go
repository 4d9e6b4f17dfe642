package huawei

import (
	"context"
	"net/http"
	"time"

	"agentkeeper/vendors/ccgateway"
	"agentkeeper/vendors/wire"
)

// The platform announces a new Guid once, in the answer to a poll or to what
// keeps a session without polls. If that
// answer was lost (the connection broke, the process was killed), the old Guid
// lives on for a while and then takes the session with it. updateGuid asks for
// a Guid anew, as after a refresh of a page (vendor page: updateGuid); it is
// used only when a change is overdue on a platform that changes Guids, or when
// something else shows that one was missed.
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

// overdueAt returns when the platform should have announced a new Guid at the latest,
// zero where it never changed one. every is how far apart the requests are whose
// answers may announce one; polls follow each other too closely to count.
func (k *key) overdueAt(every time.Duration) time.Time {
	switch {
	case k.Pace == 0:
		return time.Time{}
	case every > 0:
		return k.GuidSince.Add(k.Pace + every + overdueSlack)
	}
	return k.GuidSince.Add(time.Duration(overdue*float64(k.Pace)) + overdueSlack)
}

// overdue reports whether the platform should have changed the Guid by now.
func (k *key) overdue(now time.Time, every time.Duration) bool {
	at := k.overdueAt(every)
	return !at.IsZero() && !now.Before(at)
}

// renew asks for a Guid where a change is overdue, between two polls. It
// reports whether there is a new one, which the driver must save first. That it
// fails says nothing about the session; the next poll does.
func (s *agent) renew(ctx context.Context) bool {
	now := time.Now()
	if (!s.guidMissed && !s.key.overdue(now, s.push.Every)) || now.Sub(s.renewed) < renewEvery {
		return false
	}
	s.renewed, s.guidMissed = now, false
	s.box.asking()
	defer s.box.answered()
	before := s.key.Guid
	answer, err := s.ask(ctx, wire.Request{Method: http.MethodPut, Path: s.path("onlineagent") + "/updateGuid", Timeout: renewTimeout})
	if err != nil {
		return s.key.Guid != before
	}
	e, err := ccgateway.Parse(answer.Body)
	if guid := e.Guid(); err == nil && guid != "" && guid != s.key.Guid {
		s.key.Guid, s.key.GuidSince = guid, time.Now()
		s.keyChanged()
	}
	return s.key.Guid != before
}
