package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/memory"
)

func remoteHead(ctx context.Context, url, branch string, auth transport.AuthMethod) (string, error) {
	remote := git.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: "origin", URLs: []string{url}})
	refs, err := remote.ListContext(ctx, &git.ListOptions{Auth: auth})
	if err != nil {
		return "", err
	}
	for _, ref := range refs {
		if ref.Name() == plumbing.NewBranchReferenceName(branch) {
			return ref.Hash().String(), nil
		}
	}
	return "", fmt.Errorf("couldn't find remote ref \"refs/heads/%s\"", branch)
}

// archive clones the branch into memory and packs its files. The same commit gives the same bytes, always: sorted,
// without times and owners.
func archive(ctx context.Context, url, branch string, auth transport.AuthMethod) ([]byte, error) {
	repo, err := git.CloneContext(ctx, memory.NewStorage(), nil, &git.CloneOptions{
		URL: url, Auth: auth, ReferenceName: plumbing.NewBranchReferenceName(branch),
		SingleBranch: true, Depth: 1, Tags: git.NoTags,
	})
	if err != nil {
		return nil, err
	}
	head, err := repo.Head()
	if err != nil {
		return nil, err
	}
	commit, err := repo.CommitObject(head.Hash())
	if err != nil {
		return nil, err
	}
	files, err := commit.Files()
	if err != nil {
		return nil, err
	}
	var all []*object.File
	if err := files.ForEach(func(f *object.File) error { all = append(all, f); return nil }); err != nil {
		return nil, err
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	pack := tar.NewWriter(zip)
	for _, f := range all {
		if err := addFile(pack, f); err != nil {
			return nil, err
		}
	}
	if err := pack.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func addFile(pack *tar.Writer, f *object.File) error {
	mode, err := f.Mode.ToOSFileMode()
	if err != nil || mode&os.ModeSymlink != 0 {
		return err // links are left out, as the real one does
	}
	if err := pack.WriteHeader(&tar.Header{Name: f.Name, Mode: int64(mode.Perm()), Size: f.Size, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	r, err := f.Reader()
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(pack, r)
	return err
}
