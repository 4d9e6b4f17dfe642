package command

// Caller is who sends a command.
type Caller struct {
	// Name stands in the audit log.
	Name string
	// Allow further limits what the agent's configuration allows: an entry must admit
	// the command here too. nil: no further limit.
	Allow []string
	// Keeper tells that it is this service itself, which is allowed whatever is
	// configured.
	Keeper bool
}
