package awsbox_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// everything makes one of each kind, set up so that each prank has something to spoil.
func everything(t *testing.T, cfg aws.Config) {
	t.Helper()
	name := aws.String("acme")
	buckets := s3.NewFromConfig(cfg)
	do(t, buckets.CreateBucket, &s3.CreateBucketInput{Bucket: name, CreateBucketConfiguration: inRegion(here)})
	do(t, buckets.PutBucketTagging, putTags("acme", "tenantry:fleet", "f"))
	do(t, buckets.PutBucketLifecycleConfiguration, &s3.PutBucketLifecycleConfigurationInput{Bucket: name, LifecycleConfiguration: &types.BucketLifecycleConfiguration{
		Rules: []types.LifecycleRule{{ID: name, Status: "Enabled", Filter: &types.LifecycleRuleFilter{Prefix: aws.String("")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}}},
	}})
	do(t, buckets.PutBucketEncryption, &s3.PutBucketEncryptionInput{Bucket: name, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: "aws:kms"}}},
	}})
	roles := iam.NewFromConfig(cfg)
	do(t, roles.CreateRole, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(trust), PermissionsBoundary: aws.String("arn:aws:iam::" + blue + ":policy/boundary")})
	keys := kms.NewFromConfig(cfg)
	id := newKey(t, keys)
	do(t, keys.EnableKeyRotation, &kms.EnableKeyRotationInput{KeyId: id})
	do(t, keys.CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/acme"), TargetKeyId: id})
	logs := cloudwatchlogs.NewFromConfig(cfg)
	do(t, logs.CreateLogGroup, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: name})
	do(t, logs.PutRetentionPolicy, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: name, RetentionInDays: aws.Int32(30)})
	do(t, cloudwatch.NewFromConfig(cfg).PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: name, Namespace: name, MetricName: name, Statistic: "Sum",
		Period: aws.Int32(60), EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(1), ComparisonOperator: "GreaterThanThreshold",
	})
	do(t, sns.NewFromConfig(cfg).CreateTopic, &sns.CreateTopicInput{Name: name})
	do(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: name})
	do(t, secretsmanager.NewFromConfig(cfg).CreateSecret, &secretsmanager.CreateSecretInput{Name: name})
}
