package edna_test

import (
	"testing"
	"testing/synctest"
	"time"

	"agentkeeper/session"
	"agentkeeper/test/raced"
	"agentkeeper/test/sim"
	simulator "agentkeeper/test/sim/edna"
)

// Days against every kind of platform: how many log-ins a day does it provoke,
// and how many sessions does it cost?
func TestSimDays(t *testing.T) {
	const days = 2
	tests := map[string]struct {
		switches    simulator.Switches
		options     map[string]string
		each        func(*site)
		least, most int // log-ins a day, as the platform counts all of them
		losses      int // at most, over all days
	}{
		"vendor's page, Russian":       {simulator.Switches{}, probe, nil, 26, 36, 0},
		"vendor's page, English":       {simulator.Switches{Dialect: simulator.DialectEN}, probe, nil, 26, 36, 0},
		"header only":                  {simulator.Switches{Dialect: simulator.DialectHeader}, probe, nil, 26, 36, 0},
		"body only":                    {simulator.Switches{Dialect: simulator.DialectBody, ExtraFields: true}, probe, nil, 26, 36, 0},
		"header and body differ":       {simulator.Switches{Dialect: simulator.DialectMismatch}, probe, nil, 26, 36, 0},
		"long tokens":                  {simulator.Switches{TokenSize: 8000}, probe, nil, 26, 36, 0},
		"no probe":                     {simulator.Switches{}, nil, nil, 26, 36, 0},
		"probe answered 404":           {simulator.Switches{}, with(nil, "probe", "/api/v1/threads/999999"), nil, 26, 36, 0},
		"probe answered 400":           {simulator.Switches{}, with(nil, "probe", "/api/v1/threads/x"), nil, 26, 36, 0},
		"probe answered 403":           {simulator.Switches{Forbidden: true}, probe, nil, 26, 36, 0},
		"probe answered 401, wrong":    {simulator.Switches{Unknown401: true}, with(nil, "probe", "/wrong"), nil, 26, 36, 0},
		"every token refused":          {simulator.Switches{DeadToken: true}, probe, nil, 26, 36, 0},
		"every token refused, page":    {simulator.Switches{DeadToken: true, Unauthorized: simulator.BodyHTML}, probe, nil, 26, 36, 0},
		"lives for a day":              {simulator.Switches{Life: hours(24)}, with(probe, "max_age", "24h"), nil, 1, 2, 0},
		"dies after 20 min":            {simulator.Switches{Life: hours(1.0 / 3)}, probe, nil, 78, 115, 8},
		"dies after 20 min, empty 401": {simulator.Switches{Life: hours(1.0 / 3), Unauthorized: simulator.BodyEmpty}, probe, nil, 78, 115, 8},
		"dies after 20 min, no probe":  {simulator.Switches{Life: hours(1.0 / 3)}, nil, nil, 26, 36, 0},
		"dies after 4 min":             {simulator.Switches{Life: hours(1.0 / 15)}, probe, nil, 50, 400, 1500},
		"dies after 4 min, max_age":    {simulator.Switches{Life: hours(1.0 / 15)}, with(probe, "max_age", "4m"), nil, 400, 520, 0},
		"dies after 20 s":              {simulator.Switches{Life: sim.Duration(20 * time.Second)}, probe, nil, 50, 250, 1000},
		"restarts every 6 h":           {simulator.Switches{RestartIn: hours(6)}, probe, nil, 26, 50, 40},
		"restarts every 30 min":        {simulator.Switches{RestartIn: hours(0.5)}, probe, nil, 40, 300, 400},
		"JWT":                          {simulator.Switches{JWT: true}, probe, nil, 26, 36, 0},
		"JWT of 10 min":                {simulator.Switches{JWT: true, Life: hours(1.0 / 6)}, probe, nil, 160, 206, 0},
		"JWT that promises too much":   {simulator.Switches{JWT: true, JWTLife: hours(10), Life: hours(0.5)}, probe, nil, 50, 75, 8},
		"JWT that promises too little": {simulator.Switches{JWT: true, JWTLife: sim.Duration(2 * time.Minute)}, probe, nil, 800, 1030, 0},
		"a log-in ends the one before": {simulator.Switches{OneToken: true}, probe, nil, 26, 36, 0},
		"a rival at every token":       {simulator.Switches{OneToken: true}, probe, rival(10 * time.Second), 50, 200, 1000},
		"a rival every 3 h":            {simulator.Switches{OneToken: true}, probe, rival(3 * time.Hour), 26, 50, 40},
		"one log-in an hour":           {simulator.Switches{LogInsPerHour: 1}, probe, nil, 20, 2000, 100},
		"slow log-ins":                 {simulator.Switches{OperationTime: sim.Duration(20 * time.Second)}, probe, nil, 26, 36, 0},
		"log-ins unanswered":           {simulator.Switches{OperationTime: sim.Duration(40 * time.Second)}, probe, nil, 200, 2000, 0},
		"wrong password 400":           wrongPassword(400, 0, 1),
		"wrong password 401":           wrongPassword(401, 0, 1),
		"wrong password 423":           wrongPassword(423, 0, 1),
		"wrong password 403 (a ban)":   wrongPassword(403, 1000, 2200),
		"wrong password 429":           wrongPassword(429, 1000, 2200),
	}
	for name, tt := range tests {
		if raced.LeaveOut(4) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, tt.switches, tt.options)
				if tt.switches.WrongPassword != 0 {
					s.account.Password = session.NewSecret("wrong")
				}
				s.run(t, days*24*time.Hour, func() {
					if tt.each != nil {
						tt.each(s)
					}
				})
				count := s.Ops.Count(login)
				perDay, lost := count.SignIns/days, 0
				for _, n := range s.losses {
					lost += n
				}
				t.Logf("%-30s %5d log-ins a day, %4d losses, %4d probes a day", name, perDay, lost, count.Messages/days)
				if perDay < tt.least || perDay > tt.most || lost > tt.losses {
					t.Errorf("%d log-ins a day, want %d to %d; %d losses %v, want at most %d", perDay, tt.least, tt.most, lost, s.losses, tt.losses)
				}
				if s.pace >= window/2 {
					t.Errorf("%v without a contact", s.pace)
				}
			})
		})
	}
}

// row is one line of the table of days.
type row = struct {
	switches    simulator.Switches
	options     map[string]string
	each        func(*site)
	least, most int
	losses      int
}

// wrongPassword is a platform that answers a wrong one with status. Its account
// has one.
func wrongPassword(status, least, most int) row {
	return row{simulator.Switches{WrongPassword: status, LockAfter: 1000000}, nil, nil, least, most, 0}
}

// rival is another client that logs in with the account once a token is as old
// as age.
func rival(age time.Duration) func(*site) {
	var done time.Time
	return func(s *site) {
		state := s.Account(login)
		if now := time.Now(); len(state.Times) > 0 && now.Sub(state.Times[len(state.Times)-1]) >= age && !state.Times[len(state.Times)-1].Equal(done) {
			done = state.Times[len(state.Times)-1]
			_, _ = s.LogIn(login)
		}
	}
}
