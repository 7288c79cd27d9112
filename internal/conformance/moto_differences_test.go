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
		Check:  "aws.secretsmanager.secret/walk description",
		Reason: "UpdateSecret takes an empty description for none, so that a description can't be removed",
	},
	{
		Check:  "aws.secretsmanager.secret/walk rotation",
		Reason: "RotateSecret needs the function to exist, and answers with 500 for a secret that has no value yet",
	},
}
