package awsbox_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// TestConformance puts the whole suite to the drivers of all kinds, each check in an AWS of its own
// in which every list comes one entry at a time. The clock is a bubble's, so that waiting for a rate
// limit or for a name to be free takes no time.
func TestConformance(t *testing.T) {
	conform(t, awsbox.Conditions{PageSize: 1, ConfirmAtOnce: true}, 0)
}

// TestConformanceWithLateReads does it in an AWS whose reads lag behind every write, but for S3.
func TestConformanceWithLateReads(t *testing.T) {
	late := &awsbox.Lag{Delay: 2 * time.Second, Services: []string{"iam", "kms", "logs", "monitoring", "sns", "sqs", "secretsmanager", "tagging"}}
	conform(t, awsbox.Conditions{PageSize: 2, ConfirmAtOnce: true, Lag: late}, 20*time.Second)
}

// TestConformanceWithALateIndex does it in an AWS whose tagging API knows of everything ten minutes late,
// while the services know at once.
func TestConformanceWithALateIndex(t *testing.T) {
	conform(t, awsbox.Conditions{ConfirmAtOnce: true, IndexLag: 10 * time.Minute}, 11*time.Minute)
}

// TestConformanceUnderThrottling does it in an AWS that refuses every fifth call for being one too
// many; but for KMS, since creating a key is the one call that drivers mustn't repeat by themselves.
func TestConformanceUnderThrottling(t *testing.T) {
	services := []string{"sts", "s3", "iam", "logs", "monitoring", "sns", "sqs", "secretsmanager", "tagging"}
	conform(t, awsbox.Conditions{ConfirmAtOnce: true, Throttle: awsbox.Throttle{Every: 5, Services: services}}, 0)
}

func conform(t *testing.T, conditions awsbox.Conditions, settle time.Duration) {
	set := must[providers.Set](t)(cloud(conditions).Drivers())
	for _, check := range providertest.Checks(set.Kinds()) {
		t.Run(check.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := cloud(conditions)
				c.Settle = settle
				if err := check.Run(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// cloud is a new AWS with one account.
func cloud(conditions awsbox.Conditions) providertest.Cloud {
	c, _ := cloudOf(conditions, drivers.Account{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue"})
	return c
}

func cloudOf(conditions awsbox.Conditions, account drivers.Account) (providertest.Cloud, *awsbox.Server) {
	box := awsbox.New(awsbox.Options{
		Accounts:   []awsbox.Account{{ID: account.ID, RoleARN: account.RoleARN, ExternalID: account.ExternalID}},
		Conditions: conditions,
	})
	return providertest.Cloud{
		Drivers: func() (providers.Set, error) {
			return drivers.Drivers(aws.Config{
				Region:       here,
				BaseEndpoint: aws.String("http://127.0.0.1:9"),
				HTTPClient:   &http.Client{Transport: box.Transport()},
				Credentials:  credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
			}, []drivers.Account{account})
		},
		Fleet:     "suite",
		Scope:     resource.Scope{Account: blue, Region: here},
		Elsewhere: resource.Scope{Account: blue, Region: "us-east-1"},
		Unmark: func(_ context.Context, have resource.Observed) error {
			return box.Chaos(awsbox.Mischief{Address: have.Address.String(), Kind: have.Address.Kind, Do: "mark-removed"})
		},
		Writes: box.Writes,
	}, box
}
