package runtel

import (
	"errors"
	"slices"
	"strings"
	"time"

	"agentkeeper/vendors/token"
)

// reading is one way to understand when a token expires.
type reading struct {
	Name    string    `json:"name"`
	Expires time.Time `json:"expires"` // by our clock
}

// The names of readings. Those that are counted from our clock, because the
// answer's Date is missing or far from it, have ownClock appended.
const (
	inUTC    = "utc"    // exp is UTC, as Python's utcnow().isoformat() writes it
	inTZ     = "tz"     // exp is in the zone that the answer names for the user
	inMoscow = "moscow" // exp is in the zone of the vendor's servers
	inZone   = "zone"   // exp is in the configured zone
	exact    = "exact"  // exp names its offset, or is a number of seconds
	inToken  = "token"  // the token is a JWT and carries exp itself
	ownClock = "@own"
)

// clockSlack is how far the answer's Date may be from our clock before both are
// taken as plausible.
const clockSlack = time.Minute

// lifeLimit is the longest life that is accepted; a longer one counts as this.
const lifeLimit = 365 * 24 * time.Hour

// answered is when a log-in's answer came, by both clocks.
type answered struct {
	at   time.Time // ours
	date time.Time // the platform's; zero: the answer has no Date
}

// readings returns every way to understand when the token of w expires that is
// still to come, earliest first. zone is the option exp_zone.
func (t answered) readings(w grant, zone string) []reading {
	var list []reading
	for name, expires := range instants(w, zone) {
		if !t.date.IsZero() {
			list = t.add(list, name, expires.Sub(t.date))
		}
		if t.date.IsZero() || t.date.Sub(t.at).Abs() > clockSlack {
			list = t.add(list, name+ownClock, expires.Sub(t.at))
		}
	}
	slices.SortFunc(list, func(a, b reading) int {
		if c := a.Expires.Compare(b.Expires); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

func (t answered) add(list []reading, name string, life time.Duration) []reading {
	if life <= 0 {
		return list
	}
	return append(list, reading{name, t.at.Add(min(life, lifeLimit))})
}

// instants returns when the token expires by the platform's clock, by the name
// of the reading.
func instants(w grant, zone string) map[string]time.Time {
	found := map[string]time.Time{}
	if t, _, ok := token.JWT(string(w.Token)); ok {
		found[inToken] = t
	}
	if t, ok := exactTime(string(w.Exp)); ok {
		found[exact] = t
		return found
	}
	for name, place := range zones(zone, string(w.TZ)) {
		if t, ok := naiveTime(string(w.Exp), place); ok {
			found[name] = t
		}
	}
	return found
}

// zones returns where exp may be at home.
func zones(configured, tz string) map[string]*time.Location {
	if configured != zoneAuto && configured != "" {
		if place, err := location(configured); err == nil {
			return map[string]*time.Location{inZone: place}
		}
	}
	places := map[string]*time.Location{inUTC: time.UTC, inMoscow: moscow()}
	if place, err := location(tz); err == nil {
		places[inTZ] = place
	}
	return places
}

func moscow() *time.Location {
	if place, err := location("Europe/Moscow"); err == nil {
		return place
	}
	return time.FixedZone("MSK", 3*60*60)
}

var errZone = errors.New("no time zone")

// location is time.LoadLocation without the names that depend on this machine.
func location(name string) (*time.Location, error) {
	if name == "" || strings.EqualFold(name, "local") || len(name) > 64 {
		return nil, errZone
	}
	return time.LoadLocation(name)
}

// naiveTime reads a time without offset; Go takes a fraction, or none, by
// itself. Where clocks are put back and the text means two instants, it is
// the earlier one.
func naiveTime(text string, place *time.Location) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04"} {
		t, err := time.ParseInLocation(layout, text, place)
		if err != nil {
			continue
		}
		if before := t.Add(-time.Hour); before.Format(layout) == t.Format(layout) {
			t = before
		}
		return t, true
	}
	return time.Time{}, false
}

// exactTime reads a time with offset, or seconds or milliseconds since 1970.
func exactTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return token.Instant(text)
}
