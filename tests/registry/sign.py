"""Signs a manifest as `cosign sign --key` does: REGISTRY REPOSITORY DIGEST KEY (PEM)."""

import base64
import hashlib
import json
import subprocess
import sys
import urllib.request

registry, repository, digest, key = sys.argv[1:]


def call(method, url, body=b"", kind="application/octet-stream"):
    request = urllib.request.Request(url, data=body, method=method, headers={"Content-Type": kind})
    with urllib.request.urlopen(request) as response:
        return response.headers


def push(blob):
    found = "sha256:" + hashlib.sha256(blob).hexdigest()
    location = call("POST", f"{registry}/v2/{repository}/blobs/uploads/")["Location"]
    call("PUT", f"{location}{'&' if '?' in location else '?'}digest={found}", blob)
    return {"digest": found, "size": len(blob)}


payload = json.dumps(
    {
        "critical": {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
).encode()
signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=payload, stdout=subprocess.PIPE, check=True)
layer = push(payload) | {
    "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
    "annotations": {"dev.cosignproject.cosign/signature": base64.b64encode(signature.stdout).decode()},
}
config = push(b"{}") | {"mediaType": "application/vnd.oci.image.config.v1+json"}
kind = "application/vnd.oci.image.manifest.v1+json"
manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
tag = digest.replace(":", "-") + ".sig"
call("PUT", f"{registry}/v2/{repository}/manifests/{tag}", json.dumps(manifest).encode(), kind)
