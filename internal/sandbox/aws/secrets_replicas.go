package awsbox

import (
	"maps"
)

// Replicas of secrets: https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html

func onReplica() error {
	return refuse("InvalidRequestException", "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
}

// primaryRegion is where a secret is from that is in more than one region, and "" for others.
func primaryRegion(r *Resource) string {
	if len(r.with("replica/")) > 0 {
		return r.Region
	}
	return r.Attributes["PrimaryRegion"]
}

func replicasOf(r *Resource) []obj {
	list := []obj{}
	for _, region := range r.with("replica/") {
		list = append(list, obj{
			"Region": region, "KmsKeyId": r.Attributes["replica/"+region], "Status": "InSync", "StatusMessage": "Replication succeeded",
		})
	}
	return list
}

// replicateSecret makes copies of a secret in other regions, tags and policy included. Nobody but AWS
// may change them there.
func replicateSecret(c *call, r *Resource) (obj, error) {
	for _, element := range c.in.list("AddReplicaRegions") {
		wanted, _ := element.(obj)
		region := wanted.str("Region")
		if region == "" || region == r.Region {
			return nil, refuse("InvalidParameterException", "Invalid replica region: %s", region)
		}
		there := placeOf(kindSecret, r.Account, region)
		if old := c.srv.store.get(there, r.Name, nil); old != nil && r.Attributes["replica/"+region] == "" && !c.in.bool("ForceOverwriteReplicaSecret") {
			return nil, refuse("InvalidRequestException", "Secret with this name already exists in this region")
		}
		r.Attributes["replica/"+region] = orDefault(wanted.str("KmsKeyId"), "alias/aws/secretsmanager")
		replica := r.clone()
		replica.Region, replica.ID, replica.managed = region, "arn:aws:secretsmanager:"+region+r.ID[len("arn:aws:secretsmanager:"+r.Region):], true
		replica.Tags, replica.Attributes = maps.Clone(r.Tags), map[string]string{
			"PrimaryRegion": r.Region, "LastChangedDate": stamp(c.now()), "KmsKeyId": wanted.str("KmsKeyId"),
		}
		c.put(replica)
	}
	out := obj{"ARN": r.ID, "ReplicationStatus": replicasOf(r)}
	return out, nil
}

func removeReplicas(c *call, r *Resource) (obj, error) {
	for _, region := range c.in.strs("RemoveReplicaRegions") {
		if r.Attributes["replica/"+region] == "" {
			return nil, refuse("InvalidRequestException", "Secret doesn't have a replica in %s", region)
		}
		if replica := c.srv.store.get(placeOf(kindSecret, r.Account, region), r.Name, nil); replica != nil {
			c.remove(replica)
		}
		r.set("replica/"+region, "")
	}
	return obj{"ARN": r.ID, "ReplicationStatus": replicasOf(r)}, nil
}
