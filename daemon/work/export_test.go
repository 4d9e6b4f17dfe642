package work

// Followed returns how many agents are not settled.
func (t *Tracker) Followed() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.agents)
}
