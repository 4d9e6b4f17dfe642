package callback

import (
	"log/slog"
	"strings"

	"agentkeeper/daemon/listener"
	"agentkeeper/session"
)

// platformLimit is how much of a platform's name that a stranger wrote is
// logged, in bytes.
const platformLimit = 128

// limited logs a line for each platform and cause once a minute, with the
// number of those that were left out.
type limited struct{ log *listener.Log }

// warn logs that a callback of a platform that there is was refused.
func (l limited) warn(platform, cause string, attrs ...slog.Attr) {
	l.line(platform+" "+cause, platform, cause, attrs...)
}

// stranger logs that a callback was refused whose platform there is not. All
// such names are one cause: anybody can invent them.
func (l limited) stranger(platform, cause string, attrs ...slog.Attr) {
	l.line(cause, session.Cut(platform, platformLimit), cause, attrs...)
}

func (l limited) line(key, platform, cause string, attrs ...slog.Attr) {
	l.log.Warn("callback refused", key, append([]slog.Attr{slog.String("platform", platform), slog.String("cause", cause)}, attrs...)...)
}

// Write takes what the HTTP server has to say: connections that failed, such as
// those of a platform that does not trust the certificate.
func (l limited) Write(p []byte) (int, error) {
	l.stranger("", "connection", slog.String("detail", session.Cut(strings.TrimSpace(string(p)), session.TextLimit)))
	return len(p), nil
}
