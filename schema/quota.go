package schema

import (
	"fmt"
	"slices"

	"tenantry.dev/reconciler/resource"
)

// quotaOf names what AWS counts together: the resources of a kind in an account's region, or in the account
// for a kind that lives in no region.
func quotaOf(kind string, s resource.Scope) string { return kind + " in " + s.String() }

// quotaCounts counts resources by what AWS counts together, as far as an account has a quota for it.
func quotaCounts(list []resource.Desired, accounts map[string]*Account) []Count {
	var out []Count
	for _, d := range list {
		if !limited(accounts, d) {
			continue
		}
		of := quotaOf(d.Address.Kind, d.Scope)
		if i := slices.IndexFunc(out, func(c Count) bool { return c.Of == of }); i >= 0 {
			out[i].Takes++
		} else {
			out = append(out, Count{Of: of, Takes: 1})
		}
	}
	return out
}

func limited(accounts map[string]*Account, d resource.Desired) bool {
	for _, a := range accounts {
		if _, has := a.Quotas[d.Address.Kind]; has && a.ID == d.Scope.Account {
			return true
		}
	}
	return false
}

// quotaLimits bound what the fleet asks of its accounts, given what its cells count themselves.
func quotaLimits(accounts []Account, kinds map[string]kindDef, cells []Count, at func(account, kind string) resource.Origin) []Limit {
	var out []Limit
	for _, a := range accounts {
		for _, kind := range sortedKeys(a.Quotas) {
			regions := a.Regions
			if kinds[kind].global {
				regions = []string{resource.Global}
			}
			for _, region := range regions {
				l := Limit{Of: quotaOf(kind, resource.Scope{Account: a.ID, Region: region}), Most: a.Quotas[kind], At: at(a.Name, kind)}
				for _, c := range cells {
					if c.Of == l.Of {
						l.Taken += c.Takes
					}
				}
				where := "in " + region + " of the account " + a.Name
				if region == resource.Global {
					where = "in the account " + a.Name
				}
				l.Message = fmt.Sprintf("AWS allows {most} of %s %s, and the fleet asks for {taken}: {whom}; "+
					"have the quota raised and write it here, or put the next tenants elsewhere", kind, where)
				out = append(out, l)
			}
		}
	}
	return out
}
