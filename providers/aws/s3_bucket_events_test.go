package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"pgregory.net/rapid"
)

// TestReplicationRulesRoundTrip: what is sent and then read is what was wanted.
func TestReplicationRulesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := replicationRule{
			ID: rapid.String().Draw(t, "id"), Priority: rapid.Int32Range(0, 1000).Draw(t, "priority"), Prefix: rapid.String().Draw(t, "prefix"),
			Destination: rapid.String().Draw(t, "destination"), Account: rapid.SampledFrom([]string{"", testAccount}).Draw(t, "account"),
			KMSKey: rapid.SampledFrom([]string{"", "arn:key"}).Draw(t, "key"), DeleteMarkers: rapid.Bool().Draw(t, "markers"),
		}
		if got := fromReplicationRule(toReplicationRule(r)); got != r {
			t.Fatalf("%+v came back as %+v", r, got)
		}
	})
}

// What our rules can't say shows as a difference.
func TestReplicationBeyondOurs(t *testing.T) {
	for want, change := range map[string]func(*types.ReplicationRule){
		"disabled": func(r *types.ReplicationRule) { r.Status = types.ReplicationRuleStatusDisabled },
		"filter":   func(r *types.ReplicationRule) { r.Filter.Tag = &types.Tag{} },
		"account without ownership": func(r *types.ReplicationRule) {
			r.Destination.Account = aws.String("999999999999")
		},
		"storage class GLACIER": func(r *types.ReplicationRule) { r.Destination.StorageClass = types.StorageClassGlacier },
		"replication time": func(r *types.ReplicationRule) {
			r.Destination.ReplicationTime = &types.ReplicationTime{Status: types.ReplicationTimeStatusEnabled}
		},
		"encrypted objects": func(r *types.ReplicationRule) {
			r.SourceSelectionCriteria = &types.SourceSelectionCriteria{SseKmsEncryptedObjects: &types.SseKmsEncryptedObjects{Status: types.SseKmsEncryptedObjectsStatusEnabled}}
		},
		"changes of copies": func(r *types.ReplicationRule) {
			r.SourceSelectionCriteria = &types.SourceSelectionCriteria{ReplicaModifications: &types.ReplicaModifications{}}
		},
	} {
		rule := toReplicationRule(replicationRule{ID: "a", Destination: "arn:aws:s3:::copies"})
		change(&rule)
		if got := fromReplicationRule(rule); got.Other != want {
			t.Errorf("%q, want %q", got.Other, want)
		}
	}
}

// A bucket whose versioning is off costs no call for replication.
func TestReplicationIsReadOfVersionedBucketsOnly(t *testing.T) {
	for versioning, want := range map[string]int{"": 0, "<Status>Suspended</Status>": 0, "<Status>Enabled</Status>": 1} {
		cloud := buckets{listed: []string{"a"}, tags: marked(nil, testFleet, wantedBucket().Address, ""), say: map[string]reply{
			"GET versioning": {body: "<VersioningConfiguration>" + versioning + "</VersioningConfiguration>"},
		}}
		w := newWire(t, cloud.answer)
		if seen, err := newBucket(w.sessions()).Observe(t.Context(), testScope, testFleet); err != nil || len(seen) != 1 {
			t.Fatalf("%v, %v", seen, err)
		}
		if n := len(w.sent("GET replication")); n != want {
			t.Errorf("%q: %d calls", versioning, n)
		}
	}
}
