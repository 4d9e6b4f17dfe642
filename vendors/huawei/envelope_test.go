package huawei

import (
	"encoding/json"
	"testing"

	"agentkeeper/vendors/ccgateway"
)

func FuzzEnvelope(f *testing.F) {
	for _, body := range []string{
		`{"message":"","retcode":"0"}`,
		`{"message":"","retcode":"0","event":{"eventType":"AgentOther_InService","workNo":"291","content":null,"eventGenTime":1784529722590}}`,
		`{"retcode":0,"event":[{"eventType":"A"},null,5,"x",{}]}`,
		`{"retcode":"0","event":{"eventType":"AgentOther_ShutdownService","content":{"loginTime":1}}}`,
		`{"retcode":"0","result":{"mediatype":"TTF","loginTime":5,"isForceChange":true,"timeRemaining":"x","agentState":2}}`,
		`{"retcode":"0","event":"\ud800"}`, `<html>`, ``, `[[[[`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		common, err := ccgateway.Parse(body)
		if err != nil {
			return
		}
		e := envelope{common}
		for _, event := range e.events() {
			if event.Type == "" || !json.Valid(event.Data) {
				t.Errorf("event %+v", event)
			}
			shutdownOf(event)
		}
		e.grant()
		e.presence()
	})
}
