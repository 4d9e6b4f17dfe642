package fleet

import "agentkeeper/session"

// WriteCredential has an agent's credential file written now.
func (f *Fleet) WriteCredential(id session.ID) error { return f.writeOne(id) }
