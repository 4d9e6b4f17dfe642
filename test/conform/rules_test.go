package conform

import (
	"testing"

	"agentkeeper/vendors/rules"
)

// Nobody else may send what signs an agent in or out: the vendor's own rules refuse
// the requests that its adapter sends for that.
func TestRulesRefuseTheAdaptersOwnOperations(t *testing.T) {
	contract(t, func(r *rig) {
		if admit := r.vendor.Rules.AdmitAction; admit != nil {
			for _, action := range []string{"login", "logout"} {
				if _, why := admit(action, nil); why == "" {
					r.Errorf("the rules admit %q", action)
				}
			}
			return
		}
		s := r.enter("291")
		if sent, refused := r.judged(); sent == 0 || refused != sent {
			r.Errorf("the rules refuse %d of the %d requests of a sign-in", refused, sent)
		}
		r.alive(s)
		r.judged()
		if err := s.SignOut(r.Context()); err != nil {
			r.Errorf("sign-out: %v", err)
		}
		if sent, refused := r.judged(); sent > 0 && refused == 0 {
			r.Errorf("the rules refuse none of the %d requests of a sign-out", sent)
		}
	})
}

// judged returns how many requests were sent since the last time, and how many of them
// the vendor's rules refuse to others.
func (r *rig) judged() (sent, refused int) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, raw := range r.sent {
		asked, err := rules.Parse(raw)
		if err == nil {
			asked, err = asked.WithBody(r.body[i], true)
		}
		if err != nil {
			r.Errorf("the adapter's own request is not plain: %v", err)
			continue
		}
		if _, why := r.vendor.Rules.Admit(asked); why != "" {
			refused++
		}
	}
	sent = len(r.sent)
	r.sent, r.body = nil, nil
	return sent, refused
}
