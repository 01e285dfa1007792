package main

// The contract in README.md, asked of the stand-in before it is built into an image: against the git server of the
// testbed's own tools (RIGTOOLS names that program), and against as much of an API server as it needs.

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	user     = "flux"
	password = "secret"
	podToken = "token-of-the-pod"
)

// cluster is an API server with one GitRepository, flux-system/site, and the secret that it names. The controller asks it
// one thing after the other, and so does a test.
type cluster struct {
	url, branch, password, token string
	generation                   int64
	suspend                      bool
	status                       map[string]any
	patches                      int
}

func (c *cluster) object() map[string]any {
	annotations := map[string]any{}
	if c.token != "" {
		annotations["reconcile.fluxcd.io/requestedAt"] = c.token
	}
	return map[string]any{
		"metadata": map[string]any{
			"name": "site", "namespace": "flux-system", "generation": c.generation, "annotations": annotations,
		},
		"spec": map[string]any{
			"url": c.url, "interval": "1m", "timeout": "20s", "suspend": c.suspend,
			"ref": map[string]any{"branch": c.branch}, "secretRef": map[string]any{"name": "git"},
		},
		"status": c.status,
	}
}

func (c *cluster) handler(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+group+"/gitrepositories", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{c.object()}})
	})
	mux.HandleFunc("GET /api/v1/namespaces/flux-system/secrets/git", func(w http.ResponseWriter, _ *http.Request) {
		data := map[string][]byte{"username": []byte(user), "password": []byte(c.password)}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	})
	status := "PATCH " + group + "/namespaces/flux-system/gitrepositories/site/status"
	mux.HandleFunc(status, func(w http.ResponseWriter, r *http.Request) {
		var patch struct{ Status map[string]any }
		if err := json.NewDecoder(r.Body).Decode(&patch); err != nil {
			t.Errorf("a patch that is no JSON: %v", err)
		}
		// A merge patch: what it does not name stays.
		for key, value := range patch.Status {
			c.status[key] = value
		}
		c.patches++
		_, _ = io.WriteString(w, "{}")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+podToken {
			t.Errorf("%s %s without the pod's token", r.Method, r.URL.Path)
		}
		mux.ServeHTTP(w, r)
	})
}

// site is a git server, a working copy to push from, an API server, and the controller between them.
type site struct {
	t        *testing.T
	rigtools string
	address  string
	bare     string
	copy     string
	git      *exec.Cmd
	api      *cluster
	control  *controller
}

func newSite(t *testing.T) *site {
	t.Helper()
	rigtools := os.Getenv("RIGTOOLS")
	if rigtools == "" {
		t.Fatal("RIGTOOLS has to name the testbed's own tools: scripts/testbed build makes them and runs this")
	}
	s := &site{t: t, rigtools: rigtools, address: freeAddress(t), bare: t.TempDir(), copy: t.TempDir()}
	s.startGit()
	s.run("init", "-q", "-b", "main")
	url := "http://" + s.address + "/flux/site.git"
	s.api = &cluster{url: url, branch: "main", password: password, generation: 1, status: map[string]any{}}
	server := httptest.NewServer(s.api.handler(t))
	t.Cleanup(server.Close)
	artifacts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.FileServer(http.Dir(s.control.storage)).ServeHTTP(w, r)
	}))
	t.Cleanup(artifacts.Close)
	account := t.TempDir()
	if err := os.WriteFile(filepath.Join(account, "token"), []byte(podToken), 0o600); err != nil {
		t.Fatal(err)
	}
	s.control = &controller{
		api:  &client{base: server.URL, account: account, http: server.Client()},
		base: artifacts.URL,
	}
	s.startPod()
	return s
}

