// Package aws has the drivers for Amazon Web Services. Each kind is one file; what they share is
// how they reach an account (session.go), how fast (limit.go), how often (retry.go), how they mark
// what is ours (tags.go), and what errors mean (errors.go).
package aws

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/providers"
)

// Drivers returns the drivers of all kinds, for the accounts given. base is what the SDK's
// LoadDefaultConfig returned, so that endpoints, profiles and proxies are set the ordinary way; its
// credentials assume each account's role. No call is made before a driver is used.
//
// types are the names of the resource types that are driven through Cloud Control, besides the kinds
// that have a driver of their own.
func Drivers(base aws.Config, accounts []Account, types ...string) (providers.Set, error) {
	s, err := newSessions(base, accounts)
	if err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	drivers := []providers.Driver{
		newAlarm(s),
		newBucket(s),
		newKey(s),
		newLogGroup(s),
		newQueue(s),
		newRole(s),
		newSecret(s),
		newTopic(s),
	}
	if len(types) > 0 {
		typed, err := typedDrivers(s, types)
		if err != nil {
			return nil, fmt.Errorf("aws: %w", err)
		}
		drivers = append(drivers, typed...)
	}
	return providers.NewSet(drivers...)
}

// typedDrivers are the drivers of resource types by AWS's description of them.
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
			return nil, err
		}
		d, err := newCloudControl(s, clients, t)
		if err != nil {
			return nil, err
		}
		drivers = append(drivers, d)
	}
	return drivers, nil
}
