package aws

import (
	"context"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// Sets of drivers come and go with accounts and types. What was learnt of accounts stays.
func TestACloudOutlivesItsSets(t *testing.T) {
	w := newWire(t, func(call) reply { return reply{body: `{"SecretList":[]}`} })
	cloud := NewCloud(w.base())
	look := func(accounts ...Account) {
		t.Helper()
		set, err := cloud.Drivers(accounts)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set[kindSecret.Name].Observe(t.Context(), testScope, testFleet); err != nil {
			t.Fatal(err)
		}
	}
	one := Account{ID: testAccount, RoleARN: testRole}
	look(one)
	look(one, Account{ID: "999999999999", RoleARN: "arn:aws:iam::999999999999:role/tenantry"})
	if n := len(w.sent("AssumeRole")); n != 1 {
		t.Errorf("entered the account %d times", n)
	}
	other := one
	other.RoleARN += "-2"
	look(other)
	if n := len(w.sent("AssumeRole")); n != 2 {
		t.Errorf("another role was assumed %d times, want once", n-1)
	}
	look(one)
	if n := len(w.sent("AssumeRole")); n != 2 {
		t.Errorf("the first session was given up for the second")
	}
	if n := len(cloud.rates.scopes); n != 1 {
		t.Errorf("%d sets of rates for one account and region: each role would have the whole rate", n)
	}
}

// AWS counts the calls of an account, whoever makes them: two fleets in one have its rate together.
func TestCloudsShareTheRatesOfAnAccount(t *testing.T) {
	w := newWire(t, func(call) reply { return reply{body: `{"SecretList":[]}`} })
	rates := NewRates()
	rates.in(testScope).byName["Secrets Manager"] = newLimiter(rate.Every(time.Hour)) // one call is left
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n, fleet := range []string{"one", "two"} {
		set, err := NewCloudAt(w.base(), rates).Drivers([]Account{{ID: testAccount, RoleARN: testRole, Fleet: fleet}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set[kindSecret.Name].Observe(ctx, testScope, testFleet); (err == nil) != (n == 0) {
			t.Errorf("fleet %s: %v", fleet, err)
		}
	}
	if n := len(w.sent("ListSecrets")); n != 1 {
		t.Errorf("%d calls were sent at the rate of one", n)
	}
}

// A set reaches the accounts that it was made for, whatever others the cloud has entered.
func TestASetReachesItsOwnAccountsOnly(t *testing.T) {
	w := newWire(t, func(call) reply { return reply{body: `{"SecretList":[]}`} })
	cloud := NewCloud(w.base())
	for _, accounts := range [][]Account{{{ID: testAccount, RoleARN: testRole}}, {{ID: "999999999999"}}} {
		set, err := cloud.Drivers(accounts)
		if err != nil {
			t.Fatal(err)
		}
		_, err = set[kindSecret.Name].Observe(t.Context(), testScope, testFleet)
		if known := accounts[0].ID == testAccount; (err == nil) != known {
			t.Errorf("account known %t: %v", known, err)
		}
	}
}
