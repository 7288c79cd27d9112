// Package conformance puts the product before servers that this project did not write. What can't
// run without them is built with the tag "conformance" only; a missing server is then a failure.
//
// This file sets the stage that the AWS drivers are walked on, whatever endpoint stands behind it.
package conformance

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	"tenantry.dev/providers"
	awsdrivers "tenantry.dev/providers/aws"
	"tenantry.dev/providers/providertest"
	"tenantry.dev/reconciler/resource"
)

// Cloud is a stage for one check of the suite: the account, reached the way the product reaches it,
// at whatever endpoint base leads to. Checks that share an account need different fleets.
func Cloud(base aws.Config, account awsdrivers.Account, fleet string) providertest.Cloud {
	var writes atomic.Int64
	counted := base.Copy()
	counted.APIOptions = append([]func(*middleware.Stack) error{countWrites(&writes)}, base.APIOptions...)
	return providertest.Cloud{
		Drivers: func() (providers.Set, error) {
			return awsdrivers.Drivers(counted, []awsdrivers.Account{account})
		},
		Fleet:     fleet,
		Scope:     resource.Scope{Account: account.ID, Region: "eu-central-1"},
		Elsewhere: resource.Scope{Account: account.ID, Region: "eu-west-1"},
		Unmark: func(ctx context.Context, have resource.Observed) error {
			cfg, err := enter(ctx, base, account, have.Scope)
			if err != nil {
				return err
			}
			return unmark(ctx, cfg, have)
		},
		Writes: func() int { return int(writes.Load()) },
	}
}

// countWrites counts operations that change something, once each however often they are sent.
func countWrites(writes *atomic.Int64) func(*middleware.Stack) error {
	count := func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		if !isRead(awsmiddleware.GetOperationName(ctx)) {
			writes.Add(1)
		}
		return next.HandleInitialize(ctx, in)
	}
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("ConformanceWrites", count), middleware.After)
	}
}

func isRead(operation string) bool {
	for _, verb := range []string{"Get", "List", "Describe", "Head", "Assume"} {
		if strings.HasPrefix(operation, verb) {
			return true
		}
	}
	return false
}
