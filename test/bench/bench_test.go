package main

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   spread
		text   string
	}{
		{[]float64{3}, spread{3, 3, 3}, "3.0"},
		{[]float64{3, 1, 2}, spread{1, 2, 3}, "1.0–2.0–3.0"},
		{[]float64{4, 1, 2, 3}, spread{1, 2.5, 4}, "1.0–2.5–4.0"},
		{[]float64{1.01, 1.02, 1.03}, spread{1.01, 1.02, 1.03}, "1.0"},
		{[]float64{math.NaN(), 2}, spread{2, 2, 2}, "2.0"},
	} {
		given := slices.Clone(c.values)
		if got := spreadOf(given); got != c.want || got.text(1) != c.text {
			t.Errorf("%v: %v, %s, want %v, %s", c.values, got, got.text(1), c.want, c.text)
		}
		if !math.IsNaN(c.values[0]) && !slices.Equal(given, c.values) {
			t.Errorf("%v was changed into %v", c.values, given)
		}
	}
	if got := spreadOf(nil).text(1); got != "-" {
		t.Errorf("nothing: %q", got)
	}
}

func TestRatiosAreTakenWithinOneRepetition(t *testing.T) {
	got := ratios([]float64{10, 40, 5, 1}, []float64{20, 80, 0, 2})
	if !math.IsNaN(got[2]) {
		t.Errorf("over nothing: %v", got[2])
	}
	if s := spreadOf(got); s != (spread{0.5, 0.5, 0.5}) {
		t.Errorf("%v", s)
	}
}

func TestPercentile(t *testing.T) {
	var sorted []time.Duration
	if got := percentile(sorted, 0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for i := range 101 {
		sorted = append(sorted, time.Duration(i))
	}
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 50, 0.99: 99, 1: 100} {
		if got := percentile(sorted, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}

func TestTableAlignsCharactersNotBytes(t *testing.T) {
	tb := table{}
	tb.row("a", "1–2–3", "x")
	tb.row("long", "1", "")
	if d := cmp.Diff("  a     1–2–3  x\n  long      1   \n", tb.String()); d != "" {
		t.Error(d)
	}
}

func TestSeriesKeepTheirOrderAndCountsAreWhole(t *testing.T) {
	var rec series
	for _, v := range []float64{2, 1, 1} {
		rec.add("z", v)
		rec.add("a", v/4)
	}
	if d := cmp.Diff("  z           1–1–2\n  a  0.25–0.25–0.50\n", rec.String()); d != "" {
		t.Error(d)
	}
}

func TestComparisonTable(t *testing.T) {
	figures := func(scale float64) [][]float64 {
		f := make([][]float64, len(columns))
		for i := range f {
			f[i] = []float64{scale, 2 * scale, 3 * scale}
		}
		return f
	}
	c := comparison{round: "polls", peers: [][2]string{{"fasthttp", "fasthttp"}}}
	lines := strings.Split(comparisonTable(c, map[string][][]float64{ours: figures(10), "fasthttp": figures(20)}), "\n")
	if len(lines) != 6 || !strings.Contains(lines[0], "polls") || strings.Contains(lines[0], "rounds") {
		t.Fatalf("%q", lines)
	}
	if !strings.HasPrefix(lines[2], "  agentkeeper ") || !strings.Contains(lines[2], "10.0–20.0–30.0") {
		t.Errorf("%q", lines[2])
	}
	if got := strings.Fields(lines[4]); !strings.HasPrefix(lines[4], "  agentkeeper / fasthttp ") || strings.Count(lines[4], "0.50") != colAllocated+1 {
		t.Errorf("ratios: %q", got)
	}
}

func TestParseStatm(t *testing.T) {
	if got, err := parseStatm("1000 42 7 1 0 9 0\n", 4096); got != 42*4096 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
	for _, text := range []string{"", "1000", "1000 x 7"} {
		if _, err := parseStatm(text, 4096); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestParseStat(t *testing.T) {
	const line = "4711 (a) name (b) S 1 4711 4711 0 -1 4194560 100 0 0 0 250 50 1 2 20 0 9 0 100 1 1"
	if got, err := parseStat(line); got != 3*time.Second || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "1 (x) S 1", strings.Replace(line, " 250 ", " x ", 1)} {
		if _, err := parseStat(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestParseMetrics(t *testing.T) {
	got := parseMetrics("# HELP a text 5\na 1\nb{x=\"with blank\",y=\"z\"} 2.5e3\nc NaNsense\n\n")
	if d := cmp.Diff(map[string]float64{"a": 1, `b{x="with blank",y="z"}`: 2500}, got); d != "" {
		t.Error(d)
	}
}

func TestQuantile(t *testing.T) {
	bucket := func(le string) string { return `h_bucket{le="` + le + `"}` }
	before := map[string]float64{bucket("0.1"): 10, bucket("0.2"): 10, bucket("+Inf"): 10}
	after := map[string]float64{bucket("0.1"): 60, bucket("0.2"): 110, bucket("+Inf"): 110, "other": 7}
	for q, want := range map[float64]time.Duration{0.25: 50 * time.Millisecond, 0.5: 100 * time.Millisecond, 0.75: 150 * time.Millisecond} {
		if got := quantile(q, `h_bucket{le="`, before, after); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	if got := quantile(0.5, `h_bucket{le="`, before, before); got != 0 {
		t.Errorf("of nothing new: %v", got)
	}
}

func TestSettingsThatCannotBeMeasured(t *testing.T) {
	if err := (&settings{Agents: 1, First: 1, Reps: 1, Span: 1, Hold: 1, Guid: 1, Ping: 0}).check(); err == nil {
		t.Error("a ping of 0 was taken")
	}
	err := (&settings{Agents: 1 << 30, First: 1, Reps: 1, Span: 1, Hold: 1, Guid: 1, Ping: 1}).check()
	if err == nil || !strings.Contains(err.Error(), "hard limit") {
		t.Errorf("a thousand million agents: %v", err)
	}
}
