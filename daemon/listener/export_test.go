package listener

// The bounds, for tests from outside.
const (
	TargetLimit = targetLimit
	HeaderLimit = headerLimit
	ErrorLimit  = errorLimit
	Streams     = streams

	IdleTimeout    = idleTimeout
	WriteTimeout   = writeTimeout
	RequestTimeout = requestTimeout
)
