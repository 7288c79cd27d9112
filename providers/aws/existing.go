package aws

import (
	"errors"
	"fmt"
	"strings"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

// gone is the error for something that a listing doesn't have. Services whose reads name one thing
// answer with an error of their own instead.
func gone(operation, object string) error {
	return fmt.Errorf("%s %s: %w", operation, object, providers.ErrGone)
}

// existing is for what a create found to exist already: if it can't be read, then not because it is
// gone, but because reads lag behind.
func existing(operation, object string, err error) error {
	if errors.Is(err, providers.ErrGone) {
		return fmt.Errorf("%s %s: it exists and can't be read yet: %w", operation, object, providers.ErrPending)
	}
	return err
}

// arnOf is the ARN that a service gives to something in a scope. It is for what was made just now,
// and so may not be readable yet; what can be read tells its ARN.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func arnOf(scope resource.Scope, service, rest string) string {
	partition := "aws"
	switch {
	case strings.HasPrefix(scope.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(scope.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return strings.Join([]string{"arn", partition, service, scope.Region, scope.Account, rest}, ":")
}
