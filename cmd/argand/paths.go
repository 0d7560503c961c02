package main

import (
	"path/filepath"
	"strings"
)

// isRemote reports whether a path names another file system than the local one, as Beam sees it: "gs://bucket/a".
func isRemote(p string) bool { return strings.Index(p, "://") > 0 }

// joinPath joins a directory and a slash-separated path below it, in any of Beam's file systems.
func joinPath(dir, below string) string {
	if isRemote(dir) {
		return strings.TrimSuffix(dir, "/") + "/" + below
	}
	return filepath.Join(dir, filepath.FromSlash(below))
}

// globRoot returns the directory that all matches of a pattern lie in: "a/b/" for "a/b/*/c*.png".
func globRoot(glob string) string {
	glob = filepath.ToSlash(glob)
	if i := strings.IndexAny(glob, "*?[{"); i >= 0 {
		glob = glob[:i]
	}
	return glob[:strings.LastIndex(glob, "/")+1]
}
