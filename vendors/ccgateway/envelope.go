package ccgateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"agentkeeper/vendors/wire"
)

// Base is where the gateway's resources are on every host (vendor page:
// sign-in).
const Base = "/agentgateway/resource"

// ContentType is what every request carries, body-less ones too (vendor page:
// sign-in). It is shared and not to be changed.
var ContentType = []string{"application/json; charset=UTF-8"}

// Envelope is every answer's outer form (vendor page: polling). Types differ
// between versions of the gateway, so scalars are read as text.
type Envelope struct {
	Message wire.Text       `json:"message"`
	Msg     wire.Text       `json:"msg"` // instead of message in some versions
	Retcode wire.Text       `json:"retcode"`
	Result  json.RawMessage `json:"result"`
	Event   json.RawMessage `json:"event"`
}

var errEnvelope = errors.New("no JSON envelope with a retcode")

// Parse reads an answer's body. The error quotes nothing of it.
func Parse(body []byte) (Envelope, error) {
	var e Envelope
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if err := json.Unmarshal(body, &e); err != nil {
		return Envelope{}, errEnvelope
	}
	e.Retcode = wire.Text(strings.TrimSpace(string(e.Retcode)))
	if !plausible(string(e.Retcode)) {
		return Envelope{}, errEnvelope
	}
	return e, nil
}

// plausible reports whether a text can be a retcode.
func plausible(retcode string) bool {
	const letters = "0123456789-_.ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return retcode != "" && len(retcode) <= 16 && strings.Trim(retcode, letters) == ""
}

// OK reports whether the platform said yes.
func (e Envelope) OK() bool { return e.Retcode == success }

// Guid reads {"result":{"guid":"…"}} of a good answer (vendor pages: updateGuid,
// configuration login), "" for anything else.
func (e Envelope) Guid() string {
	var result struct {
		Guid wire.Text `json:"guid"`
	}
	if !e.OK() || json.Unmarshal(e.Result, &result) != nil {
		return ""
	}
	return ParseGuid(string(result.Guid))
}
