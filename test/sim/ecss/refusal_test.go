package ecss_test

import (
	"strings"
	"testing"

	"agentkeeper/test/sim"
	"agentkeeper/test/sim/ecss"
)

func TestFramesOfRefusals(t *testing.T) {
	wrong := credentials("1", "401")
	wrong["password"] = "guess"
	message := map[string]any{"message": ecss.TextBadLogin}
	for choice, want := range map[string]map[string]any{
		"answer":    {"action": "login", "requestId": 1.0, "status": 401.0, "payload": message},
		"absent":    {"action": "login", "status": 401.0, "payload": message},
		"null":      {"action": "login", "requestId": nil, "status": 401.0, "payload": message},
		"exception": {"event": "exception", "data": map[string]any{"status": "error", "message": ecss.TextBadLogin}},
	} {
		bubble(t, ecss.Switches{Refusal: choice}, func(t *testing.T, r *rig) {
			c := r.dial()
			equal(t, choice, c.ask("login", wrong), want)
			equal(t, "good answers are untouched", c.ask("login", credentials("1", "401"))["status"], any(200.0))
		})
	}
}

func TestTextsOfRefusals(t *testing.T) {
	for choice, want := range map[string]string{
		"exact": ecss.TextBadLogin, "longer": "Error: " + ecss.TextBadLogin, "russian": "Неверный логин или пароль",
	} {
		wrong := credentials("1", "401")
		wrong["password"] = "guess"
		bubble(t, ecss.Switches{RefusalText: choice}, func(t *testing.T, r *rig) {
			got, _ := payloadOf(r.dial().ask("login", wrong))["message"].(string)
			if !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q, want %q", choice, got, want)
			}
			equal(t, "counted as", r.Refusals(), map[string]int{ecss.TextBadLogin: 1})
		})
	}
}

func TestFramesHaveTheCharset(t *testing.T) {
	w := ecss.Switches{RefusalText: "russian", Wire: sim.Wire{Charset: sim.Charset1251}}
	bubble(t, w, func(t *testing.T, r *rig) {
		wrong := credentials("1", "401")
		wrong["password"] = "guess"
		c := r.dial()
		c.send("login", wrong)
		if frame := string(<-c.frames); !strings.Contains(frame, "\xcd\xe5\xe2\xe5\xf0\xed\xfb\xe9") {
			t.Errorf("frame %q", frame)
		}
	})
}
