package conformance

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	awsdrivers "tenantry.dev/providers/aws"
	"tenantry.dev/reconciler/resource"
)

// enter assumes the account's role without the product's help: what is done behind the drivers'
// back shares no code with them.
func enter(_ context.Context, base aws.Config, account awsdrivers.Account, scope resource.Scope) (aws.Config, error) {
	cfg := base.Copy()
	cfg.Region = scope.Region
	if scope.Region == resource.Global {
		cfg.Region = "us-east-1"
	}
	provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), account.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.ExternalID = &account.ExternalID
	})
	cfg.Credentials = aws.NewCredentialsCache(provider)
	return cfg, nil
}

// marks are the tags that make a resource ours.
var marks = []string{"tenantry:fleet", "tenantry:address", "tenantry:nonce", "tenantry:retired"}

// unmark takes our tags off a resource, as a person in the console would.
func unmark(ctx context.Context, cfg aws.Config, have resource.Observed) error {
	id, arn := have.ID, have.Outputs["arn"]
	var err error
	switch have.Address.Kind {
	case "aws.s3.bucket":
		_, err = s3.NewFromConfig(cfg).DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: aws.String(have.Outputs["name"])})
	case "aws.iam.role":
		_, err = iam.NewFromConfig(cfg).UntagRole(ctx, &iam.UntagRoleInput{RoleName: aws.String(have.Outputs["name"]), TagKeys: marks})
	case "aws.kms.key":
		_, err = kms.NewFromConfig(cfg).UntagResource(ctx, &kms.UntagResourceInput{KeyId: aws.String(have.Outputs["id"]), TagKeys: marks})
	case "aws.logs.group":
		_, err = cloudwatchlogs.NewFromConfig(cfg).UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: &arn, TagKeys: marks})
	case "aws.cloudwatch.alarm":
		_, err = cloudwatch.NewFromConfig(cfg).UntagResource(ctx, &cloudwatch.UntagResourceInput{ResourceARN: &arn, TagKeys: marks})
	case "aws.sns.topic":
		_, err = sns.NewFromConfig(cfg).UntagResource(ctx, &sns.UntagResourceInput{ResourceArn: &arn, TagKeys: marks})
	case "aws.sqs.queue":
		_, err = sqs.NewFromConfig(cfg).UntagQueue(ctx, &sqs.UntagQueueInput{QueueUrl: aws.String(have.Outputs["url"]), TagKeys: marks})
	case "aws.secretsmanager.secret":
		_, err = secretsmanager.NewFromConfig(cfg).UntagResource(ctx, &secretsmanager.UntagResourceInput{SecretId: &arn, TagKeys: marks})
	default:
		err = unmarkType(ctx, cloudcontrol.NewFromConfig(cfg), have)
	}
	if err != nil {
		return fmt.Errorf("unmark %s: %w", id, err)
	}
	return nil
}
