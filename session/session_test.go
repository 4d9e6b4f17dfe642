package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestSecretPrintsAsStars(t *testing.T) {
	type holder struct {
		Password Secret
		Key      Key
		Pointer  *Secret
		Header   Credential
	}
	s := NewSecret("hunter2")
	h := holder{Password: s, Key: NewKey([]byte("guid-hunter2")), Pointer: &s, Header: Credential{Header: Headers{{"Guid", "hunter2"}}, Token: s}}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T%v"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", h, h.Password, h.Key)
	}
	h.Header = Credential{} // never encoded
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "holder", h, "secret", s, "key", h.Key)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "holder", h, "secret", s, "key", h.Key)
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "68756e74") {
		t.Errorf("a secret was printed:\n%s", text)
	}
	if !strings.Contains(string(encoded), `"***"`) {
		t.Errorf("JSON is %s", encoded)
	}
	if s.Reveal() != "hunter2" || !s.Equal(NewSecret("hunter2")) || s.Equal(NewSecret("x")) || s.IsZero() {
		t.Error("the secret itself is wrong")
	}
}

func TestParseID(t *testing.T) {
	for _, id := range []ID{{"hq", "291"}, {"hq", "a/b@c"}} {
		if got, err := ParseID(id.String()); err != nil || got != id {
			t.Errorf("ParseID(%q) = %v, %v", id, got, err)
		}
	}
	for _, bad := range []string{"", "hq", "/291", "hq/"} {
		if id, err := ParseID(bad); err == nil {
			t.Errorf("ParseID(%q) = %v", bad, id)
		}
	}
}

func TestAsFault(t *testing.T) {
	f := &Fault{Kind: Refused, Code: "100-004", Text: "bad password", Err: errors.New("inner")}
	wrapped := fmt.Errorf("signing in: %w", f)
	if AsFault(wrapped) != f || KindOf(wrapped) != Refused {
		t.Error("a wrapped fault is not found")
	}
	if KindOf(errors.New("odd")) != Outage {
		t.Error("an unclassified error must be an outage")
	}
	if AsFault(nil) != nil || KindOf(nil) != OK {
		t.Error("no error is OK")
	}
	if got := f.Error(); got != "refused: 100-004: bad password: inner" {
		t.Errorf("Error() = %q", got)
	}
}

// TestBackoffCurve checks growth, cap and that jitter neither leaves its
// bounds nor bunches at the cap.
func TestBackoffCurve(t *testing.T) {
	m := New(testPolicy(false), 42)
	for n := 1; n <= 40; n++ {
		want := min(time.Second<<min(n-1, 10), time.Minute)
		seen := map[time.Duration]bool{}
		for range 200 {
			d := m.backoff(n)
			seen[d] = true
			if d < time.Duration(float64(want)*0.64) || d > time.Duration(float64(want)*1.36) || d > time.Minute {
				t.Fatalf("backoff(%d) = %v, want about %v", n, d, want)
			}
		}
		if len(seen) < 150 {
			t.Errorf("backoff(%d) took only %d different values", n, len(seen))
		}
	}
	if m.backoff(0) != 0 {
		t.Error("the first try must be at once")
	}
}

func TestMemoSurvives(t *testing.T) {
	m := New(testPolicy(true), 7)
	at := start
	feed := func(k Kind, d time.Duration) Action {
		at = at.Add(d)
		return m.Next(Outcome{Now: at, Kind: k})
	}
	feed(Woken, 0)
	feed(Taken, time.Second)
	feed(Doubt, time.Second)
	want := m.Memo()
	if want.Doubt != OpSignIn || len(want.Forced) != 1 || want.Fails != 1 {
		t.Fatalf("memo is %+v", want)
	}
	got := Restore(testPolicy(true), 7, Record{Memo: want}, at).Memo()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// TestRestore checks the first action of a process that finds each kind of
// record.
func TestRestore(t *testing.T) {
	key := NewKey([]byte("k"))
	deadline := start.Add(20 * time.Second)
	tests := []struct {
		name string
		rec  Record
		wish Wish
		want Action
	}{
		{"nothing", Record{}, Stay, Action{Do: DoSignIn}},
		{"a key is adopted", Record{Key: key, LastContact: start}, Stay, Action{Do: DoNext}},
		{"a parked agent stays parked", Record{Memo: Memo{Parked: ReasonRefused}}, Stay, Action{Do: DoPark}},
		{"a sign-in was under way", Record{Intent: Intent{OpSignIn, deadline}}, Stay, Action{Do: DoWait, For: 20 * time.Second}},
		{"a sign-out was under way", Record{Key: key, Intent: Intent{OpSignOut, deadline}}, Stay, Action{Do: DoNext}},
		{"a next try is kept", Record{Memo: Memo{NextAt: start.Add(time.Minute), Fails: 3}}, Stay, Action{Do: DoWait, For: time.Minute}},
		{"an agent that is to leave is signed out", Record{Key: key, LastContact: start}, Leave, Action{Do: DoSignOut}},
		{"a ghost is waited out", Record{Intent: Intent{OpSignIn, deadline}}, Leave, Action{Do: DoWait, For: 140 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := Restore(testPolicy(false), 1, tt.rec, start)
			if got := m.Next(Outcome{Now: start, Wish: tt.wish, Kind: Woken}); got != tt.want {
				t.Errorf("first action %+v, want %+v", got, tt.want)
			}
		})
	}
}

// TestHostilePlatforms runs the machine alone against platforms that are never
// right for two days and counts the sign-ins that they provoke.
func TestHostilePlatforms(t *testing.T) {
	tests := []struct {
		name   string
		signIn Kind
		next   Kind
		lasts  time.Duration // of a session
		most   int           // sign-ins a day
		least  int
	}{
		{"down", Outage, OK, 0, 2200, 1000},
		{"answers never come", Doubt, OK, 0, 2200, 100},
		{"taken by somebody", Taken, OK, 0, 2200, 1000},
		{"refuses", Refused, OK, 0, 1, 0},
		{"expires at once", OK, Lost, 0, 200, 50},
		{"drops after a minute", OK, Lost, time.Minute, 200, 50},
		{"drops after an hour", OK, Lost, time.Hour, 25, 20},
		{"evicts at once", OK, Taken, 0, 4, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New(testPolicy(false), 3)
			at := start
			signIns := 0
			end := start.Add(48 * time.Hour)
			o := Outcome{Now: at, Kind: Woken}
			for at.Before(end) {
				a := m.Next(o)
				o = Outcome{Kind: OK}
				switch a.Do {
				case DoSignIn:
					signIns++
					o.Kind, o.Sent = tt.signIn, at
					at = at.Add(100 * time.Millisecond)
				case DoNext:
					at = at.Add(10 * time.Second)
					if at.Sub(m.Started()) >= tt.lasts {
						o.Kind = tt.next
					}
				case DoWait:
					at = at.Add(a.For)
				case DoPark:
					at = end
				default:
					at = at.Add(time.Second)
				}
				o.Now = at
			}
			t.Logf("%d sign-ins in two days", signIns)
			if signIns > 2*tt.most || signIns < tt.least {
				t.Errorf("%d sign-ins in two days, want %d to %d a day", signIns, tt.least, tt.most)
			}
		})
	}
}

