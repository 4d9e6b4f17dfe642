package shift

import "time"

// wall is a reading of the wall clock, in seconds since it showed
// 1970-01-01 00:00:00; it knows nothing of zones and gaps.
type wall int64

const daySeconds = 24 * 60 * 60

// zoneSpread is more than twice the widest offset from UTC, so more than
// what a clock can be put back or forward.
const zoneSpread = 2 * daySeconds * time.Second

func wallAt(day int64, minute int16) wall {
	return wall(day*daySeconds + int64(minute)*60)
}

// day returns the number of days since 1970-01-01.
func (w wall) day() int64 {
	day := int64(w) / daySeconds
	if int64(w)%daySeconds < 0 {
		day--
	}
	return day
}

// date returns the reading as if it were UTC.
func (w wall) date() time.Time { return time.Unix(int64(w), 0).UTC() }

// reading returns what the wall clock shows at t.
func reading(t time.Time) wall {
	_, offset := t.Zone()
	return wall(t.Unix() + int64(offset))
}

// reached returns the furthest reading of the zone's wall clock up to t. It is
// ahead of the reading at t while a clock put back repeats itself.
func reached(t time.Time, zone *time.Location) wall {
	t = t.In(zone)
	furthest := reading(t)
	start, _ := t.ZoneBounds()
	for !start.IsZero() && t.Sub(start) < zoneSpread {
		before := start.Add(-time.Second) // the last whole second that the former offset showed
		furthest = max(furthest, reading(before))
		start, _ = before.ZoneBounds()
	}
	return furthest
}

// reaches returns the first instant at which the zone's wall clock reads w or
// more.
func reaches(w wall, zone *time.Location) time.Time {
	from := time.Unix(int64(w), 0).Add(-zoneSpread).In(zone)
	for {
		_, offset := from.Zone()
		end := offsetEnd(from)
		at := time.Unix(int64(w)-int64(offset), 0).In(zone)
		if at.Before(from) {
			return from // the clock jumped over w
		}
		if end.IsZero() || at.Before(end) {
			return at
		}
		from = end.In(zone)
	}
}

// offsetEnd returns an instant after t before which the offset at t does not
// change; the zero time if it never does. On 31 December of leap years beyond
// a zone's table ZoneBounds ends before it begins (Go 1.26); who followed it
// would not get on. Offsets change at full quarters of an hour there.
func offsetEnd(t time.Time) time.Time {
	const quarter = 15 * time.Minute
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		return t.Truncate(quarter).Add(quarter)
	}
	return end
}
