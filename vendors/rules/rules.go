package rules

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// Set is one vendor's rules. All functions are pure and may be called from any
// goroutine.
type Set struct {
	// Admit judges a request with its body. It returns the request as it is to
	// be sent, or says for people why it must not be sent ("" where it may). nil
	// where the vendor's sessions are not spoken over HTTP.
	Admit func(Request) (admitted Request, why string)
	// Judge says what an answer means for the credential. nil where Admit is.
	Judge func(Answer) Verdict
	// AdmitAction judges a request that is an action with a JSON object, of a
	// vendor whose sessions are spoken in frames; an empty payload means no
	// object. It returns the payload as it is to be sent, or why not. nil where
	// the vendor is spoken over HTTP.
	AdmitAction func(action string, payload []byte) (admitted []byte, why string)
}

// What the vendors' rules say, where several say the same.
const (
	// Ours refuses a log-in or a log-out.
	Ours = "log-ins and log-outs are the service's: ask its control API (sign-in, sign-out)"
	// OursPoll refuses what takes events or changes the key.
	OursPoll = "this request would take events or a new Guid from agentkeeper, which keeps the session by them: follow its /api/v1/events"
	// OursPassword refuses what may change the password that the service keeps.
	OursPassword = "this request could change a password, after which agentkeeper's is refused: change it at the platform, and then in the file that agentkeeper reads"
)

// Answer is what rules see of an answer.
type Answer struct {
	Login    string   // whose credential the request carried
	Segments []string // of the request
	Status   int
	Body     []byte // nil unless it is short text
}

// Verdict is what an answer says about the credential.
type Verdict uint8

// The verdicts.
const (
	Good     Verdict = iota // nothing against it
	Doubtful                // the session may be lost: its keeper, which polls it all the time, finds out by itself
	Dead                    // the platform refuses it: the keeper must be informed
)

// JudgeStatus reads the HTTP status alone. 403 is a right that the account
// lacks.
func JudgeStatus(a Answer) Verdict {
	if a.Status == http.StatusUnauthorized {
		return Dead
	}
	return Good
}

// Decode reads an answer's JSON, with or without a byte order mark, and reports
// whether it could.
func Decode(text []byte, into any) bool {
	return len(text) > 0 && json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), into) == nil
}

// NamesPassword reports whether a plain name says that it is about a password.
func NamesPassword(name string) bool {
	name = strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
	for _, part := range []string{"password", "passwd", "pwd"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
