// Package aws has the drivers for Amazon Web Services. Each kind is one file; what they share is
// how they reach an account (session.go), how fast (limit.go), how often (retry.go), how they mark
// what is ours (tags.go), and what errors mean (errors.go).
package aws

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers"
)

// Drivers returns the drivers of all kinds, for the accounts given. base is what the SDK's
// LoadDefaultConfig returned, so that endpoints, profiles and proxies are set the ordinary way; its
// credentials assume each account's role. No call is made before a driver is used.
func Drivers(base aws.Config, accounts []Account) (providers.Set, error) {
	s, err := newSessions(base, accounts)
	if err != nil {
		return nil, fmt.Errorf("aws: %w", err)
	}
	return providers.NewSet(
		newAlarm(s),
		newBucket(s),
		newKey(s),
		newLogGroup(s),
		newQueue(s),
		newRole(s),
		newSecret(s),
		newTopic(s),
	)
}
