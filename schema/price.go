package schema

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/reconciler/cost"
)

// priceFields is a #Price as JSON.
type priceFields struct {
	Kind     string
	Where    map[string]any
	Region   string
	PerMonth json.Number
}

// takePrices checks what CUE can't: that amounts can be counted exactly, and that nothing is said twice.
func (d *definitions) takePrices(f *Fleet, in fleetParts, n *sheet) {
	f.Prices.Currency = in.Prices.Currency
	for i, p := range in.Prices.Monthly {
		path := []string{"prices", "monthly", itoa(i)}
		at := func(field string) []string { return append(slices.Clip(path), field) }
		amount, exact := amountOf(p.PerMonth)
		if !exact {
			n.say(at("perMonth"), "prices.monthly.perMonth: %s has more than six decimals, or is too much", p.PerMonth)
		}
		if !IsType(p.Kind) && !isNative.MatchString(p.Kind) {
			n.say(at("kind"), "prices.monthly.kind: %q is not a kind, such as \"aws.s3.bucket\" or \"AWS::RDS::DBInstance\"", p.Kind)
		}
		price := cost.Price{Kind: p.Kind, Region: p.Region, PerMonth: amount, Where: map[string]string{}, Origin: n.at(path...)}
		for attribute, value := range values(p.Where) {
			price.Where[attribute] = value.Text()
		}
		if same := slices.IndexFunc(f.Prices.Own, price.Same); same >= 0 {
			n.sayAt(price.Origin, Error, "prices.monthly: what these resources cost is said already, at %s", f.Prices.Own[same].Origin)
			continue
		}
		f.Prices.Own = append(f.Prices.Own, price)
	}
}

// amountOf reads a number that isn't negative, in any of the forms that CUE writes numbers in; false if it isn't exactly
// an amount.
func amountOf(n json.Number) (cost.Amount, bool) {
	digits, power, scientific := strings.Cut(strings.ToUpper(n.String()), "E")
	whole, part, _ := strings.Cut(digits, ".")
	if scientific {
		by, err := strconv.Atoi(power)
		if err != nil || by < -20 || by > 20 {
			return 0, false
		}
		whole, part = shifted(whole, part, by)
	}
	part = strings.TrimRight(part, "0")
	if part != "" {
		part = "." + part
	}
	a, err := cost.ParseAmount(whole + part)
	return a, err == nil
}

// shifted moves the point of a decimal number by so many places to the right.
func shifted(whole, part string, by int) (string, string) {
	if by < 0 {
		whole = strings.Repeat("0", -by) + whole
		at := len(whole) + by
		return whole[:at], whole[at:] + part
	}
	part += strings.Repeat("0", by)
	return whole + part[:by], part[by:]
}
