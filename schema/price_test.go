package schema

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tenantry.dev/reconciler/cost"
	"tenantry.dev/reconciler/resource"
)

func TestPricesOfAFleet(t *testing.T) {
	const prices = `prices: {currency: "EUR", monthly: [
	{kind: "AWS::RDS::DBInstance", where: {DBInstanceClass: "db.r7g.large", MultiAZ: true, AllocatedStorage: 100}, region: "eu-central-1", perMonth: 160.5},
	{kind: "AWS::RDS::DBInstance", perMonth: 1e2},
	{kind: "aws.kms.key", perMonth: 0.000001},
]}
`
	files := edit(t, map[string]string{"fleet.cue": string(example(t)["fleet.cue"]) + prices})
	f, found := loaded(t, files)
	if len(found) > 0 {
		t.Fatal(found)
	}
	for i := range f.Prices.Own {
		f.Prices.Own[i].Origin = resource.Origin{}
	}
	where := map[string]string{"DBInstanceClass": "db.r7g.large", "MultiAZ": "true", "AllocatedStorage": "100"}
	if diff := cmp.Diff(cost.Book{Currency: "EUR", Own: []cost.Price{
		{Kind: "AWS::RDS::DBInstance", Where: where, Region: "eu-central-1", PerMonth: 160_500_000},
		{Kind: "AWS::RDS::DBInstance", Where: map[string]string{}, PerMonth: 100_000_000},
		{Kind: "aws.kms.key", Where: map[string]string{}, PerMonth: 1},
	}}, f.Prices); diff != "" {
		t.Error(diff)
	}
	if slices.Contains(f.Types, "AWS::RDS::DBInstance") {
		t.Error("a price has the fleet look for resources that it doesn't ask for")
	}
	if _, err := vet(t, onDisk(t, files)); err != nil {
		t.Errorf("cue refuses it: %v", err)
	}
	if f, _ := loaded(t, example(t)); f.Prices.In() != "USD" {
		t.Errorf("prices by default: %+v", f.Prices)
	}
}

// A mistake in a price leaves the fleet to serve its tenants.
func TestPricesThatCantBeLeaveTheFleetUsable(t *testing.T) {
	f, found := loaded(t, edit(t, map[string]string{"fleet.cue": string(example(t)["fleet.cue"]) + "prices: monthly: [{kind: \"database\", perMonth: 5}]\n"}))
	if len(found) != 1 || !strings.Contains(found[0], `"database" is not a kind`) || f == nil || len(f.Tenants) == 0 {
		t.Errorf("found %v", found)
	}
}

func TestAmountsInTheFormsOfCUE(t *testing.T) {
	for text, want := range map[string]cost.Amount{
		"0": 0, "160": 160_000_000, "0.40": 400_000, "1E-6": 1, "1.5e2": 150_000_000, "1E+3": 1_000_000_000, "2.50E-1": 250_000, "0.4000000000": 400_000, "12E0": 12_000_000,
	} {
		if got, exact := amountOf(json.Number(text)); !exact || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, exact, want)
		}
	}
	for _, text := range []string{"1E-7", "-1", "1E400", "1E999999999999", "0.0000001", "1E15", ""} {
		if got, exact := amountOf(json.Number(text)); exact {
			t.Errorf("%s is %d", text, got)
		}
	}
}
