//go:build conformance

package conformance

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// remove deletes for good what a check made, data and all, which no driver does. What is gone already is
// no error. A key can only be scheduled for deletion, for seven days at least.
func remove(ctx context.Context, cfg aws.Config, have resource.Observed) error {
	arn, name := have.Outputs["arn"], have.Outputs["name"]
	var err error
	switch have.Address.Kind {
	case "aws.s3.bucket":
		_, err = s3.NewFromConfig(cfg).DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name})
	case "aws.kms.key":
		err = removeKey(ctx, kms.NewFromConfig(cfg), have)
	case "aws.logs.group":
		_, err = cloudwatchlogs.NewFromConfig(cfg).DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &have.ID})
	case "aws.secretsmanager.secret":
		_, err = secretsmanager.NewFromConfig(cfg).DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &arn, ForceDeleteWithoutRecovery: aws.Bool(true)})
	case "aws.cloudwatch.alarm":
		_, err = cloudwatch.NewFromConfig(cfg).DeleteAlarms(ctx, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{have.ID}})
	case "aws.sns.topic":
		_, err = sns.NewFromConfig(cfg).DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: &arn})
	case "aws.sqs.queue":
		_, err = sqs.NewFromConfig(cfg).DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &have.ID})
	case "aws.iam.role":
		err = removeRole(ctx, iam.NewFromConfig(cfg), name)
	default:
		err = removeType(ctx, cloudcontrol.NewFromConfig(cfg), have)
	}
	if isGone(err) {
		return nil
	}
	return err
}

// isGone tells whether there is nothing to be removed any more.
func isGone(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return errors.Is(err, providers.ErrGone)
	}
	switch api.ErrorCode() {
	case "NoSuchBucket", "NoSuchEntity", "NotFound", "NotFoundException", "ResourceNotFoundException", "ResourceNotFound", "QueueDoesNotExist",
		"AWS.SimpleQueueService.NonExistentQueue", "KMSInvalidStateException":
		return true
	}
	return false
}

func removeType(ctx context.Context, client *cloudcontrol.Client, have resource.Observed) error {
	out, err := client.DeleteResource(ctx, &cloudcontrol.DeleteResourceInput{TypeName: &have.Address.Kind, Identifier: &have.ID})
	if err != nil {
		return err
	}
	return ended(ctx, client, out.ProgressEvent)
}

func removeKey(ctx context.Context, client *kms.Client, have resource.Observed) error {
	id := have.Outputs["id"]
	aliases, err := client.ListAliases(ctx, &kms.ListAliasesInput{KeyId: &id})
	if err != nil {
		return err
	}
	for _, a := range aliases.Aliases {
		if _, err := client.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: a.AliasName}); err != nil && !isGone(err) {
			return err
		}
	}
	_, err = client.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &id, PendingWindowInDays: aws.Int32(7)})
	return err
}

func removeRole(ctx context.Context, client *iam.Client, name string) error {
	attached, err := client.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, p := range attached.AttachedPolicies {
		if _, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &name, PolicyArn: p.PolicyArn}); err != nil && !isGone(err) {
			return err
		}
	}
	inline, err := client.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &name})
	if err != nil {
		return err
	}
	for _, policy := range inline.PolicyNames {
		if _, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: &policy}); err != nil && !isGone(err) {
			return err
		}
	}
	_, err = client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name})
	return err
}
