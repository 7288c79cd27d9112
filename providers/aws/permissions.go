package aws

import (
	"regexp"
	"slices"

	"tenantry.dev/providers"
)

// This file says what each driver's calls ask IAM to be allowed. A test puts the conformance suite to the
// drivers and compares: nothing is missing, and nothing is listed for nothing.
//
// Which action can be limited to what, and which knows the tags of what it is done to, is in
// https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html.
// Creates and what follows them at once aren't bound to the mark, since AWS doesn't promise that a tag is
// seen by authorization as soon as it is written; of KMS it says that it may take five minutes:
// https://docs.aws.amazon.com/kms/latest/developerguide/abac.html. S3 looks at the tags of buckets only
// where that was switched on, so that there names stand in for them:
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/buckets-tagging-enable-abac.html.

// indexAction is asked for by everything that looks tags up in the tagging API's index.
const indexAction = "tag:GetResources"

// The forms of what actions are done to.
const (
	onAnything  = "*"
	onAlarms    = "arn:{partition}:cloudwatch:{region}:{account}:alarm:*"
	onBuckets   = "arn:{partition}:s3:::*"
	onOurNames  = "arn:{partition}:s3:::{name}"
	onKeys      = "arn:{partition}:kms:{region}:{account}:key/*"
	onAliases   = "arn:{partition}:kms:{region}:{account}:alias/*"
	onLogGroups = "arn:{partition}:logs:{region}:{account}:log-group:*"
	onQueues    = "arn:{partition}:sqs:{region}:{account}:*"
	onTopics    = "arn:{partition}:sns:{region}:{account}:*"
	onRoles     = "arn:{partition}:iam::{account}:role/*"
	onSealed    = "arn:{partition}:secretsmanager:{region}:{account}:secret:*"
	onFunctions = "arn:{partition}:lambda:{region}:{account}:function:*"
)

// may is a grant.
func may(on string, condition providers.Condition, actions ...string) providers.Grant {
	return providers.Grant{On: on, If: condition, Actions: actions}
}

// Permissions of alarms.
func (d *alarm) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "cloudwatch:DescribeAlarms", indexAction),
			may(onAlarms, providers.Always, "cloudwatch:ListTagsForResource"),
		},
		Write: []providers.Grant{
			may(onAlarms, providers.Always, "cloudwatch:PutMetricAlarm"),
			may(onAlarms, providers.Ours, "cloudwatch:DeleteAlarms", "cloudwatch:TagResource", "cloudwatch:UntagResource"),
			may(onAlarms, providers.Marks, "cloudwatch:TagResource"),
		},
	}
}

// Permissions of buckets.
func (d *bucket) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "s3:ListAllMyBuckets", indexAction),
			may(onBuckets, providers.Always,
				"s3:GetBucketNotification", "s3:GetBucketOwnershipControls", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
				"s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration",
				"s3:GetReplicationConfiguration", "s3:ListBucket"),
		},
		Write: []providers.Grant{
			may(onOurNames, providers.Always,
				"s3:CreateBucket", "s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketNotification", "s3:PutBucketOwnershipControls",
				"s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
				"s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration", "s3:PutReplicationConfiguration", "s3:TagResource"),
			may(onRoles, providers.Passed, "iam:PassRole"), // a bucket's replication is done as a role
		},
	}
}

// Permissions of keys.
func (d *key) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "kms:ListAliases", "kms:ListKeys", indexAction),
			may(onKeys, providers.Always, "kms:DescribeKey", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListResourceTags"),
		},
		Write: []providers.Grant{
			may(onAnything, providers.Marks, "kms:CreateKey"),
			may(onAliases, providers.Always, "kms:CreateAlias", "kms:DeleteAlias"),
			may(onKeys, providers.Always,
				"kms:CreateAlias", "kms:DeleteAlias", "kms:DisableKeyRotation", "kms:EnableKeyRotation", "kms:PutKeyPolicy",
				"kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription"),
			may(onKeys, providers.Ours, "kms:CancelKeyDeletion", "kms:CreateGrant", "kms:DisableKey", "kms:EnableKey", "kms:RevokeGrant"),
		},
	}
}

// Permissions of log groups.
func (d *logGroup) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "logs:DescribeLogGroups", indexAction),
			may(onLogGroups, providers.Always, "logs:DescribeSubscriptionFilters", "logs:ListTagsForResource"),
		},
		Write: []providers.Grant{
			may(onLogGroups, providers.Always, "logs:CreateLogGroup", "logs:PutRetentionPolicy"),
			may(onLogGroups, providers.Ours,
				"logs:AssociateKmsKey", "logs:DeleteRetentionPolicy", "logs:DeleteSubscriptionFilter", "logs:DisassociateKmsKey",
				"logs:PutSubscriptionFilter", "logs:TagResource", "logs:UntagResource"),
			may(onLogGroups, providers.Marks, "logs:TagResource"),
			may(onRoles, providers.Passed, "iam:PassRole"), // what a filter finds is sent to a stream as a role
		},
	}
}

