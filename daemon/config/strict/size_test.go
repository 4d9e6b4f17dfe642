package strict

import "testing"

func FuzzSize(f *testing.F) {
	for _, seed := range []string{"1GiB", "1.5 MB", "4096", "-1", "1e30", "9e999TiB", ".", "B", "0x10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if n, ok := ParseSize(text); ok && n < 1 {
			t.Errorf("%q is %d", text, n)
		}
	})
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "1B": 1, "1KiB": 1024, "1kB": 1000, "1KB": 1000, "512MiB": 512 << 20, "1.5GiB": 3 << 29, "2 GB": 2e9,
		"1TiB": 1 << 40, "1TB": 1e12, "": 0, "0": 0, "-1": 0, "1e3": 0, "0x10": 0, "1GiBs": 0, "inf": 0, "NaN": 0, "9999999999TiB": 0, "0.5": 0,
	} {
		if got, ok := ParseSize(text); got != want || ok != (want > 0) {
			t.Errorf("%q: %d, %v, want %d", text, got, ok, want)
		}
	}
}
