// A stand-in for Flux's source-controller, for GitRepository objects only. The real one can't be built from the package
// registries. What it must do is the contract in README.md beside it; the real kustomize-controller works on top of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	retryAfterFailure = 10 * time.Second
	lookEvery         = time.Second
)

type controller struct {
	api     *client
	storage string // folder of the artifacts: as short-lived as the pod's emptyDir
	base    string // how kustomize-controller reaches it
	next    map[string]time.Time
}

func main() {
	log.SetFlags(0)
	api, err := newClient()
	if err != nil {
		log.Fatal(err)
	}
	c := &controller{
		api:     api,
		storage: env("STORAGE_PATH", "/data"),
		base:    env("STORAGE_URL", "http://source-controller.flux-system.svc.cluster.local."),
		next:    map[string]time.Time{},
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(c.storage)))
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	server := &http.Server{Addr: env("STORAGE_ADDR", ":9090"), Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { log.Fatal(server.ListenAndServe()) }()
	c.loop(ctx)
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func (c *controller) loop(ctx context.Context) {
	for ctx.Err() == nil {
		c.look(ctx, time.Now())
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// look is one round over all objects.
func (c *controller) look(ctx context.Context, now time.Time) {
	repos, err := c.api.list(ctx)
	if err != nil {
		log.Printf("list: %v", err)
	}
	for _, r := range repos {
		if c.due(r, now) {
			c.handle(ctx, r)
		}
	}
}

// due: a new generation, a token not handled yet, an artifact that is not on disk, or its time has come. Never while
// suspended.
func (c *controller) due(r *gitRepository, now time.Time) bool {
	if r.Spec.Suspend {
		return false
	}
	if r.Status.ObservedGeneration != r.Metadata.Generation {
		return true
	}
	if token := r.token(); token != "" && token != r.Status.LastHandledReconcileAt {
		return true
	}
	next, seen := c.next[r.key()]
	if seen && now.Before(next) {
		return false
	}
	return true
}

func (c *controller) handle(ctx context.Context, r *gitRepository) {
	limit := duration(r.Spec.Timeout, time.Minute)
	fetching, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	art, err := c.fetch(fetching, r)
	now := time.Now().UTC()
	status := newStatus(r, art, err, now)
	wait := duration(r.Spec.Interval, time.Minute)
	if err != nil {
		wait = retryAfterFailure
		log.Printf("%s: %v", r.key(), err)
	} else if r.Status.Artifact == nil || r.Status.Artifact.Revision != art.Revision {
		log.Printf("%s: stored artifact for revision '%s'", r.key(), art.Revision)
	}
	c.next[r.key()] = now.Add(wait)
	if err := c.api.patchStatus(ctx, r, status); err != nil {
		log.Printf("%s: status: %v", r.key(), err)
		delete(c.next, r.key())
	}
}

// fetch makes sure that the artifact of the branch's head is on disk, and describes it.
func (c *controller) fetch(ctx context.Context, r *gitRepository) (*artifact, error) {
	auth, err := c.api.credentials(ctx, r)
	if err != nil {
		return nil, err
	}
	sha, err := remoteHead(ctx, r.Spec.URL, r.branch(), auth)
	if err != nil {
		return nil, fmt.Errorf("failed to checkout and determine revision: unable to list remote for '%s': %w", r.Spec.URL, err)
	}
	path := filepath.Join("gitrepository", r.Metadata.Namespace, r.Metadata.Name, sha+".tar.gz")
	file := filepath.Join(c.storage, path)
	revision := r.branch() + "@sha1:" + sha
	old := r.Status.Artifact
	if _, err := os.Stat(file); err == nil && old != nil && old.Revision == revision {
		return old, nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	data, err := archive(ctx, r.Spec.URL, r.branch(), auth)
	if err != nil {
		return nil, fmt.Errorf("failed to checkout and determine revision: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(file+".new", data, 0o644); err != nil {
		return nil, err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return nil, err
	}
	return newArtifact(path, c.base, revision, data), nil
}
