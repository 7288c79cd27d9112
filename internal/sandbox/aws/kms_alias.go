package awsbox

import "strings"

// Aliases, and what AWS itself has in every account and region.

// seedKMS gives the account and region AWS's own aliases. They are AWS's behaviour, not a decision
// of the sandbox: lists are full of them, and one has no key yet.
func (c *call) seedKMS() {
	if len(c.srv.store.places[c.place(kindAlias)]) > 0 {
		return
	}
	for _, service := range []string{"s3", "secretsmanager", "sns"} {
		id := c.srv.ids.uuid()
		r := c.make(kindKey, id, c.arn("kms", "key/"+id))
		r.managed = true
		r.Attributes = map[string]string{
			"KeyState": "Enabled", "KeyManager": "AWS", "KeySpec": "SYMMETRIC_DEFAULT",
			"KeyUsage": "ENCRYPT_DECRYPT", "Policy": defaultKeyPolicy(c.Account), "RotationPeriodInDays": "365",
			"Description": "Default key that protects my " + service + " data when no other key is defined",
		}
		c.put(r)
		c.seedAlias("alias/aws/"+service, id)
	}
	c.seedAlias("alias/aws/dynamodb", "")
}

func (c *call) seedAlias(name, target string) {
	r := c.make(kindAlias, name, c.arn("kms", name))
	r.managed = true
	r.set("TargetKeyId", target)
	c.put(r)
}

// aliasTarget finds the key that an alias is to point at.
func aliasTarget(c *call) (*Resource, error) {
	c.in["KeyId"] = c.in.str("TargetKeyId")
	r, err := kmsKey(c, false)
	switch {
	case err != nil:
		return nil, err
	case r.managed:
		return nil, c.srv.services["kms"].codes.deny(c)
	case !r.gone.IsZero():
		return nil, refuse("KMSInvalidStateException", "%s is pending deletion.", r.ID)
	}
	return r, nil
}

func createAlias(c *call) (any, error) {
	name := c.in.str("AliasName")
	if !strings.HasPrefix(name, "alias/") || len(name) == len("alias/") || len(name) > 256 {
		return nil, refuse("ValidationException", "Alias must start with the prefix \"alias/\": %s", name)
	}
	if strings.HasPrefix(name, "alias/aws/") {
		return nil, refuse("NotAuthorizedException", "alias/aws/ is reserved")
	}
	key, err := aliasTarget(c)
	if err != nil {
		return nil, err
	}
	if c.get(kindAlias, name) != nil {
		return nil, refuse("AlreadyExistsException", "An alias with the name %s already exists", c.arn("kms", name))
	}
	r := c.make(kindAlias, name, c.arn("kms", name))
	r.Attributes["TargetKeyId"] = key.Name
	r.Attributes["LastUpdatedDate"] = stamp(c.now())
	c.put(r)
	return nil, nil
}

func alias(c *call) (*Resource, error) {
	c.seedKMS()
	name := c.in.str("AliasName")
	r := c.get(kindAlias, name)
	switch {
	case r == nil:
		return nil, refuse("NotFoundException", "Alias %s is not found.", c.arn("kms", name))
	case r.managed:
		return nil, refuse("NotAuthorizedException", "alias/aws/ is reserved")
	}
	return r, nil
}

func updateAlias(c *call) (any, error) {
	r, err := alias(c)
	if err != nil {
		return nil, err
	}
	key, err := aliasTarget(c)
	if err != nil {
		return nil, err
	}
	r.Attributes["TargetKeyId"] = key.Name
	r.Attributes["LastUpdatedDate"] = stamp(c.now())
	c.put(r)
	return nil, nil
}

func deleteAlias(c *call) (any, error) {
	r, err := alias(c)
	if err != nil {
		return nil, err
	}
	c.remove(r)
	return nil, nil
}

func listAliases(c *call) (any, error) {
	c.seedKMS()
	all := c.list(kindAlias)
	if c.in.has("KeyId") {
		key, err := kmsKey(c, false)
		if err != nil {
			return nil, err
		}
		var pointing []*Resource
		for _, r := range all {
			if r.Attributes["TargetKeyId"] == key.Name {
				pointing = append(pointing, r)
			}
		}
		all = pointing
	}
	aliases, next, err := page(c, kmsPages(100), all, byName, c.in.str("Marker"), c.in.int("Limit", 50))
	if err != nil {
		return nil, err
	}
	list := []obj{}
	for _, r := range aliases {
		out := obj{"AliasName": r.Name, "AliasArn": r.ID}
		if target := r.Attributes["TargetKeyId"]; target != "" {
			out["TargetKeyId"], out["CreationDate"], out["LastUpdatedDate"] = target, r.Created, r.Created
		}
		list = append(list, out)
	}
	return kmsTruncated(obj{"Aliases": list}, next), nil
}

// dropAliases takes away the aliases of a key that is gone.
func (s *store) dropAliases(key *Resource, by cause) {
	pointing := func(r *Resource) bool { return r.Attributes["TargetKeyId"] == key.Name }
	for _, r := range s.list(placeOf(kindAlias, key.Account, key.Region), nil, pointing) {
		s.remove(r, by, nil)
	}
}
