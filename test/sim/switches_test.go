package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type choices struct {
	Hold  Duration `json:"hold" default:"10s"`
	Mode  string   `json:"mode" enum:"slow,fast" default:"slow"`
	Count int      `json:"count" default:"5"`
	Rate  float64  `json:"rate"`
	On    bool     `json:"on"`
	Text  string   `json:"text"`
}

func TestComplete(t *testing.T) {
	for _, c := range []struct {
		in, want choices
		wrong    string
	}{
		{want: choices{Hold: Duration(10 * time.Second), Mode: "slow", Count: 5}},
		{
			in:   choices{Hold: 1, Mode: "fast", Count: 7, Rate: 0.5, On: true, Text: "x"},
			want: choices{Hold: 1, Mode: "fast", Count: 7, Rate: 0.5, On: true, Text: "x"},
		},
		{in: choices{Mode: "warp"}, wrong: `switch mode: "warp" is unknown: use one of slow,fast`},
		{in: choices{Count: -1}, wrong: "switch count: -1 is negative"},
		{in: choices{Rate: -0.1}, wrong: "switch rate: -0.1 is negative"},
		{in: choices{Hold: -1}, wrong: "switch hold"},
	} {
		got := c.in
		err := Complete(&got)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("Complete(%+v) = %v, want %q", c.in, err, c.wrong)
			}
			continue
		}
		if d := cmp.Diff(c.want, got); d != "" || err != nil {
			t.Errorf("Complete(%+v): %v %s", c.in, err, d)
		}
	}
}

func TestDurationText(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, "0": 0, "1m30s": 90 * time.Second, "200ms": 200 * time.Millisecond} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || time.Duration(d) != want {
			t.Errorf("%q is %s, %v; want %s", text, time.Duration(d), err, want)
		}
	}
	for _, text := range []string{"10", "-1s", "soon"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %s", text, time.Duration(d))
		}
	}
}
