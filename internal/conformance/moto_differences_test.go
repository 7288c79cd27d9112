//go:build conformance

package conformance

import "tenantry.dev/providers/providertest"

// motoDifferences are the checks that moto can't pass, each with what it does otherwise than AWS.
// A check that is listed and passes fails the lane, so that the list shrinks with moto's releases.
var motoDifferences = []providertest.Known{
	{
		Check:  "aws.logs.group/walk kmsKey",
		Reason: "AssociateKmsKey and DisassociateKmsKey aren't implemented; a key given at creation works",
	},
	{
		Check:  "aws.logs.group/walk subscriptionFilters",
		Reason: "PutSubscriptionFilter knows no destinations of other accounts, and wants functions and streams to exist",
	},
	{
		Check:  "aws.s3.bucket/walk eventBridge",
		Reason: "GetBucketNotificationConfiguration leaves EventBridge out of its answer",
	},
	{
		Check:  "aws.s3.bucket/walk replication",
		Reason: "GetBucketReplication answers with an empty prefix and with delete markers left alone, whatever was put",
	},
	{
		Check:  "aws.secretsmanager.secret/walk description",
		Reason: "UpdateSecret takes an empty description for none, so that a description can't be removed",
	},
	{
		Check:  "aws.secretsmanager.secret/walk replicas",
		Reason: "ListSecrets names the primary region of replicas alone, and not that of what has replicas",
	},
	{
		Check:  "aws.secretsmanager.secret/walk rotation",
		Reason: "RotateSecret needs the function to exist, and answers with 500 for a secret that has no value yet",
	},
	{
		Check:  "aws.sqs.queue/walk redriveAllow",
		Reason: "RedriveAllowPolicy is taken and not kept",
	},
}