// startPod is what a new pod has: an empty storage, and no memory.
func (s *site) startPod() {
	s.control.storage = s.t.TempDir()
	s.control.next = map[string]time.Time{}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (s *site) startGit() {
	s.t.Helper()
	git := exec.Command(s.rigtools, "gitd", s.address, s.bare)
	git.Env = append(os.Environ(), "GIT_USER="+user, "GIT_PASSWORD="+password)
	if err := git.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.git = git
	s.t.Cleanup(func() { end(git) })
	limit := time.Now().Add(20 * time.Second)
	for {
		answer, err := http.Get("http://" + s.address + "/api/healthz")
		if err == nil {
			_ = answer.Body.Close()
			return
		}
		if time.Now().After(limit) {
			s.t.Fatalf("the git server does not answer: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // poll: the git server takes connections
	}
}

func (s *site) stopGit() { end(s.git) }

// end may be called again for a process that has ended.
func end(process *exec.Cmd) {
	_ = process.Process.Kill()
	_ = process.Wait()
}

// run is git in the working copy, whatever this computer's own settings for git are.
func (s *site) run(words ...string) string {
	s.t.Helper()
	who := []string{"-C", s.copy, "-c", "user.name=admin", "-c", "user.email=admin@site.test"}
	git := exec.Command("git", append(who, words...)...)
	git.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "no_proxy=*")
	out, err := git.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", words, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit adds a file, pushes all as this branch, and returns the commit.
func (s *site) commit(branch, name, content string) string {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.copy, name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
	s.run("add", "-A")
	s.run("commit", "-q", "-m", "Add "+name)
	s.run("push", "-q", "http://"+user+":"+password+"@"+s.address+"/flux/site.git", "HEAD:refs/heads/"+branch)
	return s.run("rev-parse", "HEAD")
}

// look is one round of the controller, so long from now.
func (s *site) look(later time.Duration) { s.control.look(context.Background(), time.Now().Add(later)) }

// looks tells whether a round so long from now had to do something.
func (s *site) looks(later time.Duration) bool {
	before := s.api.patches
	s.look(later)
	return s.api.patches > before
}

func (s *site) status() status {
	s.t.Helper()
	var is status
	text, err := json.Marshal(s.api.status)
	if err := errors.Join(err, json.Unmarshal(text, &is)); err != nil {
		s.t.Fatal(err)
	}
	return is
}

// is fails unless there is such a condition, and its message begins like this.
func (s *site) is(kind, value, reason, message string) {
	s.t.Helper()
	for _, c := range s.status().Conditions {
		if c.Type == kind {
			if c.Status != value || c.Reason != reason || !strings.HasPrefix(c.Message, message) {
				s.t.Errorf("%s is %s, %s: %s; wanted %s, %s: %s", kind, c.Status, c.Reason, c.Message, value, reason, message)
			}
			if c.ObservedGeneration != s.api.generation {
				s.t.Errorf("%s is of generation %d", kind, c.ObservedGeneration)
			}
			return
		}
	}
	s.t.Errorf("there is no condition %s in %v", kind, s.status().Conditions)
}

// isReady fails unless the artifact of this commit is there, described as it is.
func (s *site) isReady(branch, commit string) {
	s.t.Helper()
	revision := branch + "@sha1:" + commit
	message := "stored artifact for revision '" + revision + "'"
	s.is("Ready", "True", "Succeeded", message)
	s.is("ArtifactInStorage", "True", "Succeeded", message)
	now := s.status()
	if len(now.Conditions) != 2 || now.ObservedGeneration != s.api.generation {
		s.t.Errorf("what was wrong before is still said: %+v", now)
	}
	path := "gitrepository/flux-system/site/" + commit + ".tar.gz"
	got, data := now.Artifact, s.artifact()
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(data))
	if got.Revision != revision || got.Path != path || got.URL != s.control.base+"/"+path {
		s.t.Errorf("the artifact is %+v", got)
	}
	if got.Digest != digest || got.Size != int64(len(data)) {
		s.t.Errorf("the artifact is not what is served: %+v, served are %d bytes, %s", got, len(data), digest)
	}
}

// artifact is what kustomize-controller gets at the address in the status.
func (s *site) artifact() []byte {
	s.t.Helper()
	art := s.status().Artifact
	if art == nil {
		s.t.Fatal("there is no artifact in the status")
	}
	answer, err := http.Get(art.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s, %v", art.URL, answer.Status, err)
	}
	return data
}

// files are the names in an artifact.
func (s *site) files(data []byte) []string {
	s.t.Helper()
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	var names []string
	for pack := tar.NewReader(unzipped); ; {
		header, err := pack.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			s.t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

func TestTheBranchThatIsAskedFor(t *testing.T) {
	s := newSite(t)
	if err := os.Symlink("a.yaml", filepath.Join(s.copy, "link")); err != nil {
		t.Fatal(err)
	}
	first := s.commit("main", "a.yaml", "kind: A\n")
	s.look(0)
	s.isReady("main", first)

	other := s.commit("experiment", "b.yaml", "kind: B\n")
	if s.looks(30 * time.Second) {
		t.Error("nobody asked, and the interval is not over")
	}
	if !s.looks(2 * time.Minute) {
		t.Error("the interval is over")
	}
	s.isReady("main", first)

	s.api.branch, s.api.generation = "experiment", 2
	s.look(0)
	s.isReady("experiment", other)
	if names := s.files(s.artifact()); !slices.Equal(names, []string{"a.yaml", "b.yaml"}) {
		t.Errorf("the artifact has %v: all files in order, and no link", names)
	}
}

func TestTheSameCommitIsTheSameBytes(t *testing.T) {
	s := newSite(t)
	commit := s.commit("main", "a.yaml", "kind: A\n")
	s.look(0)
	before := s.artifact()
	s.startPod()
	s.look(0)
	s.isReady("main", commit)
	if !bytes.Equal(before, s.artifact()) {
		t.Error("a new pod makes other bytes of the same commit")
	}
}

func TestATokenIsHandledOnce(t *testing.T) {
	s := newSite(t)
	s.commit("main", "a.yaml", "kind: A\n")
	s.look(0)
	next := s.commit("main", "a.yaml", "kind: B\n")
	s.api.token = "one"
	if !s.looks(0) || s.status().LastHandledReconcileAt != "one" {
		t.Errorf("the token is not handled: %+v", s.status())
	}
	s.isReady("main", next)
	if s.looks(0) {
		t.Error("the token is handled again")
	}
}

func TestGitIsAway(t *testing.T) {
	s := newSite(t)
	commit := s.commit("main", "a.yaml", "kind: A\n")
	s.look(0)
	art, data := *s.status().Artifact, s.artifact()

	s.stopGit()
	s.api.token = "one"
	s.look(0)
	message := "failed to checkout and determine revision: unable to list remote for '" + s.api.url + "': "
	s.is("Ready", "False", "GitOperationFailed", message)
	s.is("FetchFailed", "True", "GitOperationFailed", message)
	s.is("Reconciling", "True", "ProgressingWithRetry", "")
	if s.status().LastHandledReconcileAt != "one" {
		t.Error("the token counts as handled, although nothing was fetched")
	}
	if *s.status().Artifact != art || !bytes.Equal(s.artifact(), data) {
		t.Error("the old artifact stays, and goes on being served")
	}
	if s.looks(5 * time.Second) {
		t.Error("it is tried again too soon")
	}
	if !s.looks(11 * time.Second) {
		t.Error("it is not tried again")
	}

	s.startGit()
	s.look(11 * time.Second)
	s.isReady("main", commit)
}

func TestWhatCannotBeFetchedIsSaid(t *testing.T) {
	table := []struct {
		what, says string
		spoil      func(*cluster)
	}{
		{"no such branch", `couldn't find remote ref "refs/heads/nowhere"`, func(c *cluster) { c.branch = "nowhere" }},
		{"another password", "authentication required", func(c *cluster) { c.password = "other" }},
	}
	for _, row := range table {
		t.Run(row.what, func(t *testing.T) {
			s := newSite(t)
			s.commit("main", "a.yaml", "kind: A\n")
			row.spoil(s.api)
			s.look(0)
			s.is("Ready", "False", "GitOperationFailed", "failed to checkout and determine revision: unable to list remote for ")
			text := fmt.Sprint(s.status().Conditions)
			if !strings.Contains(text, row.says) {
				t.Errorf("nothing of %q in %s", row.says, text)
			}
			if s.status().Artifact != nil {
				t.Error("there is an artifact of nothing")
			}
		})
	}
}

func TestWhatIsSuspendedIsNotTouched(t *testing.T) {
	s := newSite(t)
	s.commit("main", "a.yaml", "kind: A\n")
	s.look(0)
	next := s.commit("main", "a.yaml", "kind: B\n")
	s.api.suspend, s.api.generation, s.api.token = true, 2, "one"
	if s.looks(time.Hour) || s.status().LastHandledReconcileAt != "" {
		t.Errorf("a suspended object is touched: %+v", s.status())
	}
	s.api.suspend, s.api.generation = false, 3
	s.look(0)
	s.isReady("main", next)
	if s.status().LastHandledReconcileAt != "one" {
		t.Error("the token is handled once the object is resumed")
	}
}
