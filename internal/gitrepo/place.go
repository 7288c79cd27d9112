package gitrepo

import (
	"errors"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/transport"
)

// Place is where an address leads, for telling whether two of them are one repository: the same for https and ssh,
// with and without a user, a final slash or ".git"; a path on this machine is followed through links. Two that
// differ may still be one repository, as one that has two names.
func Place(address string) (string, error) {
	endpoint, err := transport.NewEndpoint(address)
	if err != nil {
		return "", errors.New("the address of the config repository can't be read; give an https or ssh address, or a path")
	}
	if endpoint.Protocol == "file" {
		dir, err := filepath.Abs(strings.TrimPrefix(address, "file://"))
		if err != nil {
			return "", err
		}
		if followed, err := filepath.EvalSymlinks(dir); err == nil { // otherwise it isn't there yet
			dir = followed
		}
		return dir, nil
	}
	host := strings.ToLower(endpoint.Host)
	if usual := map[string]int{"https": 443, "http": 80, "ssh": 22}[endpoint.Protocol]; endpoint.Port != 0 && endpoint.Port != usual {
		host += ":" + strconv.Itoa(endpoint.Port)
	}
	return host + "/" + strings.Trim(strings.TrimSuffix(path.Clean(endpoint.Path), ".git"), "/"), nil
}
