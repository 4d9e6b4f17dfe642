package huawei

import (
	"strings"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/option"

	"github.com/google/go-cmp/cmp"
)

func set(pairs ...string) option.Set {
	s := option.Set{}
	for i := 0; i < len(pairs); i += 2 {
		s[pairs[i]] = option.Value{Text: pairs[i+1], Pos: option.Pos{File: "f.yaml", Line: i/2 + 1, Col: 3}}
	}
	return s
}

func TestDefaults(t *testing.T) {
	got, terms, problems := decode(nil, window)
	want := Settings{
		Fields: Fields{
			AgentType: 4, Status: 4, AutoAnswer: true, AutoEnterIdle: true, ReleasePhone: true,
			IP: "127.0.0.1", CheckInWebM: true,
		},
		PollPause: 200 * time.Millisecond, PollTimeout: 20 * time.Second, SkillsAll: true,
	}
	if diff := cmp.Diff(any(want), got); diff != "" || len(problems) != 0 {
		t.Error(diff, problems)
	}
	if want := (session.Terms{Grace: 12 * time.Second, ForceLimit: 3, ForceWithin: 10 * time.Minute}); terms != want {
		t.Errorf("%+v", terms)
	}
	if Vendor.Window(nil) != 2*time.Minute {
		t.Error(Vendor.Window(nil))
	}
}

func TestTermsAndTimes(t *testing.T) {
	decoded, terms, problems := decode(set("hold", "40s", "taken", "force", "force_limit", "5", "force_within", "1h",
		"sign_out", "force", "poll_pause", "0s", "poll_timeout", "59s", "reset_skills", "none"), time.Minute)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if want := (session.Terms{Grace: 42 * time.Second, Force: true, ForceLimit: 5, ForceWithin: time.Hour}); terms != want {
		t.Errorf("%+v", terms)
	}
	s, _ := decoded.(Settings)
	if !s.ForceOut || s.PollPause != 0 || s.PollTimeout != 59*time.Second || s.SkillsAll || s.Skills != nil {
		t.Errorf("%+v", s)
	}
}

// The default time-out fits between any hold and window.
func TestPollTimeoutIsCapped(t *testing.T) {
	for hold := time.Duration(0); hold < 2*time.Minute; hold += time.Second {
		decoded, _, problems := decode(set("hold", hold.String()), 2*time.Minute)
		s, _ := decoded.(Settings)
		if len(problems) > 0 || s.PollTimeout <= hold || s.PollTimeout >= 2*time.Minute || s.PollTimeout > hold+10*time.Second {
			t.Errorf("hold %v: time-out %v, %v", hold, s.PollTimeout, problems)
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		set  option.Set
		want string // of the first problem
	}{
		"unknown":             {set("agentype", "4"), `did you mean "agenttype"`},
		"status":              {set("status", "6"), "outside 3 to 5"},
		"no number":           {set("agenttype", "PC"), "no whole number"},
		"no truth":            {set("autoanswer", "maybe"), "neither true nor false"},
		"ip name":             {set("ip", "host"), "no IPv4 address"},
		"IPv6":                {set("ip", "::1"), "no IPv4 address"},
		"ip too long":         {set("ip", "1234.1234.1234.1"), "at most 15"},
		"video number":        {set("vcPhoneNumber", strings.Repeat("1", 25)), "at most 24"},
		"service id":          {set("serviceworkid", strings.Repeat("1", 31)), "at most 30"},
		"hold is the window":  {set("hold", "2m"), "below the window"},
		"time-out is hold":    {set("poll_timeout", "10s"), "above the hold"},
		"time-out too late":   {set("poll_timeout", "2m"), "below the window"},
		"no rest":             {set("hold", "0s", "poll_pause", "0s"), "without a rest"},
		"long rest":           {set("poll_pause", "1m"), "outside"},
		"taken":               {set("taken", "steal"), "wait, force"},
		"force_limit":         {set("force_limit", "0"), "outside"},
		"sign_out":            {set("sign_out", "slam"), "polite, force"},
		"skill name":          {set("reset_skills", "sales"), "no skill id"},
		"skills all and some": {set("reset_skills", "all;1"), "no skill id"},
		"skills too long":     {set("reset_skills", strings.Repeat("1234567890;", 400)), "at most 4000"},
		"push, no token":      {set("events", "push", "callback_url", "https://x"), "service_token_file is not given"},
		"push, no address":    {set("events", "push", "service_token_file", "t"), "callback_url is not given"},
		"callback, no push":   {set("callback_url", "https://x"), "belongs to events: push"},
		"keep-alive, no push": {set("keep_alive", "heartbeat"), "belongs to events: push"},
		"keep-alive unknown":  {set("keep_alive", "ping"), "handshake, heartbeat"},
		"callback no URL":     {set("callback_url", "keeper:9466", "events", "push", "service_token_file", "t"), "no URL"},
		"callback scheme":     {set("callback_url", "ftp://x/", "events", "push", "service_token_file", "t"), "no URL"},
		"callback with user":  {set("callback_url", "https://u:p@x/", "events", "push", "service_token_file", "t"), "credentials"},
		"callback fragment":   {set("callback_url", "https://x/#a", "events", "push", "service_token_file", "t"), "fragment"},
	} {
		_, _, problems := decode(tt.set, 2*time.Minute)
		if len(problems) == 0 || !strings.Contains(problems[0].Text, tt.want) || problems[0].Pos.Line == 0 {
			t.Errorf("%s: %v, want %q", name, problems, tt.want)
		}
	}
}

func TestEveryOptionIsDescribed(t *testing.T) {
	for _, spec := range specs {
		if spec.Doc == "" {
			t.Errorf("%s has no description", spec.Name)
		}
		if problems := option.Read(set(spec.Name, spec.Default), specs).Problems(); spec.Default != "" && len(problems) > 0 {
			t.Errorf("the default is refused: %v", problems)
		}
	}
}
