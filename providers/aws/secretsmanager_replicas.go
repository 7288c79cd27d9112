package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A replica is a copy of a secret, value included, that AWS keeps in another region. Which of them there
// are is a complete set: an extra one is a difference, for it takes the value out of the region.
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
type replica struct {
	Region string `json:"region"`
	KMSKey string `json:"kmsKey"` // of that region; empty: the account's aws/secretsmanager key there
	// Other says why a replica isn't one. It is observed, so that it shows as a difference, and never
	// wanted.
	Other string `json:"other,omitempty"`
}

func tidyReplicas(list *[]replica) {
	*list = sortedBy(*list, func(r replica) string { return r.Region })
}

func fromReplicas(list []types.ReplicationStatusType) []replica {
	out := []replica{}
	for _, r := range list {
		found := replica{Region: str(r.Region), KMSKey: str(r.KmsKeyId)}
		if found.KMSKey == defaultSecretKey {
			found.KMSKey = ""
		}
		if r.Status == types.StatusTypeFailed {
			found.Other = "failed: " + str(r.StatusMessage)
		}
		out = append(out, found)
	}
	return out
}

// setReplicas removes what isn't wanted, or is encrypted otherwise, before it adds what is. A secret of
// the same name that is in a region already is never overwritten.
func (d *secret) setReplicas(ctx context.Context, client *secretsmanager.Client, id string, w wish[secretAttributes]) error {
	if !w.differs("replicas") {
		return nil
	}
	facts, err := d.describe(ctx, client, id)
	if err != nil {
		return failed("read the replicas of secret", id, err)
	}
	var remove []string
	var add []types.ReplicaRegionType
	for _, r := range facts.replicas {
		if !slices.Contains(w.to.Replicas, r) {
			remove = append(remove, r.Region)
		}
	}
	for _, r := range w.to.Replicas {
		if slices.Contains(facts.replicas, r) {
			continue
		}
		region := types.ReplicaRegionType{Region: &r.Region}
		if r.KMSKey != "" {
			region.KmsKeyId = &r.KMSKey
		}
		add = append(add, region)
	}
	if len(remove) > 0 {
		_, err := client.RemoveRegionsFromReplication(ctx, &secretsmanager.RemoveRegionsFromReplicationInput{SecretId: &id, RemoveReplicaRegions: remove})
		if err != nil {
			return failed("remove replicas of secret", id, err)
		}
	}
	if len(add) > 0 {
		_, err := client.ReplicateSecretToRegions(ctx, &secretsmanager.ReplicateSecretToRegionsInput{SecretId: &id, AddReplicaRegions: add})
		return failedNaming("replicate secret", id, err)
	}
	return nil
}
