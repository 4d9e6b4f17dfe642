package option_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"agentkeeper/vendors/option"
)

func TestIdle(t *testing.T) {
	specs := []option.Spec{
		{Name: "mode", Default: "plain", Enum: []string{"plain", "force"}},
		{Name: "probe"},
		{Name: "limit", Kind: option.Int, Default: "3", When: option.When{Option: "mode", Is: "force"}, Doc: "how often"},
		{Name: "pause", Kind: option.Duration, When: option.When{Option: "probe"}},
		{Name: "domain", Kind: option.Int, When: option.When{Option: "probe", Not: "none"}},
	}
	for _, test := range []struct {
		name string
		set  map[string]string
		want []string
	}{
		{"nothing written", nil, nil},
		{"the default does not do", map[string]string{"limit": "2"}, []string{"limit"}},
		{"the value does", map[string]string{"limit": "2", "mode": "force"}, nil},
		{"an empty one is none", map[string]string{"pause": "1s", "probe": ""}, []string{"pause"}},
		{"any one does", map[string]string{"pause": "1s", "domain": "1", "probe": "/x"}, nil},
		{"any one but this", map[string]string{"pause": "1s", "domain": "1", "probe": "none"}, []string{"domain"}},
		{"neither", map[string]string{"pause": "1s", "domain": "1"}, []string{"pause", "domain"}},
		{"others are not asked", map[string]string{"mode": "force", "probe": "none", "unknown": "x"}, nil},
	} {
		set := option.Set{}
		for name, text := range test.set {
			set[name] = option.Value{Text: text}
		}
		var got []string
		for _, s := range option.Idle(set, specs) {
			got = append(got, s.Name)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	for i, want := range []string{"", "", "mode: force", "probe", "probe other than none"} {
		if got := specs[i].When.String(); got != want {
			t.Errorf("%s: %q, want %q", specs[i].Name, got, want)
		}
	}
	if got := specs[2].Text(); got != "how often (only with mode: force)" {
		t.Error(got)
	}
}
