package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// Grants of AWS's services are left alone; nothing that a person can make passes for one.
func TestGrantsOfServices(t *testing.T) {
	for _, tt := range []struct {
		reason string
		grant  types.GrantListEntry
		want   bool
	}{
		{"a service", types.GrantListEntry{GranteePrincipal: aws.String("dynamodb.eu-central-1.amazonaws.com")}, true},
		{"a service by its new field", types.GrantListEntry{GranteeServicePrincipal: aws.String("rds.amazonaws.com")}, true},
		{"a service-linked role", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:iam::" + testAccount + ":role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling")}, true},
		{"a machine's session", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:sts::" + testAccount + ":assumed-role/aws:ec2-infrastructure/i-1")}, true},
		{"another account's service-linked role", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:iam::999999999999:role/aws-service-role/autoscaling.amazonaws.com/x")}, false},
		{"a role that is called so", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:iam::" + testAccount + ":role/team/aws-service-role/x")}, false},
		{"a role whose name ends so", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:iam::" + testAccount + ":role/x.amazonaws.com")}, false},
		{"a session of a person", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:sts::" + testAccount + ":assumed-role/admin/robin")}, false},
		{"another account", types.GrantListEntry{GranteePrincipal: aws.String("arn:aws:iam::999999999999:root")}, false},
		{"a deleted role", types.GrantListEntry{GranteePrincipal: aws.String("AROA1234567890")}, false},
	} {
		if got := ofService(tt.grant, testAccount); got != tt.want {
			t.Errorf("%s: %t", tt.reason, got)
		}
	}
}

// What our grants can't say shows as a difference.
func TestGrantsBeyondOurs(t *testing.T) {
	for want, constraints := range map[string]*types.GrantConstraints{
		"":                                     {EncryptionContextSubset: map[string]string{"tenant": "acme"}},
		"only for arn:aws:s3:::files":          {SourceArn: aws.String("arn:aws:s3:::files")},
		"only the encryption context map[a:b]": {EncryptionContextEquals: map[string]string{"a": "b"}},
	} {
		if got := fromGrant(types.GrantListEntry{Constraints: constraints}); got.Other != want {
			t.Errorf("%q, want %q", got.Other, want)
		}
	}
}
