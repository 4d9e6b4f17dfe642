package main

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scrape returns the service's metrics by their series.
func scrape(web string) (map[string]float64, error) {
	res, err := (&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + web + "/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: %s: %s", res.Status, text)
	}
	return parseMetrics(string(text)), nil
}

// parseMetrics reads a page of metrics. Lines that are none are left out.
func parseMetrics(page string) map[string]float64 {
	all := map[string]float64{}
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			all[line[:at]] = v
		}
	}
	return all
}

// quantile of a histogram between two scrapes, interpolated within the bucket as
// Prometheus does. prefix is the bucket's series up to the bound.
func quantile(q float64, prefix string, before, after map[string]float64) time.Duration {
	type bucket struct{ le, n float64 }
	var buckets []bucket
	for series, n := range after {
		if bound, ok := strings.CutPrefix(series, prefix); ok {
			le, err := strconv.ParseFloat(strings.TrimSuffix(bound, `"}`), 64)
			if err == nil {
				buckets = append(buckets, bucket{le, n - before[series]})
			}
		}
	}
	slices.SortFunc(buckets, func(a, b bucket) int { return int(math.Copysign(1, a.le-b.le)) })
	if len(buckets) == 0 || buckets[len(buckets)-1].n == 0 {
		return 0
	}
	rank, low := q*buckets[len(buckets)-1].n, bucket{}
	for _, b := range buckets {
		if b.n >= rank && !math.IsInf(b.le, 1) {
			seconds := low.le + (b.le-low.le)*(rank-low.n)/max(b.n-low.n, 1)
			return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
		}
		low = b
	}
	return time.Duration(low.le * float64(time.Second))
}
