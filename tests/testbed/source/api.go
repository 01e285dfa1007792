package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
)

type gitRepository struct {
	Metadata struct {
		Name, Namespace string
		Generation      int64
		Annotations     map[string]string
	} `json:"metadata"`
	Spec struct {
		URL, Interval, Timeout string
		Suspend                bool
		Ref                    struct{ Branch string }
		SecretRef              struct{ Name string }
	} `json:"spec"`
	Status status `json:"status"`
}

type status struct {
	ObservedGeneration     int64       `json:"observedGeneration"`
	LastHandledReconcileAt string      `json:"lastHandledReconcileAt,omitempty"`
	Artifact               *artifact   `json:"artifact,omitempty"`
	Conditions             []condition `json:"conditions"`
}

type artifact struct {
	Digest         string `json:"digest"`
	LastUpdateTime string `json:"lastUpdateTime"`
	Path           string `json:"path"`
	Revision       string `json:"revision"`
	Size           int64  `json:"size"`
	URL            string `json:"url"`
}

type condition struct {
	Type               string `json:"type"`
	Status             string `json:"status"`
	Reason             string `json:"reason"`
	Message            string `json:"message"`
	ObservedGeneration int64  `json:"observedGeneration"`
	LastTransitionTime string `json:"lastTransitionTime"`
}

func (r *gitRepository) key() string { return r.Metadata.Namespace + "/" + r.Metadata.Name }
func (r *gitRepository) token() string {
	return r.Metadata.Annotations["reconcile.fluxcd.io/requestedAt"]
}
func (r *gitRepository) branch() string {
	if b := r.Spec.Ref.Branch; b != "" {
		return b
	}
	return "master"
}

func duration(text string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d
	}
	return otherwise
}

func newArtifact(path, base, revision string, data []byte) *artifact {
	return &artifact{
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(data)), LastUpdateTime: time.Now().UTC().Format(time.RFC3339),
		Path: path, Revision: revision, Size: int64(len(data)), URL: base + "/" + path,
	}
}

// newStatus words the outcome as the real controller does. On failure the old artifact stays in place and goes on being
// served; the token counts as handled either way.
func newStatus(r *gitRepository, art *artifact, failure error, now time.Time) status {
	s := status{ObservedGeneration: r.Metadata.Generation, LastHandledReconcileAt: r.token(), Artifact: art}
	set := func(kind, value, reason, message string) {
		since := now.Format(time.RFC3339)
		for _, old := range r.Status.Conditions {
			if old.Type == kind && old.Status == value {
				since = old.LastTransitionTime
			}
		}
		s.Conditions = append(s.Conditions, condition{kind, value, reason, message, r.Metadata.Generation, since})
	}
	if failure != nil {
		s.Artifact = r.Status.Artifact
		set("Reconciling", "True", "ProgressingWithRetry", "reconciliation in progress")
		set("Ready", "False", "GitOperationFailed", failure.Error())
		set("FetchFailed", "True", "GitOperationFailed", failure.Error())
		if s.Artifact != nil {
			set("ArtifactInStorage", "True", "Succeeded", "stored artifact for revision '"+s.Artifact.Revision+"'")
		}
		return s
	}
	message := "stored artifact for revision '" + art.Revision + "'"
	set("Ready", "True", "Succeeded", message)
	set("ArtifactInStorage", "True", "Succeeded", message)
	return s
}

// client speaks to the API as a pod does: with its service account.
type client struct {
	base    string
	account string // folder of the service account
	http    *http.Client
}

const account = "/var/run/secrets/kubernetes.io/serviceaccount"

func newClient() (*client, error) {
	ca, err := os.ReadFile(account + "/ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &client{
		base:    "https://" + os.Getenv("KUBERNETES_SERVICE_HOST") + ":" + os.Getenv("KUBERNETES_SERVICE_PORT"),
		account: account,
		http:    &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	}, nil
}

func (c *client) do(ctx context.Context, method, path string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	token, err := os.ReadFile(c.account + "/token") // it is renewed on disk from time to time
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	req.Header.Set("Content-Type", "application/merge-patch+json")
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %.200s", method, path, res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

const group = "/apis/source.toolkit.fluxcd.io/v1"

func (c *client) list(ctx context.Context) ([]*gitRepository, error) {
	var all struct{ Items []*gitRepository }
	err := c.do(ctx, http.MethodGet, group+"/gitrepositories", nil, &all)
	return all.Items, err
}

func (c *client) patchStatus(ctx context.Context, r *gitRepository, s status) error {
	path := fmt.Sprintf("%s/namespaces/%s/gitrepositories/%s/status", group, r.Metadata.Namespace, r.Metadata.Name)
	return c.do(ctx, http.MethodPatch, path, map[string]any{"status": s}, nil)
}

func (c *client) credentials(ctx context.Context, r *gitRepository) (transport.AuthMethod, error) {
	name := r.Spec.SecretRef.Name
	if name == "" {
		return nil, nil
	}
	var secret struct{ Data map[string][]byte }
	path := fmt.Sprintf("/api/v1/namespaces/%s/secrets/%s", r.Metadata.Namespace, name)
	if err := c.do(ctx, http.MethodGet, path, nil, &secret); err != nil {
		return nil, fmt.Errorf("failed to get secret '%s': %w", name, err)
	}
	return &githttp.BasicAuth{Username: string(secret.Data["username"]), Password: string(secret.Data["password"])}, nil
}
