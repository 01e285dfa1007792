package main

import (
	"log"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// gitd serves the repository DIR/site.git over HTTP, as a git server would: clone and fetch for everybody who has the
// password, and push. It answers /api/healthz as Gitea does. Git itself does the work, through its CGI program.
func gitd(addr, dir, user, password string) error {
	repo := filepath.Join(dir, "site.git")
	if _, err := os.Stat(filepath.Join(repo, "HEAD")); err != nil {
		for _, args := range [][]string{
			{"init", "--quiet", "--bare", "--initial-branch=main", repo},
			{"-C", repo, "config", "http.receivepack", "true"},
		} {
			if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
				log.Printf("git %v: %s", args, out)
				return err
			}
		}
	}
	backend := &cgi.Handler{
		Path: "/usr/lib/git-core/git-http-backend",
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/api/healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"status":"pass"}` + "\n"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		u, p, ok := r.BasicAuth()
		if !ok || u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		// Gitea's paths have an owner in front: /flux/site.git/...
		if i := strings.Index(r.URL.Path, "/site.git"); i > 0 {
			r.URL.Path = r.URL.Path[i:]
		}
		backend.ServeHTTP(w, r)
	})
	go func() {
		<-stopSignal()
		os.Exit(0)
	}()
	return http.ListenAndServe(addr, mux)
}
