package edna

import (
	"testing"
	"time"

	"agentkeeper/session"
)

var day0 = time.Unix(1_000_000, 0)

// lifeWith is what deaths an hour apart teach; each is given in minutes: alive
// at, and dead two minutes later.
func lifeWith(alive ...int) life {
	var l life
	for i, m := range alive {
		l = l.died(death{time.Duration(m) * time.Minute, time.Duration(m+2) * time.Minute}, day0.Add(time.Duration(i)*time.Hour))
	}
	return l
}

func TestLearned(t *testing.T) {
	for name, tt := range map[string]struct {
		life life
		want time.Duration
	}{
		"nothing":                       {life{}, 0},
		"one death":                     {lifeWith(10), 0},
		"two deaths":                    {lifeWith(10, 11), 0},
		"three deaths":                  {lifeWith(10, 12, 11), 12 * time.Minute},
		"one early death among them":    {lifeWith(40, 41, 6), 41 * time.Minute},
		"the latest count":              {lifeWith(50, 10, 11, 12), 12 * time.Minute},
		"young deaths":                  {lifeWith(1, 2, 1), 0},
		"refuted by a token that lives": {lifeWith(10, 12, 11).outlived(15 * time.Minute), 0},
		"not refuted":                   {lifeWith(10, 12, 11).outlived(12 * time.Minute), 12 * time.Minute},
		"a day later":                   {lifeWith(10, 12, 11).aged(day0.Add(26 * time.Hour)), 0},
		"not a day later":               {lifeWith(10, 12, 11).aged(day0.Add(25 * time.Hour)), 12 * time.Minute},
		"a day later, and once more":    {lifeWith(10, 12, 11).died(death{9 * time.Minute, 11 * time.Minute}, day0.Add(26*time.Hour)), 12 * time.Minute},
	} {
		if got := tt.life.learned(); got != tt.want {
			t.Errorf("%s: learned %v, want %v", name, got, tt.want)
		}
	}
}

// Everything is forgotten in the end, and values are not changed behind their
// owners' backs.
func TestLifeIsAValue(t *testing.T) {
	l := lifeWith(10, 12, 11)
	_ = l.outlived(time.Hour)
	_ = l.died(death{time.Hour, 2 * time.Hour}, day0.Add(3*time.Hour))
	if !l.equal(lifeWith(10, 12, 11)) {
		t.Errorf("changed to %+v", l)
	}
	if old := l.aged(day0.Add(1000 * time.Hour)); len(old.Deaths) != 0 {
		t.Errorf("still known: %+v", old)
	}
}

func TestYoung(t *testing.T) {
	l := lifeWith(1, 1)
	if l.Young != 2 {
		t.Errorf("two young deaths count %d", l.Young)
	}
	if got := l.outlived(young).Young; got != 0 {
		t.Errorf("after a token that grew older: %d", got)
	}
	if got := l.died(death{time.Hour, time.Hour}, day0).Young; got != 0 {
		t.Errorf("after a late death: %d", got)
	}
}

// What a stored key knew counts until something is known.
func TestRecall(t *testing.T) {
	var m memory
	id := session.ID{Platform: "chat", Login: "k"}
	m.recall(id, life{})
	m.recall(id, lifeWith(10, 12, 11))
	m.recall(id, lifeWith(50, 50, 50))
	if got := m.of(id, day0).learned(); got != 12*time.Minute {
		t.Errorf("learned %v", got)
	}
	if got := m.of(session.ID{Platform: "chat", Login: "other"}, day0); !got.equal(life{}) {
		t.Errorf("another account knows %+v", got)
	}
}
