// Package aws has the drivers for Amazon Web Services. Each kind is one file; what they share is
// how they reach an account (session.go), how fast (limit.go), how often (retry.go), how they mark
// what is ours (tags.go), and what errors mean (errors.go).
package aws

import (
	"github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
)

// Drivers are those of a new Cloud.
func Drivers(base aws.Config, accounts []Account, types ...string) (providers.Set, error) {
	return NewCloud(base).Drivers(accounts, types...)
}

// typedDrivers are the drivers of resource types by AWS's description of them. A type that can't be managed
// has a driver that refuses everything: that something of it was applied under an earlier description
// stops nothing else.
func typedDrivers(s *sessions, types []string) ([]providers.Driver, error) {
	table, err := awstypes.Open()
	if err != nil {
		return nil, err
	}
	clients := newCloudControlPool(s)
	var drivers []providers.Driver
	for _, name := range types {
		t, err := table.Type(name)
		if err != nil {
			drivers = append(drivers, newRefused(name, awstypes.Type{Name: name}.Global(), err))
			continue
		}
		d, err := newTypeDriver(s, clients, t)
		if err != nil {
			d = newRefused(name, t.Global(), err)
		}
		drivers = append(drivers, d)
	}
	return drivers, nil
}
