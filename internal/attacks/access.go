package attacks

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	smtypes "github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

func (h Hand) iam() *iam.Client { return iam.NewFromConfig(h.Config) }
func (h Hand) kms() *kms.Client { return kms.NewFromConfig(h.Config) }
func (h Hand) secrets() *secretsmanager.Client {
	return secretsmanager.NewFromConfig(h.Config)
}

func roleAttacks() []Attack {
	name := func(h Hand) *string { return h.output("app", "name") }
	inline := func(policy, document string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().PutRolePolicy, &iam.PutRolePolicyInput{RoleName: name(h), PolicyName: &policy, PolicyDocument: &document})
		}
	}
	trust := func(document string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: name(h), PolicyDocument: &document})
		}
	}
	update := func(in iam.UpdateRoleInput) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			in := in
			in.RoleName = name(h)
			return did(ctx, h.iam().UpdateRole, &in)
		}
	}
	return []Attack{
		changed(role, "inlinePolicies.temporary", "adds an inline policy that allows everything", "the tenant's program can do what administrators can", inline("temporary", allowAll)),
		changed(role, "inlinePolicies.read", "widens the inline policy that is there", "the tenant's program reaches other tenants", inline("read", allowAll)),
		changed(role, "inlinePolicies.read", "deletes the inline policy", "the tenant's program stops working", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: name(h), PolicyName: aws.String("read")})
		}),
		changed(role, "managedPolicies", "attaches AdministratorAccess", "the tenant's program can do what administrators can", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: name(h), PolicyArn: aws.String(admin)})
		}),
		changed(role, "managedPolicies", "detaches a managed policy", "the tenant's program stops working", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().DetachRolePolicy, &iam.DetachRolePolicyInput{RoleName: name(h), PolicyArn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")})
		}),
		changed(role, "permissionsBoundary", "takes the permissions boundary away", "nothing bounds what policies allow", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: name(h)})
		}),
		changed(role, "permissionsBoundary", "makes AdministratorAccess the boundary", "nothing bounds what policies allow", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: name(h), PermissionsBoundary: aws.String(admin)})
		}),
		changed(role, "assumeRolePolicy", "lets every account assume the role", "everybody who knows its name can act as the tenant", trust(trustAll)),
		changed(role, "assumeRolePolicy", "takes the condition out of the trust policy", "the service can be made to act for somebody else", trust(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`)),
		changed(role, "maxSessionDuration", "lets sessions last for twelve hours", "stolen credentials are good for longer", update(iam.UpdateRoleInput{MaxSessionDuration: aws.Int32(43200), Description: aws.String("The program")})),
		changed(role, "description", "calls the role something else", "people take it for another one", update(iam.UpdateRoleInput{MaxSessionDuration: aws.Int32(3600), Description: aws.String("harmless")})),
		changed(role, "tags.tenant", "changes a tag", "policies that look at tags take the role for another tenant's", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().TagRole, &iam.TagRoleInput{RoleName: name(h), Tags: []iamtypes.Tag{{Key: aws.String("tenant"), Value: aws.String("globex")}}})
		}),
		vanished(role, "tidies the ownership tags away", "nobody looks after the role any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.iam().UntagRole, &iam.UntagRoleInput{RoleName: name(h), TagKeys: marks})
		}),
	}
}

func keyAttacks() []Attack {
	id := func(h Hand) *string { return h.output("key", "id") }
	grant := func(principal func(h Hand) string) func(context.Context, Hand) error {
		return func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().CreateGrant, &kms.CreateGrantInput{
				KeyId: id(h), GranteePrincipal: aws.String(principal(h)), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
			})
		}
	}
	return append(keyEnds(),
		changed(key, "policy", "opens the key to another account", "its administrators can decrypt everything", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().PutKeyPolicy, &kms.PutKeyPolicyInput{KeyId: id(h), PolicyName: aws.String("default"), Policy: openTo(account(h.Stranger), "*")})
		}),
		changed(key, "policy", "opens the key to everybody in the account", "roles without any permission can decrypt", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().PutKeyPolicy, &kms.PutKeyPolicyInput{KeyId: id(h), PolicyName: aws.String("default"), Policy: openTo("*", "*")})
		}),
		changed(key, "grants", "grants the key to another account", "it can decrypt, and no policy shows it", grant(func(h Hand) string { return account(h.Stranger) })),
		changed(key, "grants", "grants the key to a role of the account", "it can decrypt, and no policy shows it", grant(func(h Hand) string { return "arn:aws:iam::" + h.Have["key"].Scope.Account + ":role/somebody" })),
		changed(key, "description", "calls the key something else", "people take it for another one", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().UpdateKeyDescription, &kms.UpdateKeyDescriptionInput{KeyId: id(h), Description: aws.String("old, delete me")})
		}),
		changed(key, "tags.tenant", "changes a tag", "policies that look at tags let another tenant use the key", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().TagResource, &kms.TagResourceInput{KeyId: id(h), Tags: []kmstypes.Tag{{TagKey: aws.String("tenant"), TagValue: aws.String("globex")}}})
		}),
		vanished(key, "tidies the ownership tags away", "nobody looks after the key any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().UntagResource, &kms.UntagResourceInput{KeyId: id(h), TagKeys: marks})
		}),
	)
}

// keyEnds are the ways to make a key useless, or another one pass for it.
func keyEnds() []Attack {
	id := func(h Hand) *string { return h.output("key", "id") }
	return []Attack{
		changed(key, "rotation", "turns the yearly rotation off", "one key encrypts for ever", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().DisableKeyRotation, &kms.DisableKeyRotationInput{KeyId: id(h)})
		}),
		changed(key, "enabled", "disables the key", "nothing that it encrypts can be read", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().DisableKey, &kms.DisableKeyInput{KeyId: id(h)})
		}),
		changed(key, "retired", "schedules the key's deletion", "in a week nobody can ever read again what it encrypted", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().ScheduleKeyDeletion, &kms.ScheduleKeyDeletionInput{KeyId: id(h), PendingWindowInDays: aws.Int32(7)})
		}),
		changed(key, "alias", "leads the alias to another key", "what uses the alias encrypts for somebody else", func(ctx context.Context, h Hand) error {
			out, err := h.kms().CreateKey(ctx, &kms.CreateKeyInput{})
			if err != nil {
				return err
			}
			return did(ctx, h.kms().UpdateAlias, &kms.UpdateAliasInput{AliasName: h.output("key", "alias"), TargetKeyId: out.KeyMetadata.KeyId})
		}).stays("an alias that leads to somebody else's key is never moved"),
		changed(key, "alias", "gives the key another alias", "what uses that alias uses the tenant's key", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().CreateAlias, &kms.CreateAliasInput{AliasName: aws.String("alias/shared"), TargetKeyId: id(h)})
		}),
		changed(key, "alias", "deletes the alias", "what uses the alias stops working", func(ctx context.Context, h Hand) error {
			return did(ctx, h.kms().DeleteAlias, &kms.DeleteAliasInput{AliasName: h.output("key", "alias")})
		}),
	}
}

func secretAttacks() []Attack {
	arn := func(h Hand) *string { return h.output("login", "arn") }
	return []Attack{
		changed(secret, "policy", "opens the secret to another account", "strangers read the password", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().PutResourcePolicy, &secretsmanager.PutResourcePolicyInput{SecretId: arn(h), ResourcePolicy: openTo(account(h.Stranger), "*")})
		}),
		changed(secret, "policy", "opens the secret to the world", "everybody reads the password", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().PutResourcePolicy, &secretsmanager.PutResourcePolicyInput{SecretId: arn(h), ResourcePolicy: openTo("*", "*")})
		}),
		changed(secret, "rotation", "stops the rotation", "a stolen password is good for ever", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().CancelRotateSecret, &secretsmanager.CancelRotateSecretInput{SecretId: arn(h)})
		}),
		changed(secret, "rotation.lambdaArn", "lets another function rotate", "that function learns every new password", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().RotateSecret, &secretsmanager.RotateSecretInput{
				SecretId: arn(h), RotateImmediately: aws.Bool(false), RotationRules: &smtypes.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
				RotationLambdaARN: aws.String("arn:aws:lambda:eu-central-1:" + h.Stranger + ":function:rotate"),
			})
		}),
		changed(secret, "rotation.days", "rotates once in three years", "a stolen password is good for longer", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().RotateSecret, &secretsmanager.RotateSecretInput{
				SecretId: arn(h), RotateImmediately: aws.Bool(false), RotationRules: &smtypes.RotationRulesType{AutomaticallyAfterDays: aws.Int64(1000)},
			})
		}),
		changed(secret, "replicas", "keeps a copy of the secret in another region", "the password leaves the region that was promised", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().ReplicateSecretToRegions, &secretsmanager.ReplicateSecretToRegionsInput{
				SecretId: arn(h), AddReplicaRegions: []smtypes.ReplicaRegionType{{Region: aws.String("us-east-1")}},
			})
		}),
		changed(secret, "kmsKey", "encrypts the secret with another key", "whoever has that key can read the password", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().UpdateSecret, &secretsmanager.UpdateSecretInput{SecretId: arn(h), KmsKeyId: aws.String("arn:aws:kms:eu-central-1:" + h.Stranger + ":key/theirs")})
		}),
		changed(secret, "retired", "schedules the secret's deletion", "in a week the password is gone, and nothing can log in at once", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: arn(h), RecoveryWindowInDays: aws.Int64(7)})
		}),
		changed(secret, "description", "calls the secret something else", "people take it for another one", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().UpdateSecret, &secretsmanager.UpdateSecretInput{SecretId: arn(h), Description: aws.String("unused")})
		}),
		changed(secret, "tags.tenant", "changes a tag", "policies that look at tags let another tenant read it", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().TagResource, &secretsmanager.TagResourceInput{SecretId: arn(h), Tags: []smtypes.Tag{{Key: aws.String("tenant"), Value: aws.String("globex")}}})
		}),
		vanished(secret, "tidies the ownership tags away", "nobody looks after the secret any more", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().UntagResource, &secretsmanager.UntagResourceInput{SecretId: arn(h), TagKeys: marks})
		}),
		vanished(secret, "deletes the secret without a way back", "the password is gone", func(ctx context.Context, h Hand) error {
			return did(ctx, h.secrets().DeleteSecret, &secretsmanager.DeleteSecretInput{SecretId: arn(h), ForceDeleteWithoutRecovery: aws.Bool(true)})
		}),
	}
}