// TestForceThatDisplacesNobody has sign-ins refused in ways that force does not
// mend: the agent waits, taken, and what displaced nobody costs nothing of the
// budget of forced sign-ins.
func TestForceThatDisplacesNobody(t *testing.T) {
	for name, test := range map[string]struct {
		plain, forced Outcome
		mayForce      bool
	}{
		"may not be forced":              {plain: Outcome{Kind: Taken, Cause: CauseUnforceable}},
		"may not be forced, found later": {Outcome{Kind: Taken}, Outcome{Kind: Taken, Cause: CauseUnforceable}, true},
		"taken though forced":            {Outcome{Kind: Taken}, Outcome{Kind: Taken}, true},
	} {
		t.Run(name, func(t *testing.T) {
			m, at := New(testPolicy(true), 5), start
			o := Outcome{Kind: Woken}
			plain := 0
			forced := 0
			for at.Before(start.Add(time.Hour)) {
				o.Now = at
				a := m.Next(o)
				switch {
				case a.Do == DoWait:
					at, o = at.Add(a.For), Outcome{Kind: OK}
				case a.Do == DoSignIn && a.Force:
					at = at.Add(time.Second)
					o = test.forced
					forced = forced + 1
				case a.Do == DoSignIn:
					at = at.Add(time.Second)
					o = test.plain
					plain = plain + 1
				default:
					t.Fatalf("%v after %d plain and %d forced sign-ins, %v", a.Do, plain, forced, m.Reason())
				}
			}
			if plain < 60 || plain > 130 || (forced > 0) != test.mayForce || forced > plain {
				t.Errorf("%d plain and %d forced sign-ins in an hour", plain, forced)
			}
			if m.State() == Waiting && m.Reason() != ReasonTaken {
				t.Errorf("waits because of %q", m.Reason())
			}
			if m.forced.list() != nil {
				t.Errorf("the budget is used up: %v", m.forced.list())
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		m := New(testPolicy(true), 5)
		for i, kind := range []Kind{Woken, Taken, Refused} {
			m.Next(Outcome{Now: start.Add(time.Duration(i) * time.Second), Kind: kind, Cause: CauseNone})
		}
		if m.State() != Parked || m.Reason() != ReasonRefused || m.forced.list() != nil {
			t.Errorf("%v, %v, budget %v", m.State(), m.Reason(), m.forced.list())
		}
	})
}

// Calm says of a machine what its Memo says.
func TestCalmIsTheZeroMemo(t *testing.T) {
	calm := New(testPolicy(true), 1)
	if !calm.Calm() || !reflect.DeepEqual(calm.Memo(), Memo{}) {
		t.Error("a new machine has something to remember")
	}
	for at, o := range map[time.Duration]Outcome{0: {Kind: Outage}, 1: {Kind: Doubt}, 2: {Kind: Refused}, 3: {Kind: Taken}} {
		m := New(testPolicy(true), 1)
		m.Next(Outcome{Now: start, Kind: Woken})
		o.Now = start.Add(at)
		m.Next(o)
		if m.Calm() != reflect.DeepEqual(m.Memo(), Memo{}) || m.Calm() {
			t.Errorf("after %v: calm %v, memo %+v", o.Kind, m.Calm(), m.Memo())
		}
	}
}
