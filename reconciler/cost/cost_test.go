package cost

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseAmount(t *testing.T) {
	for text, want := range map[string]Amount{
		"0": 0, "1": 1_000_000, "0.40": 400_000, "0.004445": 4445, "2400": 2_400_000_000, "0.000001": 1, "007": 7_000_000,
	} {
		if got, err := ParseAmount(text); err != nil || got != want {
			t.Errorf("ParseAmount(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".5", "1.", "-1", "+1", "1e3", "0.0000001", "1,5", " 1", "1 ", "nine", "99999999999999999999", "1.2.3", "1._1", "1_0"} {
		if got, err := ParseAmount(text); err == nil {
			t.Errorf("ParseAmount(%q) = %d, want an error", text, got)
		}
	}
}

func TestTimesIsExactUntilItIsTooMuch(t *testing.T) {
	for _, r := range []struct {
		a    Amount
		n, d uint64
		want Amount
		ok   bool
	}{
		{40480, 730, 1, 29_550_400, true},
		{1, 1, 2, 1, true}, // halves up
		{1, 1, 3, 0, true},
		{3560, 730 * 2048, 1024, 5_197_600, true},
		{0, 5, 0, 0, false},
		{-1, 1, 1, 0, false},
		{math.MaxInt64, math.MaxUint64, 1, 0, false},
		{math.MaxInt64, 1, 1, 0, false},
	} {
		got, ok := r.a.times(r.n, r.d)
		if ok != r.ok || ok && got != r.want {
			t.Errorf("%d × %d/%d = %d, %v; want %d, %v", r.a, r.n, r.d, got, ok, r.want, r.ok)
		}
	}
}

func TestMoneyReadsLikeMoney(t *testing.T) {
	for _, r := range []struct {
		currency      string
		a             Amount
		money, change string
	}{
		{"USD", 0, "$0.00", "±$0"},
		{"USD", 41_250_000, "$41.25", "+$41"},
		{"USD", -41_500_000, "-$41.50", "-$42"},
		{"USD", 9_990_000, "$9.99", "+$9.99"},
		{"USD", 9_994_999, "$9.99", "+$9.99"},
		{"USD", 9_995_000, "$10.00", "+$10"},
		{"USD", 400_000, "$0.40", "+$0.40"},
		{"USD", 4_999, "<$0.01", "+<$0.01"},
		{"USD", -1, "-<$0.01", "-<$0.01"},
		{"EUR", 2_400_000_000, "€2400.00", "+€2400"},
		{"CHF", -1_000_000, "-CHF 1.00", "-CHF 1.00"},
	} {
		if got := Money(r.currency, r.a); got != r.money {
			t.Errorf("Money(%s, %d) = %q, want %q", r.currency, r.a, got, r.money)
		}
		if got := Change(r.currency, r.a); got != r.change {
			t.Errorf("Change(%s, %d) = %q, want %q", r.currency, r.a, got, r.change)
		}
	}
}

func TestAmountsReadBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cents := Amount(rapid.Int64Range(1, 1<<40).Draw(t, "cents")) * 10_000
		text := strings.TrimPrefix(Money("USD", cents), "$")
		if got, err := ParseAmount(text); err != nil || got != cents {
			t.Errorf("%d was written as %q, which reads as %d (%v)", cents, text, got, err)
		}
	})
}

// Nothing in the list is without a page of AWS and a day, and no rule asks for an item that isn't there.
func TestListIsSound(t *testing.T) {
	l, err := parseList(published)
	if err != nil {
		t.Fatal(err)
	}
	checkSource := func(what string, s Source) {
		if _, err := time.Parse(time.DateOnly, s.Date); err != nil || !strings.HasPrefix(s.Page, "https://aws.amazon.com/") {
			t.Errorf("%s is from %+v, which is not a page of AWS with a day", what, s)
		}
	}
	for name, i := range l.items {
		checkSource(name, i.source)
		for region, a := range i.by {
			if a <= 0 || a > 100*unit {
				t.Errorf("%s costs %d in %s, which looks wrong", name, a, region)
			}
		}
	}
	for kind, s := range l.kinds {
		checkSource(kind, s.source)
		if _, ruled := rules[kind]; ruled || s.why == "" {
			t.Errorf("%s is counted by a rule as well, or has no reason", kind)
		}
	}
	for kind := range conditions {
		if _, listed := l.kinds[kind]; !listed {
			t.Errorf("%s has a condition and isn't in the list", kind)
		}
	}
	if len(aws().items) != len(l.items) || len(l.items) < 20 {
		t.Errorf("the list that is used has %d items, the file %d", len(aws().items), len(l.items))
	}
}

func TestListsThatAreRefused(t *testing.T) {
	const source = "source s https://aws.amazon.com/x 2025-06-05\n"
	for text, want := range map[string]string{
		"price x month":                                    "too short",
		"price x month s *=1":                              "no source",
		source + "price x month s":                         "has no region",
		source + "price x year s *=1":                      "not month, hour or run",
		source + "price x month s *=-1":                    "not a number",
		source + "price x month s *":                       "not a number",
		source + "price x month s *=1\nprice x hour s *=2": "twice",
		source + "usage K s storage\nfree K s no charge":   "twice",
		source + "usage K t storage":                       "no source",
		source + "cheap K s storage":                       "not source, price",
	} {
		if _, err := parseList(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
