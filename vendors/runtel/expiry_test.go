package runtel

import (
	"encoding/base64"
	"fmt"
	"slices"
	"testing"
	"time"

	"agentkeeper/session"
	"agentkeeper/vendors/wire"

	"github.com/google/go-cmp/cmp"
)

// sample is the moment of the vendor's own answer (vendor page: auth).
var sample = time.Date(2021, 9, 20, 6, 14, 14, 0, time.UTC)

func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"HS256"}`)) + "." + encode([]byte(claims)) + ".c2ln"
}

func TestReadings(t *testing.T) {
	const naive = "2021-09-20T10:14:13.998824"
	for name, tt := range map[string]struct {
		exp, tz, zone, token string
		date, ours           time.Duration // of the two clocks, from sample; date < 0: none
		want                 []string
	}{
		"the vendor's sample":      {exp: naive, tz: "Europe/Prague", want: []string{"moscow 1h0m0s", "tz 2h0m0s", "utc 4h0m0s"}},
		"no fraction":              {exp: "2021-09-20T10:14:14", tz: "Europe/Prague", want: []string{"moscow 1h0m0s", "tz 2h0m0s", "utc 4h0m0s"}},
		"blank for T":              {exp: "2021-09-20 10:14:14", want: []string{"moscow 1h0m0s", "utc 4h0m0s"}},
		"no seconds":               {exp: "2021-09-20T10:14", want: []string{"moscow 59m46s", "utc 3h59m46s"}},
		"user in Moscow":           {exp: naive, tz: "Europe/Moscow", want: []string{"moscow 1h0m0s", "tz 1h0m0s", "utc 4h0m0s"}},
		"unknown tz":               {exp: naive, tz: "Mars/Olympus", want: []string{"moscow 1h0m0s", "utc 4h0m0s"}},
		"tz of this machine":       {exp: naive, tz: "Local", want: []string{"moscow 1h0m0s", "utc 4h0m0s"}},
		"over in Moscow":           {exp: "2021-09-20T08:14:14", tz: "Europe/Prague", want: []string{"utc 2h0m0s"}},
		"over everywhere":          {exp: "2021-09-20T06:14:14"},
		"configured":               {exp: naive, tz: "Europe/Prague", zone: "Asia/Yekaterinburg", want: nil},
		"configured, later":        {exp: naive, tz: "Europe/Prague", zone: "America/New_York", want: []string{"zone 8h0m0s"}},
		"our clock is wrong":       {exp: naive, ours: 3 * time.Hour, want: []string{"moscow 1h0m0s", "utc@own 1h0m0s", "utc 4h0m0s"}},
		"both clocks, a little":    {exp: naive, ours: 20 * time.Second, want: []string{"moscow 1h0m0s", "utc 4h0m0s"}},
		"no Date":                  {exp: naive, date: -1, want: []string{"moscow@own 1h0m0s", "utc@own 4h0m0s"}},
		"Date clockTolerance all":  {exp: naive, date: 5 * time.Hour, want: []string{"moscow@own 1h0m0s", "utc@own 4h0m0s"}},
		"offset":                   {exp: "2021-09-20T12:14:14+02:00", tz: "Europe/Prague", want: []string{"exact 4h0m0s"}},
		"Z":                        {exp: "2021-09-20T07:14:14.5Z", want: []string{"exact 1h0m1s"}},
		"seconds":                  {exp: fmt.Sprint(sample.Unix() + 60), want: []string{"exact 1m0s"}},
		"seconds with fraction":    {exp: fmt.Sprintf("%d.75", sample.Unix()+60), want: []string{"exact 1m1s"}},
		"milliseconds":             {exp: fmt.Sprint(sample.UnixMilli() + 60000), want: []string{"exact 1m0s"}},
		"a life, not a time":       {exp: "14400"},
		"nothing":                  {},
		"noise":                    {exp: "tomorrow"},
		"the year 9999":            {exp: "9999-12-31T23:59:59Z", want: []string{"exact 8760h0m0s"}},
		"JWT beside":               {exp: naive, token: jwt(fmt.Sprintf(`{"exp":%d}`, sample.Unix()+3600)), want: []string{"moscow 1h0m0s", "token 1h0m0s", "utc 4h0m0s"}},
		"JWT alone":                {token: jwt(fmt.Sprintf(`{"exp":%d.5}`, sample.Unix()+3600)), want: []string{"token 1h0m1s"}},
		"JWT without exp":          {token: jwt(`{"sub":"x"}`)},
		"JWT of noise":             {token: "eyJx.!!.x"},
		"clocks are put back":      {exp: "2021-10-31T02:30:00", zone: "Europe/Prague", want: []string{"zone 978h15m46s"}},
		"the zone's name is ours":  {exp: naive, zone: "Local", want: []string{"moscow 1h0m0s", "utc 4h0m0s"}},
		"the zone's name is noise": {exp: naive, zone: "../x", want: []string{"moscow 1h0m0s", "utc 4h0m0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := answered{at: sample.Add(tt.ours), date: sample.Add(tt.date)}
			if tt.date < 0 {
				a.date = time.Time{}
			}
			zone := tt.zone
			if zone == "" {
				zone = zoneAuto
			}
			w := grant{Token: wire.Text(tt.token), Exp: wire.Text(tt.exp), TZ: wire.Text(tt.tz)}
			var got []string
			for _, r := range a.readings(w, zone) {
				got = append(got, r.Name+" "+r.Expires.Sub(a.at).Round(time.Second).String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// after returns a reading some minutes behind sample.
func after(name string, minutes int) reading {
	return reading{name, sample.Add(time.Duration(minutes) * time.Minute)}
}

func names(list []reading) (names []string) {
	for _, r := range list {
		names = append(names, r.Name)
	}
	return names
}

func TestMemory(t *testing.T) {
	list := []reading{after(inMoscow, 60), after(inTZ, 120), after(inUTC, 240)}
	both := []reading{after(inMoscow, 60), after(inTZ, 60), after(inUTC, 240)}
	minute := func(n float64) time.Time { return sample.Add(time.Duration(n * float64(time.Minute))) }
	for name, tt := range map[string]struct {
		happens func(m *memory)
		want    []string // plausible of list
		changes int
	}{
		"nothing":           {func(*memory) {}, []string{inMoscow, inTZ, inUTC}, 0},
		"answers early":     {func(m *memory) { m.outlived(list, minute(60)) }, []string{inMoscow, inTZ, inUTC}, 0},
		"outlived one":      {func(m *memory) { m.outlived(list, minute(61)) }, []string{inTZ, inUTC}, 1},
		"outlived two":      {func(m *memory) { m.outlived(list, minute(61)); m.outlived(list, minute(121)) }, []string{inUTC}, 2},
		"outlived all":      {func(m *memory) { m.outlived(list, minute(300)); m.outlived(list, minute(301)) }, []string{inMoscow, inTZ, inUTC}, 3},
		"died at one":       {func(m *memory) { m.died(list, minute(119.9), minute(120.1)) }, []string{inTZ}, 1},
		"died twice":        {func(m *memory) { m.died(list, minute(119), minute(121)); m.died(list, minute(119), minute(121)) }, []string{inTZ}, 1},
		"died in between":   {func(m *memory) { m.died(list, minute(70), minute(75)) }, []string{inMoscow, inTZ, inUTC}, 0},
		"died somewhere":    {func(m *memory) { m.died(list, minute(50), minute(130)) }, []string{inMoscow, inTZ, inUTC}, 0},
		"died at two":       {func(m *memory) { m.died(both, minute(59), minute(61)) }, []string{inMoscow, inTZ}, 1},
		"two, then one":     {func(m *memory) { m.died(both, minute(59), minute(61)); m.died(list, minute(59), minute(61)) }, []string{inMoscow}, 2},
		"another one":       {func(m *memory) { m.died(list, minute(59), minute(61)); m.died(list, minute(239), minute(241)) }, []string{inUTC}, 2},
		"died, outlived":    {func(m *memory) { m.died(list, minute(59), minute(61)); m.outlived(list, minute(61)) }, []string{inTZ, inUTC}, 2},
		"outlived, died":    {func(m *memory) { m.outlived(list, minute(61)); m.died(list, minute(59), minute(61)) }, []string{inMoscow}, 2},
		"recalled":          {func(m *memory) { m.recall(lessons{Refuted: []string{inMoscow}}) }, []string{inTZ, inUTC}, 1},
		"recalled too late": {func(m *memory) { m.outlived(list, minute(61)); m.recall(lessons{Observed: []string{inMoscow}}) }, []string{inTZ, inUTC}, 1},
		"recalled nothing":  {func(m *memory) { m.recall(lessons{}) }, []string{inMoscow, inTZ, inUTC}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var m memory
			tt.happens(&m)
			known, version := m.now()
			if diff := cmp.Diff(tt.want, names(known.plausible(list))); diff != "" || version != tt.changes {
				t.Error(diff, known, version)
			}
		})
	}
}

// What one account taught holds for another whose readings have other names.
func TestLessonsForOthers(t *testing.T) {
	elsewhere := []reading{after(exact, 30)}
	if got := (lessons{Observed: []string{inUTC}, Refuted: []string{inMoscow}}).plausible(elsewhere); len(got) != 1 {
		t.Error(got)
	}
}

func TestRenewal(t *testing.T) {
	list := []reading{after(inMoscow, 1), after(inTZ, 8), after(inUTC, 240)}
	for name, tt := range map[string]struct {
		list             []reading
		probed           bool
		limit            int // minutes; 0: none
		earliest, latest int // minutes
	}{
		"the earliest rules":                {list, false, 0, 1, 240},
		"where none can outlive, tried out": {list, true, 0, 240, 240},
		"a short one alone":                 {list[:1], true, 0, 1, 1},
		"all of them short":                 {list[:2], true, 0, 8, 8},
		"a limit":                           {list, true, 100, 100, 100},
		"a limit clockTolerance":            {list, true, 300, 240, 240},
		"nothing told":                      {nil, true, 0, 60, 24 * 60},
		"nothing but a limit":               {nil, true, 5, 5, 5},
	} {
		k := key{Issued: sample, Readings: tt.list}
		if tt.limit > 0 {
			k.Limit = after("", tt.limit).Expires
		}
		earliest, latest := k.earliest(tt.list, tt.probed), k.latest(tt.list)
		if !earliest.Equal(after("", tt.earliest).Expires) || !latest.Equal(after("", tt.latest).Expires) {
			t.Errorf("%s: %v and %v", name, earliest.Sub(sample), latest.Sub(sample))
		}
	}
	var shares []float64
	for range 2000 {
		k := newKey(grant{}, answered{at: sample}, Settings{})
		shares = append(shares, float64(k.Share))
		if at := k.renewal(sample.Add(40 * time.Second)).Sub(sample); at < renewFloor || at > 36*time.Second {
			t.Fatalf("renewal after %v of 40 s", at)
		}
	}
	slices.Sort(shares)
	if shares[0] < 0.7 || shares[0] > 0.71 || shares[1999] > 0.9 || shares[1999] < 0.89 || shares[1000] < 0.78 || shares[1000] > 0.82 {
		t.Errorf("shares from %v by %v to %v", shares[0], shares[1000], shares[1999])
	}
}

func TestKey(t *testing.T) {
	k := key{
		Token: tok, UserID: "7", Issued: sample, Readings: []reading{after(inUTC, 240)}, Limit: sample.Add(time.Hour),
		Share: 0.8, Proven: true, Unfit: "401", Lessons: lessons{Observed: []string{inUTC}, Refuted: []string{inMoscow}},
	}
	back, ok := decodeKey(k.encode())
	if diff := cmp.Diff(k, back); diff != "" || !ok {
		t.Error(diff)
	}
	if fmt.Sprintf("%v %+v %#v", k.encode(), k.encode(), k.encode()) != "*** *** ***" {
		t.Error("the key prints")
	}
}

func FuzzKey(f *testing.F) {
	f.Add((&key{Token: tok, Issued: sample, Share: 7, Readings: []reading{after(inUTC, 1)}}).encode().Reveal())
	f.Add(`{"token":"a b","issued":"2021-09-20T06:14:14Z"}`)
	f.Add(`{"guid":"x"}`)
	f.Add(`{"token":"x","issued":"0000-01-10T00:00:00Z","reAdings":[]}`)
	f.Fuzz(func(t *testing.T, text string) {
		k, ok := decodeKey(session.NewKey([]byte(text)))
		if !ok {
			return
		}
		if k.Share != k.Share.Clamp() || !goodToken(k.Token) {
			t.Errorf("%+v", k)
		}
		if again, ok := decodeKey(k.encode()); again.encode() != k.encode() || !ok {
			t.Error(cmp.Diff(k, again))
		}
	})
}
