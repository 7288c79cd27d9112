package aws

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"tenantry.dev/reconciler/resource"
)

// A keyGrant lets somebody use a key, beside its policy. Which of them there are is a complete set: an
// extra one is a difference, for it may give the key to a stranger. The name makes creating one
// repeatable.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html
type keyGrant struct {
	Name       string   `json:"name"`
	Principal  string   `json:"principal"` // an ARN
	Operations []string `json:"operations"`
	// RetiringPrincipal may give the grant up; empty: nobody but the account.
	RetiringPrincipal string `json:"retiringPrincipal"`
	// EncryptionContext must be part of what the key is used with.
	EncryptionContext map[string]string `json:"encryptionContext"`
	// Other names what a grant says beyond that. It is observed, so that it shows as a difference, and
	// never wanted.
	Other string `json:"other,omitempty"`
}

func tidyGrants(list *[]keyGrant) {
	for i := range *list {
		g := &(*list)[i]
		g.Operations = sortedBy(g.Operations, func(operation string) string { return operation })
		if g.EncryptionContext == nil {
			g.EncryptionContext = map[string]string{}
		}
	}
	*list = sortedBy(*list, func(g keyGrant) string { return g.Name + " " + g.Principal + " " + strings.Join(g.Operations, " ") })
}

// same tells whether two grants say the same.
func (g keyGrant) same(other keyGrant) bool {
	return g.Name == other.Name && g.Principal == other.Principal && g.RetiringPrincipal == other.RetiringPrincipal && g.Other == other.Other &&
		slices.Equal(g.Operations, other.Operations) && maps.Equal(g.EncryptionContext, other.EncryptionContext)
}

// grants lists the grants of a key by their id, at the cost of one call for a hundred. Those that AWS's
// services made for themselves, to use the key for what they encrypt with it, are left out: they come
// and go with the things that are encrypted, and revoking one makes these unreadable.
func (d *key) grants(ctx context.Context, client *kms.Client, scope resource.Scope, id string) (map[string]keyGrant, error) {
	found := map[string]keyGrant{}
	pages := kms.NewListGrantsPaginator(client, &kms.ListGrantsInput{KeyId: &id, Limit: aws.Int32(100)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, failed("read the grants of key", id, err)
		}
		for _, g := range page.Grants {
			if !ofService(g, scope.Account) {
				found[str(g.GrantId)] = fromGrant(g)
			}
		}
	}
	return found, nil
}

// ofService tells whether a grant is for a service of AWS that works for the account: to the service
// itself, to its service-linked role, or to the sessions that it starts for machines, whose names
// nobody else can use. The account's own people can't make the first and the last kind, and roles of
// the second do nothing but the service's work.
// https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantListEntry.html (GranteePrincipal)
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
func ofService(g types.GrantListEntry, account string) bool {
	principal := str(g.GranteePrincipal)
	if str(g.GranteeServicePrincipal) != "" || strings.HasSuffix(principal, ".amazonaws.com") && !strings.HasPrefix(principal, "arn:") {
		return true
	}
	parts := strings.SplitN(principal, ":", 6)
	if len(parts) < 6 || parts[4] != account {
		return false
	}
	return parts[2] == "iam" && strings.HasPrefix(parts[5], "role/aws-service-role/") ||
		parts[2] == "sts" && strings.HasPrefix(parts[5], "assumed-role/aws:")
}

func fromGrant(g types.GrantListEntry) keyGrant {
	grant := keyGrant{
		Name: str(g.Name), Principal: str(g.GranteePrincipal), RetiringPrincipal: str(g.RetiringPrincipal),
		Operations: []string{}, EncryptionContext: map[string]string{},
	}
	for _, operation := range g.Operations {
		grant.Operations = append(grant.Operations, string(operation))
	}
	slices.Sort(grant.Operations)
	var other []string
	if service := str(g.RetiringServicePrincipal); service != "" {
		other = append(other, "retired by "+service)
	}
	if c := g.Constraints; c != nil {
		maps.Copy(grant.EncryptionContext, c.EncryptionContextSubset)
		if len(c.EncryptionContextEquals) > 0 {
			other = append(other, fmt.Sprintf("only the encryption context %v", c.EncryptionContextEquals))
		}
		if arn := str(c.SourceArn); arn != "" {
			other = append(other, "only for "+arn)
		}
	}
	grant.Other = strings.Join(other, ", ")
	return grant
}

// listed returns grants in the order in which they are compared.
func listed(grants map[string]keyGrant) []keyGrant {
	list := slices.Collect(maps.Values(grants))
	tidyGrants(&list)
	return list
}

// setGrants revokes what isn't wanted before it grants what is. It reads the grants again, because a
// key's attributes don't hold the ids.
func (d *key) setGrants(ctx context.Context, client *kms.Client, have resource.Observed, w wish[keyAttributes]) error {
	if !w.differs("grants") {
		return nil
	}
	there, err := d.grants(ctx, client, have.Scope, have.ID)
	if err != nil {
		return err
	}
	missing := slices.Clone(w.to.Grants)
	for _, id := range slices.Sorted(maps.Keys(there)) {
		if at := slices.IndexFunc(missing, there[id].same); at >= 0 {
			missing = slices.Delete(missing, at, at+1)
			continue
		}
		_, err := client.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: &have.ID, GrantId: &id})
		if _, err := unlessAbsent(err, "NotFoundException"); err != nil {
			return failed("revoke grant "+id+" of key", have.ID, err)
		}
	}
	for _, g := range missing {
		if err := d.grant(ctx, client, have.ID, g); err != nil {
			return err
		}
	}
	return nil
}

func (d *key) grant(ctx context.Context, client *kms.Client, id string, g keyGrant) error {
	input := &kms.CreateGrantInput{KeyId: &id, Name: &g.Name, GranteePrincipal: &g.Principal}
	for _, operation := range g.Operations {
		input.Operations = append(input.Operations, types.GrantOperation(operation))
	}
	if g.RetiringPrincipal != "" {
		input.RetiringPrincipal = &g.RetiringPrincipal
	}
	if len(g.EncryptionContext) > 0 {
		input.Constraints = &types.GrantConstraints{EncryptionContextSubset: g.EncryptionContext}
	}
	_, err := client.CreateGrant(ctx, input)
	return d.sessions.failedNaming("grant "+g.Name+" of key", id, err)
}
