#!/usr/bin/env python3
"""Pushes an image that build.py wrote into a registry.

usage: push.py http://HOST:PORT IMAGE.tar..."""
import hashlib
import json
import sys
import tarfile
import urllib.error
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def call(method, url, data=None, kind="application/octet-stream"):
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": kind})
    return urllib.request.urlopen(request, timeout=60)


def blob(base, name, data):
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    try:
        call("HEAD", f"{base}/v2/{name}/blobs/{digest}").close()
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        place = call("POST", f"{base}/v2/{name}/blobs/uploads/").headers["Location"]
        place = place if place.startswith("http") else base + place
        call("PUT", place + ("&" if "?" in place else "?") + "digest=" + digest, data).close()
    return digest


def push(base, path):
    with tarfile.open(path) as tar:
        about = json.load(tar.extractfile("manifest.json"))[0]
        config = tar.extractfile(about["Config"]).read()
        layers = [tar.extractfile(layer).read() for layer in about["Layers"]]
    name, tag = about["RepoTags"][0].split("/", 1)[1].rsplit(":", 1)
    manifest = {
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json",
                   "digest": blob(base, name, config), "size": len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": blob(base, name, layer), "size": len(layer)} for layer in layers],
    }
    call("PUT", f"{base}/v2/{name}/manifests/{tag}", json.dumps(manifest).encode(), MANIFEST).close()


for archive in sys.argv[2:]:
    push(sys.argv[1].rstrip("/"), archive)
