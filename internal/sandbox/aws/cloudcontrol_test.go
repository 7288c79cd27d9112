package awsbox_test

import (
	"errors"
	"maps"
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

// A type that takes minutes is under way for that long: the driver doesn't wait for it, what the service
// sets isn't known meanwhile, and nothing else may be asked for.
func TestATypeTakesItsTime(t *testing.T) {
	const name = "AWS::DynamoDB::Table"
	synctest.Test(t, func(t *testing.T) {
		cloud := typedCloud(awsbox.Conditions{Takes: map[string]time.Duration{name: 10 * time.Minute}}, name)
		set := must[providers.Set](t)(cloud.Drivers())
		driver := set[name]
		if got := driver.Kind().Patience; got.Delete != 12*time.Hour || got.Create <= 0 {
			t.Errorf("its patience is %v", got)
		}
		want := resource.Desired{
			Address: resource.Address{Owner: "tenant/acme", Kind: name, Name: "sessions"}, Scope: resource.Scope{Account: blue, Region: here},
			Attributes: resource.Attributes{
				"BillingMode":          resource.String("PAY_PER_REQUEST"),
				"AttributeDefinitions": must[resource.Value](t)(resource.ParseValue([]byte(`[{"AttributeName": "id", "AttributeType": "S"}]`))),
				"KeySchema":            must[resource.Value](t)(resource.ParseValue([]byte(`[{"AttributeName": "id", "KeyType": "HASH"}]`))),
			},
		}
		began := time.Now()
		_, err := driver.Create(t.Context(), want, "web")
		under, ok := errors.AsType[*providers.UnderWay](err)
		if !ok || !errors.Is(err, providers.ErrPending) || errors.Is(err, providers.ErrUnsure) || time.Since(began) > 5*time.Second {
			t.Fatalf("after %s: %v", time.Since(began), err)
		}
		_, err = driver.Create(t.Context(), want, "web")
		if again, ok := errors.AsType[*providers.UnderWay](err); !ok || again.Ticket != under.Ticket {
			t.Errorf("asked for again: %v, want the same request", err)
		}
		seen, err := driver.Observe(t.Context(), want.Scope, "web")
		if err != nil || len(seen) != 1 || seen[0].Outputs["arn"] == "" && seen[0].Outputs["Arn"] != "" {
			t.Fatalf("%v, %v", seen, err)
		}
		if _, known := seen[0].Outputs["Arn"]; known {
			t.Errorf("known while it is being made: %v", seen[0].Outputs)
		}
		changed := want
		changed.Attributes = maps.Clone(want.Attributes)
		changed.Attributes["BillingMode"] = resource.String("PROVISIONED")
		if _, err := driver.Update(t.Context(), seen[0], changed); !errors.Is(err, providers.ErrPending) {
			t.Errorf("another request: %v", err)
		}
		awaiter := driver.(providers.Awaiter)
		if err := awaiter.Await(t.Context(), want.Scope, under.Ticket); !errors.Is(err, providers.ErrPending) {
			t.Errorf("still: %v", err)
		}
		if err := awaiter.Await(t.Context(), want.Scope, "no-such-request"); !errors.Is(err, providers.ErrGone) {
			t.Errorf("of an unknown request: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if err := errors.Join(awaiter.Await(t.Context(), want.Scope, under.Ticket), awaiter.Await(t.Context(), want.Scope, under.Ticket)); err != nil {
			t.Errorf("at the end: %v", err)
		}
	})
}

// A create that asks for something else under the mark of an earlier one, whose answer was lost, finds what
// that made, and makes no second.
func TestAnotherWishFindsWhatTheFirstMade(t *testing.T) {
	for name, attributes := range map[string][2]resource.Attributes{
		"AWS::EC2::VPC": {
			{"CidrBlock": resource.String("10.0.0.0/16")}, {"CidrBlock": resource.String("10.0.0.0/16"), "EnableDnsHostnames": resource.Bool(true)},
		},
		"AWS::Logs::QueryDefinition": {
			{"Name": resource.String("errors"), "QueryString": resource.String("a")}, {"Name": resource.String("errors"), "QueryString": resource.String("b")},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			cloud := typedCloud(awsbox.Conditions{}, name)
			want := resource.Desired{
				Address: resource.Address{Owner: "tenant/acme", Kind: name, Name: "one"}, Scope: resource.Scope{Account: blue, Region: here},
				Attributes: attributes[0], Nonce: "first",
			}
			first := must[resource.Observed](t)(must[providers.Set](t)(cloud.Drivers())[name].Create(t.Context(), want, "web"))
			want.Attributes = attributes[1]
			set := must[providers.Set](t)(cloud.Drivers())
			second, err := set[name].Create(t.Context(), want, "web")
			if err != nil || second.ID != first.ID {
				t.Fatalf("%s: %s and %s: %v", name, first.ID, second.ID, err)
			}
			for attribute, value := range attributes[1] {
				if second.Attributes[attribute] != value {
					t.Errorf("%s: %s is %s", name, attribute, second.Attributes[attribute])
				}
			}
			if all, err := set[name].Observe(t.Context(), want.Scope, "web"); err != nil || len(all) != 1 {
				t.Errorf("%s: there are %d: %v", name, len(all), err)
			}
		})
	}
}

// A type that a newer table refuses, or doesn't have, makes its own places unseen and stops nothing else.
func TestARefusedTypeStopsNothingElse(t *testing.T) {
	set := must[providers.Set](t)(typedCloud(awsbox.Conditions{}, "AWS::ECR::RegistryPolicy", "AWS::No::Such", "AWS::EC2::VPC").Drivers())
	for _, name := range []string{"AWS::ECR::RegistryPolicy", "AWS::No::Such"} {
		if _, err := set[name].Observe(t.Context(), resource.Scope{Account: blue, Region: here}, "web"); err == nil {
			t.Errorf("%s is listed", name)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		set := must[providers.Set](t)(typedCloud(awsbox.Conditions{}, "AWS::ECR::RegistryPolicy", "AWS::EC2::VPC").Drivers())
		if _, err := set["AWS::EC2::VPC"].Observe(t.Context(), resource.Scope{Account: blue, Region: here}, "web"); err != nil {
			t.Error(err)
		}
	})
}
