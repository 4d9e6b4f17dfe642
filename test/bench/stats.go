package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// spread is the smallest, the middle and the largest of some repetitions.
type spread struct{ Min, Median, Max float64 }

// spreadOf ignores what is not a number; of nothing it is not a number itself.
func spreadOf(values []float64) spread {
	v := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(v) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN()}
	}
	slices.Sort(v)
	mid := len(v) / 2
	median := v[mid]
	if len(v)%2 == 0 {
		median = (v[mid-1] + v[mid]) / 2
	}
	return spread{v[0], median, v[len(v)-1]}
}

// text is min–median–max, or one figure where they are the same when printed.
func (s spread) text(decimals int) string {
	if math.IsNaN(s.Median) {
		return "-"
	}
	low, high := figure(s.Min, decimals), figure(s.Max, decimals)
	if low == high {
		return low
	}
	return low + "–" + figure(s.Median, decimals) + "–" + high
}

func figure(v float64, decimals int) string { return fmt.Sprintf("%.*f", decimals, v) }

// ratios divides repetition by repetition: what the machine did otherwise in one of
// them is on both sides.
func ratios(ours, theirs []float64) []float64 {
	n := min(len(ours), len(theirs))
	r := make([]float64, n)
	for i := range n {
		r[i] = math.NaN()
		if theirs[i] > 0 {
			r[i] = ours[i] / theirs[i]
		}
	}
	return r
}

// percentile of sorted times; 0 of none.
func percentile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(q*float64(len(sorted)-1))]
}

// ms is a time in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// series are the figures of all repetitions by their name, in the order in which
// they came first.
type series struct {
	names  []string
	values map[string][]float64
}

func (s *series) add(name string, v float64) {
	if s.values == nil {
		s.values = map[string][]float64{}
	}
	if _, ok := s.values[name]; !ok {
		s.names = append(s.names, name)
	}
	s.values[name] = append(s.values[name], v)
}

// String is a line for each name. Counts have no decimals.
func (s *series) String() string {
	const decimals = 2
	t := table{}
	for _, name := range s.names {
		values := s.values[name]
		if slices.ContainsFunc(values, func(v float64) bool { return v != math.Trunc(v) }) {
			t.row(name, spreadOf(values).text(decimals))
		} else {
			t.row(name, spreadOf(values).text(0))
		}
	}
	return t.String()
}

// table aligns its columns: the first to the left, the others to the right.
type table struct{ rows [][]string }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// String is the table with an indentation.
func (t *table) String() string {
	var widths []int
	for _, r := range t.rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runes(c))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-runes(c))
			if i == 0 {
				b.WriteString("  " + c + pad)
				continue
			}
			b.WriteString("  " + pad + c)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func runes(s string) int { return len([]rune(s)) }
