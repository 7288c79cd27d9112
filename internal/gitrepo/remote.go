package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"

	"tenantry.dev/reconciler"
)

// A remote is where commits come from.
type remote interface {
	// fetch brings what ref points at, and all that it refers to, into the mirror and returns its
	// hash. known are commits that the mirror has. A noRef if there is no such ref.
	fetch(ctx context.Context, into *objects, ref plumbing.ReferenceName, known []plumbing.Hash) (plumbing.Hash, error)
}

// A noRef is a reason for which a remote has no such ref.
type noRef string

func (e noRef) Error() string { return string(e) }

// Is makes every such reason a reconciler.ErrNoRef.
func (e noRef) Is(target error) bool { return target == reconciler.ErrNoRef }

const (
	errGone  = noRef("the repository has no such branch or ref; was it deleted or renamed?")
	errEmpty = noRef("the repository is empty: it has no commit yet")
)

// newRemote understands an address. The name that it returns is the address without credentials.
func newRemote(address string, auth Auth) (remote, string, error) {
	endpoint, err := transport.NewEndpoint(address)
	if err != nil {
		return nil, "", errors.New("the address of the config repository can't be read; give an https or ssh address, or a path")
	}
	if endpoint.Protocol == "file" {
		path, err := filepath.Abs(strings.TrimPrefix(address, "file://"))
		if err != nil {
			return nil, "", fmt.Errorf("config repository: %w", err)
		}
		return local{path: path}, path, nil
	}
	name := bare(address, endpoint)
	switch endpoint.Protocol {
	case "https", "http":
		if endpoint.User != "" || endpoint.Password != "" {
			return nil, "", fmt.Errorf("config repository %s: its address has a user or a password in it; give a token in the settings instead", name)
		}
		return &network{endpoint: endpoint, client: http.NewClient(nil), auth: auth}, name, nil
	case "ssh":
		if endpoint.Password != "" {
			return nil, "", fmt.Errorf("config repository %s: its address has a password in it; use a key", name)
		}
		return &network{endpoint: endpoint, client: ssh.DefaultClient}, name, nil
	}
	return nil, "", fmt.Errorf("config repository %s: %q is not supported; use https, ssh or a path", name, endpoint.Protocol)
}

// bare is an address without what may be secret in it.
func bare(address string, endpoint *transport.Endpoint) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	return endpoint.Host + ":" + endpoint.Path
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// A network is a remote that speaks Git's protocol.
type network struct {
	endpoint *transport.Endpoint
	client   transport.Transport
	auth     Auth
}

// fetch is done once more with another token if the remote refuses the first, since one can be revoked at
// any time.
func (n *network) fetch(ctx context.Context, into *objects, ref plumbing.ReferenceName, known []plumbing.Hash) (plumbing.Hash, error) {
	hash, token, err := n.fetchOnce(ctx, into, ref, known)
	if errors.Is(err, errRefused) {
		hash, _, err = n.fetchOnce(context.WithValue(ctx, refusedKey{}, token), into, ref, known)
	}
	return hash, err
}

var errRefused = errors.New("the repository refused the credentials: is the token right, and not expired?")

type refusedKey struct{}

// Refused returns the token that the remote has just refused, if that is why an Auth is called again.
func Refused(ctx context.Context) string {
	token, _ := ctx.Value(refusedKey{}).(string)
	return token
}

func (n *network) fetchOnce(ctx context.Context, into *objects, ref plumbing.ReferenceName, known []plumbing.Hash) (hash plumbing.Hash, token string, err error) {
	session, token, err := n.session(ctx)
	if err != nil {
		return hash, token, explain(ctx, err, token)
	}
	defer func() { _ = session.Close() }() // it was only read from
	offered, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return hash, token, explain(ctx, err, token)
	}
	hash, ok := offered.References[ref.String()]
	if !ok {
		if len(offered.References) == 0 {
			return hash, token, errEmpty
		}
		return hash, token, errGone
	}
	if into.has(hash) {
		return hash, token, nil
	}
	request, err := want(offered, hash, known)
	if err != nil {
		return hash, token, err
	}
	reply, err := session.UploadPack(ctx, request)
	if err != nil {
		return hash, token, explain(ctx, err, token)
	}
	defer func() { _ = reply.Close() }() // it was read to its end, or failed before
	err = into.addPack(func(w io.Writer) error {
		_, err := io.Copy(w, unband(request.Capabilities, reply))
		return explain(ctx, err, token)
	})
	return hash, token, err
}

// session begins a conversation. The token is returned so that it can be kept out of errors.
func (n *network) session(ctx context.Context) (transport.UploadPackSession, string, error) {
	var method transport.AuthMethod
	var token string
	if n.auth != nil {
		user, secret, err := n.auth(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("credentials: %w", err)
		}
		if token = secret; token != "" {
			if n.endpoint.Protocol == "http" && !loopback(n.endpoint.Host) {
				return nil, "", errors.New("the token would be sent unencrypted; use https")
			}
			method = &http.BasicAuth{Username: user, Password: token}
		}
	}
	endpoint := *n.endpoint // a redirect changes it
	session, err := n.client.NewUploadPackSession(&endpoint, method)
	return session, token, err
}

func want(offered *packp.AdvRefs, hash plumbing.Hash, known []plumbing.Hash) (*packp.UploadPackRequest, error) {
	request := packp.NewUploadPackRequestFromCapabilities(offered.Capabilities)
	if offered.Capabilities.Supports(capability.NoProgress) {
		if err := request.Capabilities.Set(capability.NoProgress); err != nil {
			return nil, err
		}
	}
	request.Wants = []plumbing.Hash{hash}
	request.Haves = known
	return request, nil
}

// unband takes the pack out of the channels that the two sides agreed on.
func unband(agreed *capability.List, reply io.Reader) io.Reader {
	switch {
	case agreed.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, reply)
	case agreed.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, reply)
	}
	return reply
}

// explain turns a transport's error into what a person can act on. It drops what a server said of
// its own accord, and never lets the token through.
func explain(ctx context.Context, err error, token string) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("the repository didn't answer in time: %w", context.Cause(ctx))
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return errEmpty
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrInvalidAuthMethod):
		if token == "" {
			return errors.New("the repository wants credentials, and none are set")
		}
		return errRefused
	case errors.Is(err, transport.ErrAuthorizationFailed):
		return errors.New("the credentials don't allow reading this repository")
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return errors.New("there is no such repository, or the credentials don't allow seeing it")
	}
	if network := net.Error(nil); errors.As(err, &network) {
		return fmt.Errorf("the repository can't be reached: %w", redact(err, token))
	}
	return redact(err, token)
}

// redact keeps a token out of an error, whoever put it there.
func redact(err error, token string) error {
	if token != "" && strings.Contains(err.Error(), token) {
		return errors.New(strings.ReplaceAll(err.Error(), token, "(token)"))
	}
	return err
}
