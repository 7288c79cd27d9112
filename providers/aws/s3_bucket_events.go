package aws

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// What leads out of a bucket: who owns what others put there, copies in other buckets, and the events
// that it sends. None of it is there unless Git says so.

// aclsOff is the ownership under which S3 ignores access control lists, which is why they aren't read.
// It is the default of new buckets since April 2023.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
const aclsOff = string(types.ObjectOwnershipBucketOwnerEnforced)

type bucketReplication struct {
	RoleARN string            `json:"roleArn"`
	Rules   []replicationRule `json:"rules"`
}

type replicationRule struct {
	ID            string `json:"id"`
	Priority      int32  `json:"priority"`
	Prefix        string `json:"prefix"`
	Destination   string `json:"destination"` // the ARN of a bucket
	Account       string `json:"account"`     // that is to own the copies; empty: the bucket's own
	KMSKey        string `json:"kmsKey"`      // for copies of what a key in KMS encrypts; empty: that isn't copied
	DeleteMarkers bool   `json:"deleteMarkers"`
	// Other names what a rule does beyond that. It is observed, so that it shows as a difference,
	// and never wanted.
	Other string `json:"other,omitempty"`
}

type bucketNotification struct {
	ID     string   `json:"id"`
	Target string   `json:"target"` // the ARN of a queue, a topic or a function
	Events []string `json:"events"`
	Prefix string   `json:"prefix"`
	Suffix string   `json:"suffix"`
}

func tidyReplication(r *bucketReplication) {
	r.Rules = sortedBy(r.Rules, func(rule replicationRule) string { return rule.ID })
}

func tidyNotifications(list *[]bucketNotification) {
	for i := range *list {
		(*list)[i].Events = sortedBy((*list)[i].Events, func(event string) string { return event })
	}
	*list = sortedBy(*list, func(n bucketNotification) string { return n.ID + " " + n.Target })
}

// sortedBy returns the elements in the order of a text; never nil.
func sortedBy[T any](list []T, key func(T) string) []T {
	list = append([]T{}, list...)
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return list
}

