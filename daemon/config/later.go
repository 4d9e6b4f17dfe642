package config

// later lists what the configuration's contract names and this version lacks:
// the keys of each section. They are refused rather than ignored.
// Whoever adds the feature removes the line and decodes the key.
func later(section string) []string {
	switch section {
	case "events":
		return []string{"listen", "users", "webhooks"}
	case "store":
		return []string{"nats", "node"}
	}
	return nil
}

const unsupported = "%s is not supported by this version; leave it out"

// refuseLater reports the section's keys that are written and not empty.
func (m *mapping) refuseLater(section string) {
	m.refused = later(section)
	for _, key := range m.refused {
		if n := m.lookup(key); n != nil && !isEmpty(n) {
			m.report.wrong(m.at(key), unsupported, m.name(key))
		}
	}
}
