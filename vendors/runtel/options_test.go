package runtel

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
	want := Settings{Zone: "auto", Probe: Probe{Action: "get", Obj: "User"}}
	if diff := cmp.Diff(any(want), got); diff != "" || len(problems) != 0 {
		t.Error(diff, problems)
	}
	if terms != (session.Terms{Grace: time.Second, ForceLimit: 3, ForceWithin: 10 * time.Minute}) || Vendor.Window(nil) != 5*time.Minute {
		t.Error(terms, Vendor.Window(nil))
	}
	if Vendor.Fingerprint(got) != Vendor.Fingerprint(Settings{DomainID: 3}) {
		t.Error("an option that no log-in sends changes the fingerprint")
	}
}

// What the probe asks for; user is what the log-in's answer told.
func TestProbeParameters(t *testing.T) {
	for _, tt := range []struct {
		options  []string
		user     string
		want     string
		possible bool
	}{
		{nil, "7", `{"id":7}`, true},
		{nil, "a-b", `{"id":"a-b"}`, true},
		{nil, "", "", false},
		{[]string{"domain_id", "3"}, "7", `{"domain_id":3,"id":7}`, true},
		{[]string{"probe", "list DomainUser"}, "", `{}`, true},
		{[]string{"probe", " list  DomainUser ", "domain_id", "3"}, "", `{"domain_id":3}`, true},
		{[]string{"probe", `get Thing {"id": 9, "domain_id": 4}`, "domain_id", "3"}, "7", `{"domain_id":4,"id":9}`, true},
	} {
		decoded, _, problems := decode(set(tt.options...), window)
		s, _ := decoded.(Settings)
		got, ok := s.params(tt.user)
		if len(problems) > 0 || ok != tt.possible || string(got) != tt.want {
			t.Errorf("%v: %s %v %v", tt.options, got, ok, problems)
		}
	}
	decoded, _, _ := decode(set("probe", "none"), window)
	if s, _ := decoded.(Settings); s.Probe != (Probe{}) {
		t.Error(s.Probe)
	}
}

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		set  option.Set
		want string
	}{
		"unknown":         {set("exp_zon", "auto"), `did you mean "exp_zone"`},
		"zone":            {set("exp_zone", "Moscow"), "no time zone"},
		"machine's zone":  {set("exp_zone", "Local"), "no time zone"},
		"empty zone":      {set("exp_zone", ""), "no time zone"},
		"lifetime":        {set("max_lifetime", "4"), "no duration"},
		"short lifetime":  {set("max_lifetime", "1s"), "outside"},
		"domain":          {set("domain_id", "0"), "outside"},
		"domain's name":   {set("domain_id", "main"), "no whole number"},
		"probe of a word": {set("probe", "get"), "want ACTION OBJECT"},
		"empty probe":     {set("probe", ""), "want ACTION OBJECT"},
		"probe too long":  {set("probe", "get User 7"), "want ACTION OBJECT"},
		"probe no object": {set("probe", "get User {7}"), "no JSON object"},
	} {
		_, _, problems := decode(tt.set, window)
		if len(problems) == 0 || !strings.Contains(problems[0].Text, tt.want) || problems[0].Pos.Line == 0 {
			t.Errorf("%s: %v, want %q", name, problems, tt.want)
		}
	}
}

func TestEveryOptionIsDescribed(t *testing.T) {
	for _, spec := range specs {
		if problems := option.Read(set(spec.Name, spec.Default), specs).Problems(); (spec.Default != "" && len(problems) > 0) || spec.Doc == "" {
			t.Errorf("%s: %v", spec.Name, problems)
		}
	}
}