// Permissions of queues.
func (d *queue) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "sqs:ListQueues", indexAction),
			may(onQueues, providers.Always, "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueueTags"),
		},
		Write: []providers.Grant{
			may(onQueues, providers.Always, "sqs:CreateQueue"),
			may(onQueues, providers.Ours, "sqs:DeleteQueue", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"),
			may(onQueues, providers.Marks, "sqs:TagQueue"),
		},
	}
}

// Permissions of topics.
func (d *topic) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "sns:ListSubscriptions", "sns:ListTopics", indexAction),
			may(onTopics, providers.Always, "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTagsForResource"),
		},
		Write: []providers.Grant{
			may(onAnything, providers.Always, "sns:Unsubscribe"),
			may(onTopics, providers.Always, "sns:CreateTopic", "sns:SetTopicAttributes", "sns:Subscribe"),
			may(onTopics, providers.Ours, "sns:DeleteTopic", "sns:TagResource", "sns:UntagResource"),
			may(onTopics, providers.Marks, "sns:TagResource"),
		},
	}
}

// Permissions of secrets. What is in them is never read.
func (d *secret) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "secretsmanager:ListSecrets"),
			may(onSealed, providers.Always, "secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"),
		},
		Write: []providers.Grant{
			may(onFunctions, providers.Always, "lambda:InvokeFunction"), // of rotation: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
			may(onSealed, providers.Always, "secretsmanager:CreateSecret", "secretsmanager:PutResourcePolicy", "secretsmanager:RotateSecret"),
			may(onSealed, providers.Ours,
				"secretsmanager:CancelRotateSecret", "secretsmanager:DeleteResourcePolicy", "secretsmanager:RemoveRegionsFromReplication",
				"secretsmanager:ReplicateSecretToRegions", "secretsmanager:RestoreSecret", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret"),
			may(onSealed, providers.Marks, "secretsmanager:TagResource"),
		},
	}
}

// Permissions of roles.
func (d *role) Permissions() providers.Permissions {
	return providers.Permissions{
		Read: []providers.Grant{
			may(onAnything, providers.Always, "iam:GetAccountAuthorizationDetails", "iam:ListRoles"),
			may(onRoles, providers.Always, "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
		},
		Write: []providers.Grant{
			may(onRoles, providers.Bounded,
				"iam:AttachRolePolicy", "iam:CreateRole", "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy", "iam:DetachRolePolicy",
				"iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"),
			may(onRoles, providers.Ours, "iam:DeleteRole", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"),
			may(onRoles, providers.Marks, "iam:TagRole"),
		},
	}
}

// boundedActions are those that IAM lets a policy limit to what has a boundary.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
var boundedActions = []string{
	"iam:AttachRolePolicy", "iam:AttachUserPolicy", "iam:CreateRole", "iam:CreateUser", "iam:DeleteRolePermissionsBoundary", "iam:DeleteRolePolicy",
	"iam:DeleteUserPermissionsBoundary", "iam:DeleteUserPolicy", "iam:DetachRolePolicy", "iam:DetachUserPolicy",
	"iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:PutUserPermissionsBoundary", "iam:PutUserPolicy",
}

// actionForm is what IAM takes for an action. Schemas of types also list what only AWS's own logs call so.
var actionForm = regexp.MustCompile(`^[a-z0-9-]+:[A-Za-z0-9*]+$`)

// Permissions of a type are those of Cloud Control, and of the calls that its handlers make in the
// caller's name, as AWS publishes them. They are limited to nothing but what is dangerous in any case:
// which of a handler's calls can be limited, and to what, isn't published.
// https://docs.aws.amazon.com/cloudcontrolapi/latest/userguide/security.html
func (d *cloudControl) Permissions() providers.Permissions {
	read := append(d.handlers("read", "list"), "cloudformation:GetResource", "cloudformation:GetResourceRequestStatus", "cloudformation:ListResources")
	write := append(d.handlers("create", "update", "delete"), "cloudformation:CreateResource", "cloudformation:DeleteResource", "cloudformation:UpdateResource")
	return providers.Permissions{Read: handled(read), Write: handled(write)}
}

// handlers are the actions of some of the type's handlers.
func (d *cloudControl) handlers(names ...string) []string {
	var actions []string
	for _, name := range names {
		for _, action := range d.Handlers[name].Permissions {
			if actionForm.MatchString(action) {
				actions = append(actions, action)
			}
		}
	}
	return actions
}

// handled grants actions that come without a form of what they are done to.
func handled(actions []string) []providers.Grant {
	slices.Sort(actions)
	actions = slices.Compact(actions)
	var free, bounded, passing []string
	for _, action := range actions {
		switch {
		case slices.Contains(boundedActions, action):
			bounded = append(bounded, action)
		case action == "iam:PassRole":
			passing = append(passing, action)
		default:
			free = append(free, action)
		}
	}
	grants := []providers.Grant{may(onAnything, providers.Always, free...)}
	if len(bounded) > 0 {
		grants = append(grants, may(onAnything, providers.Bounded, bounded...))
	}
	if len(passing) > 0 {
		grants = append(grants, may(onRoles, providers.Always, passing...))
	}
	return grants
}
