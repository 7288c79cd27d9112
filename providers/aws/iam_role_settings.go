package aws

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
)

func roleTags(list []types.Tag) tagged {
	return fromTags(list, func(t types.Tag) (key, value *string) { return t.Key, t.Value })
}

func toRoleTags(tags tagged) []types.Tag {
	return toTags(tags, func(key, value *string) types.Tag { return types.Tag{Key: key, Value: value} })
}

// unlessGone is for steps whose end is that something no longer exists.
func unlessGone(err error) error {
	if errors.Is(err, providers.ErrGone) {
		return nil
	}
	return err
}

func inlineNames(ctx context.Context, client *iam.Client, role string) ([]string, error) {
	var names []string
	pages := iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: &role, MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the inline policies of role", role, err)
		}
		names = append(names, page.PolicyNames...)
	}
	return names, nil
}

func attachedPolicies(ctx context.Context, client *iam.Client, role string) ([]string, error) {
	var arns []string
	pages := iam.NewListAttachedRolePoliciesPaginator(client, &iam.ListAttachedRolePoliciesInput{RoleName: &role, MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("list the attached policies of role", role, err)
		}
		for _, p := range page.AttachedPolicies {
			arns = append(arns, str(p.PolicyArn))
		}
	}
	return arns, nil
}

func detachPolicy(ctx context.Context, client *iam.Client, role, arn string) error {
	_, err := client.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: &role, PolicyArn: &arn})
	return unlessGone(failed("detach "+arn+" from role", role, err))
}

func removeInline(ctx context.Context, client *iam.Client, role, name string) error {
	_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &role, PolicyName: &name})
	return unlessGone(failed("remove inline policy "+name+" of role", role, err))
}

// converge writes what differs. The caller has checked the mark in tags. What limits the role
// comes before what grants, and what is removed before what is added.
func (d *role) converge(ctx context.Context, client *iam.Client, have resource.Observed, tags tagged, want resource.Desired, to roleAttributes) (resource.Observed, error) {
	var had roleAttributes
	if err := kindRole.Canonical(have.Attributes).Decode(&had); err != nil {
		return resource.Observed{}, err
	}
	w := wishFor(kindRole, have.Attributes, want, to)
	for _, set := range []func(context.Context, *iam.Client, wish[roleAttributes], roleAttributes) error{
		d.setBoundary, d.setTrust, d.setSettings, d.setManaged, d.setInline,
	} {
		if err := set(ctx, client, w, had); err != nil {
			return resource.Observed{}, err
		}
	}
	if err := d.setTags(ctx, client, have.ID, tags, to.Tags); err != nil {
		return resource.Observed{}, err
	}
	return w.met(have), nil
}

func (d *role) setBoundary(ctx context.Context, client *iam.Client, w wish[roleAttributes], _ roleAttributes) error {
	if !w.differs("permissionsBoundary") {
		return nil
	}
	name, boundary := w.to.Name, w.to.PermissionsBoundary
	if boundary == "" {
		_, err := client.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: &name})
		return failed("remove the permissions boundary of role", name, err)
	}
	_, err := client.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &name, PermissionsBoundary: &boundary})
	return failedNaming("set the permissions boundary of role", name, err)
}

func (d *role) setTrust(ctx context.Context, client *iam.Client, w wish[roleAttributes], _ roleAttributes) error {
	if !w.differs("assumeRolePolicy") {
		return nil
	}
	_, err := client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
		RoleName: &w.to.Name, PolicyDocument: aws.String(string(w.to.AssumeRolePolicy)),
	})
	return d.sessions.failed("set the trust policy of role", w.to.Name, err)
}

// setSettings sends both settings whenever one differs: UpdateRole treats what is left out as unset.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html
func (d *role) setSettings(ctx context.Context, client *iam.Client, w wish[roleAttributes], _ roleAttributes) error {
	if !w.differs("description", "maxSessionDuration") {
		return nil
	}
	_, err := client.UpdateRole(ctx, &iam.UpdateRoleInput{
		RoleName: &w.to.Name, Description: &w.to.Description, MaxSessionDuration: &w.to.MaxSessionDuration,
	})
	return failed("update role", w.to.Name, err)
}

func (d *role) setManaged(ctx context.Context, client *iam.Client, w wish[roleAttributes], had roleAttributes) error {
	for _, arn := range had.ManagedPolicies {
		if slices.Contains(w.to.ManagedPolicies, arn) {
			continue
		}
		if err := detachPolicy(ctx, client, w.to.Name, arn); err != nil {
			return err
		}
	}
	for _, arn := range w.to.ManagedPolicies {
		if slices.Contains(had.ManagedPolicies, arn) {
			continue
		}
		_, err := client.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: &w.to.Name, PolicyArn: &arn})
		if err != nil {
			return failedNaming("attach "+arn+" to role", w.to.Name, err)
		}
	}
	return nil
}

// setInline compares document by document; both sides are canonical.
func (d *role) setInline(ctx context.Context, client *iam.Client, w wish[roleAttributes], had roleAttributes) error {
	for _, name := range slices.Sorted(maps.Keys(had.InlinePolicies)) {
		if _, wanted := w.to.InlinePolicies[name]; wanted {
			continue
		}
		if err := removeInline(ctx, client, w.to.Name, name); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.to.InlinePolicies)) {
		document := string(w.to.InlinePolicies[name])
		if string(had.InlinePolicies[name]) == document {
			continue
		}
		_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &w.to.Name, PolicyName: &name, PolicyDocument: &document})
		if err != nil {
			return failed("set inline policy "+name+" of role", w.to.Name, err)
		}
	}
	return nil
}

func (d *role) setTags(ctx context.Context, client *iam.Client, name string, have tagged, want map[string]string) error {
	set, remove := have.change(want)
	if len(set) > 0 {
		if _, err := client.TagRole(ctx, &iam.TagRoleInput{RoleName: &name, Tags: toRoleTags(set)}); err != nil {
			return failed("tag role", name, err)
		}
	}
	if len(remove) > 0 {
		_, err := client.UntagRole(ctx, &iam.UntagRoleInput{RoleName: &name, TagKeys: remove})
		return failed("untag role", name, err)
	}
	return nil
}
