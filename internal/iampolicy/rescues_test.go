package iampolicy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	awsbox "tenantry.dev/internal/sandbox/aws"
	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// desired is a resource of a tenant with attributes as JSON.
func desired(kind resource.Kind, name, attributes string) (resource.Desired, error) {
	scope := resource.Scope{Account: account, Region: region}
	if kind.Global {
		scope.Region = resource.Global
	}
	want := resource.Desired{
		Address: resource.Address{Owner: resource.Tenant("acme"), Kind: kind.Name, Name: name}, Scope: scope, Attributes: resource.Attributes{}, Nonce: "n",
	}
	var plain map[string]json.RawMessage
	if err := json.Unmarshal([]byte(attributes), &plain); err != nil {
		return want, err
	}
	for key, text := range plain {
		value, err := resource.ParseValue(text)
		if err != nil {
			return want, err
		}
		want.Attributes[key] = value
	}
	want.Attributes = kind.Canonical(want.Attributes)
	return want, nil
}

// base is a configuration for what others do, whom nothing is forbidden.
func base(box *awsbox.Server) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String("http://127.0.0.1:9"), HTTPClient: &http.Client{Transport: box.Transport()},
		Credentials: credentials.NewStaticCredentialsProvider("AKIASANDBOX", "sandbox", ""),
	}
}

// rescues are what puts right what somebody is about to destroy, which no check of the suite brings about.
func rescues(kind string) []attempt {
	doomed := map[string]struct {
		attributes string
		doom       func(ctx context.Context, cfg aws.Config, have resource.Observed) error
	}{
		"aws.kms.key": {`{"alias": "alias/doomed"}`, func(ctx context.Context, cfg aws.Config, have resource.Observed) error {
			_, err := kms.NewFromConfig(cfg).ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: aws.String(have.Outputs["id"])})
			return err
		}},
		"aws.secretsmanager.secret": {`{"name": "doomed"}`, func(ctx context.Context, cfg aws.Config, have resource.Observed) error {
			_, err := secretsmanager.NewFromConfig(cfg).DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: aws.String(have.Outputs["arn"])})
			return err
		}},
	}
	d, ok := doomed[kind]
	if !ok {
		return nil
	}
	return []attempt{{"rescue a " + kind, func(ctx context.Context, box *awsbox.Server, open func() (providers.Set, error)) error {
		set, err := open()
		if err != nil {
			return err
		}
		want, err := desired(set[kind].Kind(), "doomed", d.attributes)
		if err != nil {
			return err
		}
		have, err := set[kind].Create(ctx, want, fleet)
		if err != nil {
			return err
		}
		if err := d.doom(ctx, base(box), have); err != nil {
			return err
		}
		if have, err = set[kind].(providers.Refresher).Refresh(ctx, have); err != nil {
			return err
		}
		_, err = set[kind].Update(ctx, have, want)
		return err
	}}}
}

// roleWithBoundary makes a role as the policies want it, changes everything that can be changed, moves it,
// loses it, takes it over again and deletes it.
func roleWithBoundary(ctx context.Context, box *awsbox.Server, open func() (providers.Set, error)) error {
	set, err := open()
	if err != nil {
		return err
	}
	d := set["aws.iam.role"]
	var list []resource.Desired
	for _, attributes := range []string{
		`{"name": "suite-r", "assumeRolePolicy": ` + trust + `, "permissionsBoundary": "` + boundary + `", "tags": {"a": "b"},
		  "inlinePolicies": {"p": {"Version": "2012-10-17", "Statement": []}}, "managedPolicies": ["arn:aws:iam::` + account + `:policy/other"]}`,
		`{"name": "suite-r", "assumeRolePolicy": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]},
		  "description": "changed", "permissionsBoundary": "` + boundary + `"}`,
	} {
		want, err := desired(d.Kind(), "r", attributes)
		if err != nil {
			return err
		}
		list = append(list, want)
	}
	have, err := d.Create(ctx, list[0], fleet)
	if err != nil {
		return err
	}
	for _, want := range []resource.Desired{list[1], list[0]} {
		if have, err = d.Update(ctx, have, want); err != nil {
			return fmt.Errorf("update: %w", err)
		}
		if have, err = d.(providers.Refresher).Refresh(ctx, have); err != nil {
			return fmt.Errorf("refresh: %w", err)
		}
	}
	if _, err := d.(providers.Surveyor).Survey(ctx, have.Scope); err != nil {
		return err
	}
	to := have.Address
	to.Name = "s"
	if _, err := d.(providers.Mover).Move(ctx, have, to); err != nil {
		return fmt.Errorf("move: %w", err)
	}
	if err := box.Chaos(awsbox.Mischief{Address: to.String(), Kind: to.Kind, Do: "mark-removed"}); err != nil {
		return err
	}
	list[0].Adopt = "suite-r"
	if have, err = d.(providers.Adopter).Adopt(ctx, list[0], fleet); err != nil {
		return fmt.Errorf("adopt: %w", err)
	}
	if err := d.Delete(ctx, have); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	list[0].Attributes["permissionsBoundary"] = resource.String("")
	if _, err := d.Create(ctx, list[0], fleet); !errors.Is(err, providers.ErrDenied) {
		return fmt.Errorf("a role without a boundary could be made: %w", err)
	}
	return nil
}
