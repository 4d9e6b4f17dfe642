package huawei

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/code"
	"agentkeeper/vendors/wire"
)

const (
	skillTries = 5           // then it stays a warning
	skillPause = time.Second // before the second try; doubles
)

// skillset signs an agent in to its skill queues after a sign-in. The session
// lives without them, so the request runs beside the poll, on a connection and
// goroutine of its own, and its failure is a warning. A try is started by a
// poll only: by then the driver has saved the key that the try before brought.
type skillset struct {
	path   string // of the request below the agent's; "" = leave the skills alone
	wanted bool   // not yet done, not given up
	tries  uint8
	begin  time.Time // of the next try, not before
	fault  *session.Fault

	cancel context.CancelFunc
	result chan skillResult // of the try under way; nil: none is
}

// skillResult is what a try hands over to the agent's own goroutine.
type skillResult struct {
	used   string // the Guid it was sent with
	answer wire.Answer
	err    error
}

// skillsPath returns the request's path and query, "" where there is nothing to
// ask for (vendor page: resetskill).
func skillsPath(s Settings) string {
	linkage := "phonelinkage=0"
	if s.Fields.PhoneLinkage {
		linkage = "phonelinkage=1"
	}
	switch {
	case s.SkillsAll:
		return "/resetskill/true?" + linkage
	case len(s.Skills) > 0:
		return "/resetskill/false?skillid=" + url.QueryEscape(strings.Join(s.Skills, ";")) + "&" + linkage
	}
	return ""
}

func (k *skillset) underWay() bool { return k.result != nil }

// startSkills starts a try if one is due. It does not wait for it.
func (s *agent) startSkills() {
	k := &s.skills
	if !k.wanted || k.underWay() || time.Now().Before(k.begin) {
		return
	}
	k.begin = time.Now().Add(skillPause << k.tries)
	k.tries++
	ctx, cancel := context.WithTimeout(context.Background(), s.platform.timeout)
	k.cancel, k.result = cancel, make(chan skillResult, 1)
	client := s.client.Another()
	used := s.key.Guid
	result := k.result
	r := wire.Request{Method: http.MethodPost, Path: s.path("onlineagent") + k.path, Fields: s.fields, Timeout: s.platform.timeout}
	box := s.box
	box.asking()
	go func() {
		answer, err := client.Do(ctx, r)
		client.Close()
		result <- skillResult{used, answer, err}
		box.rouse()
	}()
}

// collectSkills takes over what a finished try brought, its key first; wait makes
// it wait for a try under way. It reports whether one had finished. The poll calls
// it before it returns, so that the driver saves the key before it is used.
func (s *agent) collectSkills(wait bool) bool {
	if !s.skills.underWay() {
		return false
	}
	if wait {
		s.finishSkills(<-s.skills.result)
		return true
	}
	select {
	case result := <-s.skills.result:
		s.finishSkills(result)
		return true
	default:
		return false
	}
}

func (s *agent) finishSkills(result skillResult) {
	k := &s.skills
	k.cancel()
	k.cancel, k.result = nil, nil
	s.adopt(result.used, result.answer.Header)
	s.box.answered()
	k.fault = s.judgeSkills(result)
	if k.wanted = k.fault != nil && k.tries < skillTries; !k.wanted {
		k.path = "" // a session asks once
	}
}

func (s *agent) judgeSkills(result skillResult) *session.Fault {
	if result.err != nil {
		return wire.Fault(result.err, false)
	}
	_, fault := read(code.KeepAlive, result.answer, s.clean)
	return fault
}

// stopSkills ends a try under way and waits for it.
func (s *agent) stopSkills() {
	if s.skills.underWay() {
		s.skills.cancel()
		s.collectSkills(true)
	}
}

// warning reports a failure, as long as no later try succeeded.
func (k *skillset) warning() (w session.Warning, ok bool) {
	if k.fault == nil {
		return session.Warning{}, false
	}
	return session.Warning{
		Code: "skills_not_set", Text: "the skills could not be set: " + k.fault.Error(),
		Action: "the agent takes no calls from its queues: sign it out and in, or set its skills on the platform",
	}, true
}
