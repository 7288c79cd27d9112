// Package cost says what resources cost by the month, as far as that doesn't depend on how much they are
// used. It is pure: the same definitions and prices give the same figures.
//
// Three things are never mixed up: what has a price, what is paid by use (for which an estimate would be
// made up), and what has no price here. A sum is of the first alone, and says how many there are of the others.
// The prices are those that a fleet states, and for what it doesn't state those of AWS's list, which name the page and
// the day that they are from. No currency is ever converted into another.
package cost

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// An Amount is money by the month, in millionths of the currency's unit: exact, and enough for about nine
// million millions.
type Amount int64

// unit is one unit of a currency.
const unit Amount = 1_000_000

// hours are those of a month, as AWS's calculator counts them: 365 days of 24 hours, over 12.
// https://docs.aws.amazon.com/pricing-calculator/latest/userguide/what-is-pricing-calculator.html
const hours = 730

// ParseAmount reads a decimal number that isn't negative and has at most six decimals, such as "0.0225".
func ParseAmount(text string) (Amount, error) {
	whole, part, _ := strings.Cut(text, ".")
	if len(part) > 6 {
		return 0, fmt.Errorf("amount %q has more than six decimals", text)
	}
	n, err := strconv.ParseUint(whole+part+strings.Repeat("0", 6-len(part)), 10, 63)
	if err != nil || whole == "" || strings.HasSuffix(text, ".") {
		return 0, fmt.Errorf("amount %q is not a number such as 0.0225", text)
	}
	return Amount(n), nil
}

// times is the amount n/d times, rounded to the millionth, halves up; false if that is too much for an Amount.
func (a Amount) times(n, d uint64) (Amount, bool) {
	if a < 0 || d == 0 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(a), n)
	lo, carry := bits.Add64(lo, d/2, 0)
	hi += carry
	if hi >= d {
		return 0, false
	}
	out, _ := bits.Div64(hi, lo, d)
	if out > math.MaxInt64/1024 { // so that a thousand of them can be added up
		return 0, false
	}
	return Amount(out), true
}

// symbols are what people write in front of an amount; other currencies by their code.
var symbols = map[string]string{"USD": "$", "EUR": "€", "GBP": "£"}

// Money is an amount in a currency with two decimals, such as "$41.25"; of less than half a hundredth, but
// something, "<$0.01".
func Money(currency string, a Amount) string {
	sign, size := split(a)
	cents := (size + unit/200) / (unit / 100)
	if cents == 0 && size > 0 {
		return sign + "<" + symbol(currency) + "0.01"
	}
	return fmt.Sprintf("%s%s%d.%02d", sign, symbol(currency), cents/100, cents%100)
}

// Change is a difference with its sign, in whole units from ten on: "+$41", "-$0.40", "±$0".
func Change(currency string, a Amount) string {
	sign, size := split(a)
	switch {
	case a == 0:
		return "±" + symbol(currency) + "0"
	case a > 0:
		sign = "+"
	}
	if size < 10*unit-unit/200 {
		return sign + Money(currency, size)
	}
	return fmt.Sprintf("%s%s%d", sign, symbol(currency), (size+unit/2)/unit)
}

func split(a Amount) (sign string, size Amount) {
	if a < 0 {
		return "-", -a
	}
	return "", a
}

func symbol(currency string) string {
	if s, known := symbols[currency]; known {
		return s
	}
	return currency + " "
}

// Decimal is the amount as an exact decimal number of the currency's unit, such as "0.4" or "-41.25".
func (a Amount) Decimal() string {
	sign, size := split(a)
	text := fmt.Sprintf("%s%d", sign, size/unit)
	if rest := size % unit; rest != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%06d", rest), "0")
	}
	return text
}