// readOwnership: a bucket without a setting (OwnershipControlsNotFoundError) is one of before it was
// introduced, in which whoever writes an object owns it.
func readOwnership(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	a.ObjectOwnership = string(types.ObjectOwnershipObjectWriter)
	out, err := client.GetBucketOwnershipControls(ctx, &s3.GetBucketOwnershipControlsInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	present, err := unlessAbsent(err, "OwnershipControlsNotFoundError")
	if err != nil || !present || out.OwnershipControls == nil {
		return failed("read the object ownership of bucket", a.Name, err)
	}
	for _, rule := range out.OwnershipControls.Rules {
		a.ObjectOwnership = string(rule.ObjectOwnership)
	}
	return nil
}

// readReplication: only what is versioned can be replicated, and versioning can't be suspended before
// the replication is removed, so that nothing is read of a bucket without.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-and-other-bucket-configs.html
func readReplication(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	if !a.Versioning {
		return nil
	}
	out, err := client.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	present, err := unlessAbsent(err, "ReplicationConfigurationNotFoundError")
	if err != nil || !present || out.ReplicationConfiguration == nil {
		return failed("read the replication of bucket", a.Name, err)
	}
	a.Replication = &bucketReplication{RoleARN: str(out.ReplicationConfiguration.Role), Rules: []replicationRule{}}
	for _, rule := range out.ReplicationConfiguration.Rules {
		a.Replication.Rules = append(a.Replication.Rules, fromReplicationRule(rule))
	}
	return nil
}

// fromReplicationRule reads a rule, and names in Other what our rules can't say.
func fromReplicationRule(rule types.ReplicationRule) replicationRule {
	r := replicationRule{ID: str(rule.ID), Priority: aws.ToInt32(rule.Priority), Prefix: str(rule.Prefix)} //nolint:staticcheck // rules of before 2018 have their prefix there
	var other []string
	note := func(there bool, what string) {
		if there {
			other = append(other, what)
		}
	}
	if f := rule.Filter; f != nil {
		r.Prefix = cmp.Or(str(f.Prefix), r.Prefix)
		note(f.Tag != nil || f.And != nil, "filter")
	}
	if m := rule.DeleteMarkerReplication; m != nil {
		r.DeleteMarkers = m.Status == types.DeleteMarkerReplicationStatusEnabled
	}
	if d := rule.Destination; d != nil {
		r.Destination = str(d.Bucket)
		note((d.Account != nil) != (d.AccessControlTranslation != nil), "account without ownership")
		if d.AccessControlTranslation != nil {
			r.Account = str(d.Account)
		}
		if d.EncryptionConfiguration != nil {
			r.KMSKey = str(d.EncryptionConfiguration.ReplicaKmsKeyID)
		}
		note(d.StorageClass != "", "storage class "+string(d.StorageClass))
		note(d.ReplicationTime != nil && d.ReplicationTime.Status == types.ReplicationTimeStatusEnabled, "replication time")
	}
	note(copiesEncrypted(rule.SourceSelectionCriteria) != (r.KMSKey != ""), "encrypted objects")
	note(rule.SourceSelectionCriteria != nil && rule.SourceSelectionCriteria.ReplicaModifications != nil, "changes of copies")
	note(rule.Status != types.ReplicationRuleStatusEnabled, "disabled")
	r.Other = strings.Join(other, ", ")
	return r
}

func copiesEncrypted(s *types.SourceSelectionCriteria) bool {
	return s != nil && s.SseKmsEncryptedObjects != nil && s.SseKmsEncryptedObjects.Status == types.SseKmsEncryptedObjectsStatusEnabled
}

func toReplicationRule(r replicationRule) types.ReplicationRule {
	markers := types.DeleteMarkerReplicationStatusDisabled
	if r.DeleteMarkers {
		markers = types.DeleteMarkerReplicationStatusEnabled
	}
	rule := types.ReplicationRule{
		ID: &r.ID, Priority: &r.Priority, Status: types.ReplicationRuleStatusEnabled,
		Filter:                  &types.ReplicationRuleFilter{Prefix: &r.Prefix},
		DeleteMarkerReplication: &types.DeleteMarkerReplication{Status: markers},
		Destination:             &types.Destination{Bucket: &r.Destination},
	}
	if r.Account != "" {
		rule.Destination.Account = &r.Account
		rule.Destination.AccessControlTranslation = &types.AccessControlTranslation{Owner: types.OwnerOverrideDestination}
	}
	if r.KMSKey != "" {
		rule.Destination.EncryptionConfiguration = &types.EncryptionConfiguration{ReplicaKmsKeyID: &r.KMSKey}
		rule.SourceSelectionCriteria = &types.SourceSelectionCriteria{
			SseKmsEncryptedObjects: &types.SseKmsEncryptedObjects{Status: types.SseKmsEncryptedObjectsStatusEnabled},
		}
	}
	return rule
}

// readNotifications: a bucket that sends nothing answers with an empty configuration.
func readNotifications(ctx context.Context, client *s3.Client, owner *string, a *bucketAttributes) error {
	out, err := client.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &a.Name, ExpectedBucketOwner: owner})
	if err != nil {
		return failed("read the notifications of bucket", a.Name, err)
	}
	a.EventBridge = out.EventBridgeConfiguration != nil
	a.Notifications = []bucketNotification{}
	add := func(id, target *string, events []types.Event, filter *types.NotificationConfigurationFilter) {
		n := bucketNotification{ID: str(id), Target: str(target), Events: []string{}}
		for _, event := range events {
			n.Events = append(n.Events, string(event))
		}
		if filter != nil && filter.Key != nil {
			for _, rule := range filter.Key.FilterRules {
				switch types.FilterRuleName(strings.ToLower(string(rule.Name))) {
				case types.FilterRuleNamePrefix:
					n.Prefix = str(rule.Value)
				case types.FilterRuleNameSuffix:
					n.Suffix = str(rule.Value)
				}
			}
		}
		a.Notifications = append(a.Notifications, n)
	}
	for _, c := range out.QueueConfigurations {
		add(c.Id, c.QueueArn, c.Events, c.Filter)
	}
	for _, c := range out.TopicConfigurations {
		add(c.Id, c.TopicArn, c.Events, c.Filter)
	}
	for _, c := range out.LambdaFunctionConfigurations {
		add(c.Id, c.LambdaFunctionArn, c.Events, c.Filter)
	}
	return nil
}

