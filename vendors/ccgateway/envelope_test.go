package ccgateway

import "testing"

func TestParse(t *testing.T) {
	for body, want := range map[string]string{ // "" = not an envelope
		`{"message":"","retcode":"0"}`:                       "0",
		`{"retcode":0}`:                                      "0",
		`{"retcode":" 100-006 "}`:                            "100-006",
		"\xef\xbb\xbf" + `{"retcode":"0"}`:                   "0",
		`{"retCode":"0","extra":[{"a":1}]}`:                  "0",
		`{"retcode":"0","result":"","event":7,"message":{}}`: "0",
		``: "", `null`: "", `[]`: "", `"0"`: "", `{}`: "", `{"retcode":null}`: "", `{"retcode":{"a":1}}`: "",
		`{"retcode":""}`: "", `{"retcode":"0"`: "", `{"retcode":"0"} trailing`: "", `<html>`: "",
		`{"retcode":"a word or two"}`: "", `{"retcode":"12345678901234567"}`: "",
	} {
		e, err := Parse([]byte(body))
		if (err == nil) != (want != "") || string(e.Retcode) != want {
			t.Errorf("%s: %q, %v", body, e.Retcode, err)
		}
	}
}

func TestGuidInBody(t *testing.T) {
	for body, want := range map[string]string{
		`{"result":{"guid":"x.AgentGateway0"},"message":"success","retcode":"0"}`: "x.AgentGateway0",
		`{"result":{"guid":"JSESSIONID=x.AgentGateway0"},"retcode":0}`:            "x.AgentGateway0",
		`{"result":{"guid":"x"},"retcode":"100-006"}`:                             "",
		`{"result":null,"retcode":"0"}`:                                           "",
		`<html>`:                                                                  "",
	} {
		e, _ := Parse([]byte(body))
		if got := e.Guid(); got != want {
			t.Errorf("the Guid in %s = %q, want %q", body, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"message":"","retcode":"0"}`, `{"retcode":0,"result":{"guid":"x.AgentGateway1"}}`,
		`{"retcode":"0","result":{"guid":5}}`, `{"retcode":"107-000","result":[]}`, `<html>`, ``, `[[[[`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := Parse(body)
		if err != nil {
			return
		}
		if !plausible(string(e.Retcode)) {
			t.Errorf("retcode %q", e.Retcode)
		}
		if guid := e.Guid(); guid != "" && !ValidGuid(guid) {
			t.Errorf("Guid %q", guid)
		}
	})
}
