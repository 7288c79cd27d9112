package awsbox_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	drivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// TestConformanceOfTypes puts the suite to the resource types that have no driver of their own.
func TestConformanceOfTypes(t *testing.T) {
	set := must[providers.Set](t)(typedCloud(awsbox.Conditions{}, providertest.Types()...).Drivers())
	kinds := map[string]resource.Kind{}
	for _, name := range providertest.Types() {
		kinds[name] = set[name].Kind()
	}
	for _, check := range providertest.Checks(kinds) {
		t.Run(check.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if err := check.Run(t.Context(), typedCloud(awsbox.Conditions{PageSize: 1}, check.Kind)); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// typedCloud is a new AWS with one account and drivers for types.
func typedCloud(conditions awsbox.Conditions, types ...string) providertest.Cloud {
	account := drivers.Account{ID: blue, RoleARN: "arn:aws:iam::" + blue + ":role/tenantry", ExternalID: "secret-of-blue"}
	c, box := cloudOf(conditions, account)
	c.Drivers = func() (providers.Set, error) {
		return drivers.Drivers(aws.Config{
			Region:       here,
			BaseEndpoint: aws.String("http://127.0.0.1:9"),
			HTTPClient:   &http.Client{Transport: box.Transport()},
			Credentials:  credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
		}, []drivers.Account{account}, types...)
	}
	return c
}