// toNotifications sorts the targets by the service that their ARN names.
func toNotifications(a bucketAttributes) *types.NotificationConfiguration {
	c := &types.NotificationConfiguration{}
	if a.EventBridge {
		c.EventBridgeConfiguration = &types.EventBridgeConfiguration{}
	}
	for _, n := range a.Notifications {
		var filter *types.NotificationConfigurationFilter
		if n.Prefix+n.Suffix != "" {
			filter = &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{}}
			for name, value := range map[types.FilterRuleName]string{types.FilterRuleNamePrefix: n.Prefix, types.FilterRuleNameSuffix: n.Suffix} {
				if value != "" {
					filter.Key.FilterRules = append(filter.Key.FilterRules, types.FilterRule{Name: name, Value: &value})
				}
			}
		}
		events := make([]types.Event, len(n.Events))
		for i, event := range n.Events {
			events[i] = types.Event(event)
		}
		switch service := strings.SplitN(n.Target+":::", ":", 4)[2]; service {
		case "sqs":
			c.QueueConfigurations = append(c.QueueConfigurations, types.QueueConfiguration{Id: &n.ID, QueueArn: &n.Target, Events: events, Filter: filter})
		case "sns":
			c.TopicConfigurations = append(c.TopicConfigurations, types.TopicConfiguration{Id: &n.ID, TopicArn: &n.Target, Events: events, Filter: filter})
		default:
			c.LambdaFunctionConfigurations = append(c.LambdaFunctionConfigurations, types.LambdaFunctionConfiguration{Id: &n.ID, LambdaFunctionArn: &n.Target, Events: events, Filter: filter})
		}
	}
	return c
}

// setOwnership turns access control lists off, or on. S3 refuses to turn them off while they grant
// anything to anybody else; what they grant is taken away then, because Git knows of no such list.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-ownership-error-responses.html
func (d *bucket) setOwnership(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("objectOwnership") {
		return nil
	}
	put := func() error {
		_, err := client.PutBucketOwnershipControls(ctx, &s3.PutBucketOwnershipControlsInput{
			Bucket: &w.to.Name, ExpectedBucketOwner: owner,
			OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: types.ObjectOwnership(w.to.ObjectOwnership)}}},
		})
		return err
	}
	err := put()
	if hasCode(err, "InvalidBucketAclWithObjectOwnership") {
		_, err = client.PutBucketAcl(ctx, &s3.PutBucketAclInput{Bucket: &w.to.Name, ExpectedBucketOwner: owner, ACL: types.BucketCannedACLPrivate})
		if err != nil {
			return failed("take the access control list off bucket", w.to.Name, err)
		}
		err = put()
	}
	return failed("set the object ownership of bucket", w.to.Name, err)
}

// dropReplication comes before versioning is suspended, which S3 refuses while something replicates.
func (d *bucket) dropReplication(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("replication") || w.to.Replication != nil {
		return nil
	}
	_, err := client.DeleteBucketReplication(ctx, &s3.DeleteBucketReplicationInput{Bucket: &w.to.Name, ExpectedBucketOwner: owner})
	return failed("remove the replication of bucket", w.to.Name, err)
}

// setReplication comes after versioning is on, without which S3 replicates nothing.
func (d *bucket) setReplication(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("replication") || w.to.Replication == nil {
		return nil
	}
	c := &types.ReplicationConfiguration{Role: &w.to.Replication.RoleARN}
	for _, rule := range w.to.Replication.Rules {
		c.Rules = append(c.Rules, toReplicationRule(rule))
	}
	_, err := client.PutBucketReplication(ctx, &s3.PutBucketReplicationInput{Bucket: &w.to.Name, ExpectedBucketOwner: owner, ReplicationConfiguration: c})
	return d.sessions.failed("set the replication of bucket", w.to.Name, err)
}

// setNotifications replaces all of them, which is the only way there is.
func (d *bucket) setNotifications(ctx context.Context, client *s3.Client, owner *string, w wish[bucketAttributes]) error {
	if !w.differs("notifications", "eventBridge") {
		return nil
	}
	_, err := client.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &w.to.Name, ExpectedBucketOwner: owner, NotificationConfiguration: toNotifications(w.to),
	})
	return d.sessions.failed("set the notifications of bucket", w.to.Name, err)
}
