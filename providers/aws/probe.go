package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudcontrol"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"tenantry.dev/reconciler/resource"
)

// This file has one call of each listing, with the smallest page that the service takes.

// Probe lists one alarm.
func (d *alarm) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *cloudwatch.Client) error {
		_, err := c.DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{MaxRecords: aws.Int32(1)})
		return failed("list", "alarms", err)
	})
}

// Probe lists one bucket.
func (d *bucket) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *s3.Client) error {
		_, err := c.ListBuckets(ctx, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1)})
		return failed("list", "buckets", err)
	})
}

// Probe lists one key and one alias.
func (d *key) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *kms.Client) error {
		_, err := c.ListKeys(ctx, &kms.ListKeysInput{Limit: aws.Int32(1)})
		return failed("list", "keys", err)
	}, func(c *kms.Client) error {
		_, err := c.ListAliases(ctx, &kms.ListAliasesInput{Limit: aws.Int32(1)})
		return failed("list", "aliases of keys", err)
	})
}

// Probe lists one log group.
func (d *logGroup) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *cloudwatchlogs.Client) error {
		_, err := c.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(1)})
		return failed("list", "log groups", err)
	})
}

// Probe lists one queue.
func (d *queue) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *sqs.Client) error {
		_, err := c.ListQueues(ctx, &sqs.ListQueuesInput{MaxResults: aws.Int32(1)})
		return failed("list", "queues", err)
	})
}

// Probe lists one role, both ways.
func (d *role) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *iam.Client) error {
		_, err := c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{types.EntityTypeRole}, MaxItems: aws.Int32(1)})
		return failed("list", "roles and what they may do", err)
	}, func(c *iam.Client) error {
		_, err := c.ListRoles(ctx, &iam.ListRolesInput{MaxItems: aws.Int32(1)})
		return failed("list", "roles", err)
	})
}

// Probe lists one secret.
func (d *secret) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *secretsmanager.Client) error {
		_, err := c.ListSecrets(ctx, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(1)})
		return failed("list", "secrets", err)
	})
}

// Probe lists a page of topics, whose size can't be chosen.
func (d *topic) Probe(ctx context.Context, scope resource.Scope) error {
	return probe(ctx, d.clients, scope, func(c *sns.Client) error {
		_, err := c.ListTopics(ctx, &sns.ListTopicsInput{})
		return failed("list", "topics", err)
	})
}

// Probe lists one resource of the type, unless it can only be listed within another one.
func (d *cloudControl) Probe(ctx context.Context, scope resource.Scope) error {
	if len(d.kind.Within) > 0 {
		return nil
	}
	return probe(ctx, d.clients, scope, func(c *cloudcontrol.Client) error {
		_, err := c.ListResources(ctx, &cloudcontrol.ListResourcesInput{TypeName: &d.Name, MaxResults: aws.Int32(1)})
		return failed("list", d.Name, err)
	})
}
