package main

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"tenantry.dev/providers/aws"
	"tenantry.dev/reconciler"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/schema"
)

// eventQueues opens the queues that the fleet says its accounts' events arrive in. keys hears of the sessions
// that are begun with base, here and by the drivers.
func eventQueues(base awssdk.Config, keys *aws.Keys) func(*schema.Fleet, []string) ([]reconciler.Events, error) {
	return func(fleet *schema.Fleet, kinds []string) ([]reconciler.Events, error) {
		var places []aws.EventPlace
		for _, a := range fleet.Accounts {
			for _, region := range a.Events.Regions {
				places = append(places, aws.EventPlace{Scope: resource.Scope{Account: a.ID, Region: region}, Queue: a.Events.Queue})
			}
		}
		queues, err := aws.EventQueues(base, accountsOf(fleet), keys, places, kinds)
		if err != nil {
			return nil, err
		}
		out := make([]reconciler.Events, len(queues))
		for i, q := range queues {
			out[i] = q
		}
		return out, nil
	}
}
