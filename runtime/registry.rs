//! Evaluators in OCI registries: all that knows the registry's protocol.
//!
//! The layout is that of the Bytecode Alliance's tools (the crate oci-wasm, the program `wkg`): a manifest with the
//! component as its one layer, of the type `application/wasm`, and a config that names its imports and exports. A
//! registry is not trusted: what is fetched is what its digest says, or nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{Cursor, ErrorKind};
use std::net::IpAddr;
use std::sync::Once;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::client::{ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::Deserialize;
use serde_json::json;

use crate::catalog;
use crate::directories;
use crate::failure::{Exit, Failure};
use crate::process::Cancel;
use crate::text;

const SCHEME: &str = "oci://";
const LAYER: &str = "application/wasm";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// What cosign signs, and where in a signature's layer the signature is.
const SIGNED: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// The largest component and the largest signed text that are fetched, in bytes.
const COMPONENT_LIMIT: i64 = 128 << 20;
const SIGNED_LIMIT: i64 = 1 << 20;
const CONNECT: Duration = Duration::from_secs(15);
/// How long a registry may be silent.
const READ: Duration = Duration::from_mins(1);
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// Where in a registry an evaluator is: `oci://registry/name:tag@sha256:...`.
#[derive(Debug, Clone)]
pub struct Source(Reference);

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

/// What was fetched.
#[derive(Debug)]
pub struct Fetched {
    pub bytes: Vec<u8>,
    /// The manifest's digest, `sha256:...`: it stands for all of it.
    pub manifest: String,
}

/// What is told of a component when it is published.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub summary: &'a str,
    pub imports: &'a [String],
    pub exports: &'a [&'a str],
}

impl Source {
    /// Whether a text is meant for one.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads one. Without a tag and a digest it is the tag `latest`.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            Failure::input(format!("`{text}` is no place in a registry: {what}"))
                .hint("write `oci://registry.example/name:tag` or `oci://registry.example/name@sha256:...`")
        };
        let rest = text
            .strip_prefix(SCHEME)
            .ok_or_else(|| wrong("it does not begin with `oci://`"))?;
        let host = rest.split('/').next().unwrap_or_default();
        // Without that, a name alone would be one of Docker's own registry.
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(wrong("its registry has no dot and no port"));
        }
        rest.parse()
            .map(Self)
            .map_err(|error: oci_client::ParseError| wrong(&error.to_string()))
    }

    /// The same repository at one manifest.
    #[must_use]
    pub fn at(&self, manifest: &str) -> Self {
        Self(Reference::with_digest(
            self.0.registry().to_owned(),
            self.0.repository().to_owned(),
            manifest.to_owned(),
        ))
    }

    /// Where cosign puts the signatures of a manifest.
    fn signatures(&self, manifest: &str) -> Self {
        Self(Reference::with_tag(
            self.0.registry().to_owned(),
            self.0.repository().to_owned(),
            format!("{}.sig", manifest.replace(':', "-")),
        ))
    }

    fn client(&self) -> Result<Client, Failure> {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            // It fails where there is one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let registry = self.0.resolve_registry();
        let protocol = if is_loopback(registry) {
            ClientProtocol::HttpsExcept(vec![registry.to_owned()])
        } else {
            ClientProtocol::Https
        };
        Client::try_from(ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            platform_resolver: None,
            user_agent: concat!("autoresearch/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        })
        .map_err(|error| self.failure(&error))
    }

    /// The login that `docker login` left for the registry.
    fn login(&self) -> Result<RegistryAuth, Failure> {
        let registry = self.0.resolve_registry();
        let unreadable = |why: &dyn fmt::Display| {
            Failure::new(
                Exit::Environment,
                text::clean_line(
                    &format!("the login for `{registry}` cannot be read: {why}"),
                    500,
                ),
            )
            .hint(format!("`docker login {registry}` writes it"))
        };
        let Some(path) = directories::docker_config() else {
            return Ok(RegistryAuth::Anonymous);
        };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(RegistryAuth::Anonymous);
            }
            Err(error) => return Err(unreadable(&error)),
        };
        match docker_credential::get_credential_from_reader(file, registry) {
            Ok(DockerCredential::UsernamePassword(user, password)) => {
                Ok(RegistryAuth::Basic(user, password))
            }
            Ok(DockerCredential::IdentityToken(token)) => Ok(RegistryAuth::Bearer(token)),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
            // What docker's helpers say where there is none.
            Err(CredentialRetrievalError::HelperFailure { stdout, .. })
                if stdout.contains("credentials not found") =>
            {
                Ok(RegistryAuth::Anonymous)
            }
            Err(error) => Err(unreadable(&error)),
        }
    }

    fn failure(&self, error: &OciDistributionError) -> Failure {
        let registry = self.0.resolve_registry();
        let missing = || {
            Failure::input(format!("the registry has no `{self}`"))
                .hint("look for a misspelt name or tag")
        };
        let refused = || {
            Failure::new(
                Exit::Environment,
                format!("the registry refuses `{self}` without a login that may do that"),
            )
            .hint(format!("`docker login {registry}` once"))
        };
        match error {
            OciDistributionError::ImageManifestNotFoundError(_)
            | OciDistributionError::ServerError { code: 404, .. } => missing(),
            OciDistributionError::RegistryError { envelope, .. }
                if envelope.errors.iter().any(|error| {
                    use oci_client::errors::OciErrorCode as Code;
                    matches!(
                        error.code,
                        Code::ManifestUnknown
                            | Code::NameUnknown
                            | Code::BlobUnknown
                            | Code::NotFound
                    )
                }) =>
            {
                missing()
            }
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::ServerError {
                code: 401 | 403, ..
            } => refused(),
            OciDistributionError::DigestError(error) => Failure::new(
                Exit::Evaluator,
                text::clean_line(
                    &format!("what `{self}` sent is not what its digest says: {error}"),
                    500,
                ),
            )
            .hint("fetch it again; if that does not help, tell whoever published it"),
            OciDistributionError::RequestError(error) => Failure::new(
                Exit::Environment,
                text::clean_line(
                    &format!(
                        "the registry `{registry}` cannot be reached, or broke off: {}",
                        causes(error)
                    ),
                    500,
                ),
            )
            .hint("try again; nothing was changed"),
            other => Failure::new(
                Exit::Environment,
                text::clean_line(&format!("`{self}` cannot be used: {other}"), 500),
            )
            .hint("try again; nothing was changed"),
        }
    }

    /// The manifest, and the digest of what was sent for it.
    async fn manifest(
        &self,
        client: &Client,
        login: &RegistryAuth,
    ) -> Result<(OciImageManifest, String), Failure> {
        let (raw, _) = client
            .pull_manifest_raw(&self.0, login, &[MANIFEST])
            .await
            .map_err(|error| self.failure(&error))?;
        let digest = format!("sha256:{}", catalog::digest(&raw));
        if let Some(wanted) = self.0.digest()
            && wanted != digest
        {
            return Err(Failure::new(
                Exit::Evaluator,
                format!("what `{self}` sent is not what its digest says: it is {digest}"),
            )
            .hint("do not use that registry"));
        }
        let manifest = serde_json::from_slice(&raw).map_err(|error| {
            self.unusable(&format!("its manifest is none of an evaluator: {error}"))
        })?;
        Ok((manifest, digest))
    }

    async fn blob(
        &self,
        client: &Client,
        layer: &OciDescriptor,
        limit: i64,
    ) -> Result<Vec<u8>, Failure> {
        let size = usize::try_from(layer.size)
            .ok()
            .filter(|_| layer.size <= limit)
            .ok_or_else(|| {
                self.unusable(&format!(
                    "it has {} bytes; the limit is {limit}",
                    layer.size
                ))
            })?;
        let mut bytes = vec![0; size];
        let mut room = Cursor::new(bytes.as_mut_slice());
        client
            .pull_blob(&self.0, layer, &mut room)
            .await
            .map_err(|error| match error {
                OciDistributionError::IoError(_) => self.unusable("it is longer than it says"),
                error => self.failure(&error),
            })?;
        // The client has checked it; this is what everything rests on.
        if layer.digest != format!("sha256:{}", catalog::digest(&bytes)) {
            return Err(Failure::new(
                Exit::Evaluator,
                format!("what `{self}` sent is not what its digest says"),
            )
            .hint("fetch it again; if that does not help, tell whoever published it"));
        }
        Ok(bytes)
    }

    fn unusable(&self, what: &str) -> Failure {
        Failure::new(
            Exit::Evaluator,
            text::clean_line(&format!("`{self}` is no evaluator: {what}"), 500),
        )
        .hint("an evaluator has one layer of the type application/wasm")
    }

    /// Fetches a component; with a public key (PEM), only if its manifest is signed with that.
    pub fn fetch(&self, key: Option<&str>, cancel: &Cancel) -> Result<Fetched, Failure> {
        let client = self.client()?;
        let login = self.login()?;
        complete(cancel, async {
            let (manifest, digest) = self.manifest(&client, &login).await?;
            if let Some(key) = key {
                self.verify(&client, &login, &digest, key).await?;
            }
            let [layer] = manifest.layers.as_slice() else {
                return Err(self.unusable(&format!("it has {} layers", manifest.layers.len())));
            };
            if layer.media_type != LAYER {
                return Err(
                    self.unusable(&format!("its layer is of the type {}", layer.media_type))
                );
            }
            Ok(Fetched {
                bytes: self.blob(&client, layer, COMPONENT_LIMIT).await?,
                manifest: digest,
            })
        })
    }

    /// Checks that a manifest is signed with a key, as `cosign sign --key` does it.
    async fn verify(
        &self,
        client: &Client,
        login: &RegistryAuth,
        manifest: &str,
        key: &str,
    ) -> Result<(), Failure> {
        let unsigned = |what: &str| {
            Failure::new(
                Exit::Evaluator,
                format!("`{self}` is not signed with the key that it should be: {what}"),
            )
            .hint("ask whoever publishes it; nothing was changed")
        };
        let key = public_key(key)?;
        let place = self.signatures(manifest);
        let (signatures, _) = place
            .manifest(client, login)
            .await
            .map_err(|failure| unsigned(&failure.message))?;
        for layer in signatures.layers.iter().take(100) {
            let signature = layer
                .annotations
                .as_ref()
                .and_then(|annotations| annotations.get(SIGNATURE))
                .and_then(|text| BASE64_STANDARD.decode(text).ok());
            let Some(signature) = signature.filter(|_| layer.media_type == SIGNED) else {
                continue;
            };
            let signed = place.blob(client, layer, SIGNED_LIMIT).await?;
            if key.verify(&signed, &signature).is_ok() && is_about(&signed, manifest) {
                return Ok(());
            }
        }
        Err(unsigned("no signature fits"))
    }

    /// Publishes a component, and returns its manifest's digest. The tag is set last: what breaks off changes
    /// nothing.
    pub fn publish(
        &self,
        bytes: Vec<u8>,
        about: &About<'_>,
        cancel: &Cancel,
    ) -> Result<String, Failure> {
        if self.0.digest().is_some() {
            return Err(Failure::input(format!(
                "`{self}` has a digest, which is not yours to choose"
            ))
            .hint("name a tag: `oci://registry.example/name:tag`"));
        }
        let client = self.client()?;
        let login = self.login()?;
        let config = json!({
            "created": humantime::format_rfc3339_seconds(std::time::SystemTime::now()).to_string(),
            "author": null,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [format!("sha256:{}", catalog::digest(&bytes))],
            "component": {
                "exports": about.exports,
                "imports": about.imports,
                "target": null,
            },
        });
        let annotation = |name: &str, value: &str| {
            (format!("org.opencontainers.image.{name}"), value.to_owned())
        };
        let annotations = BTreeMap::from([
            annotation("title", about.name),
            annotation("version", about.version),
            annotation("description", about.summary),
        ]);
        let config = Config::new(config.to_string(), CONFIG.to_owned(), None);
        let layer = ImageLayer::new(bytes, LAYER.to_owned(), None);
        let layers = [layer];
        let mut manifest = OciImageManifest::build(&layers, &config, Some(annotations));
        manifest.media_type = Some(MANIFEST.to_owned());
        complete(cancel, async {
            client
                .push(&self.0, &layers, config, &login, Some(manifest))
                .await
                .map_err(|error| self.failure(&error))?;
            Ok(self.manifest(&client, &login).await?.1)
        })
    }
}

/// What cosign signs: which manifest it is.
#[derive(Deserialize)]
struct Payload {
    critical: Critical,
}

#[derive(Deserialize)]
struct Critical {
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

fn is_about(signed: &[u8], manifest: &str) -> bool {
    serde_json::from_slice::<Payload>(signed)
        .is_ok_and(|payload| payload.critical.image.digest == manifest)
}

/// Reads a public key as cosign writes it: ECDSA on P-256, in PEM.
pub fn public_key(pem: &str) -> Result<ring::signature::UnparsedPublicKey<Vec<u8>>, Failure> {
    /// Before the point in the DER of such a key (RFC 5480).
    const HEADER: &[u8] = &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
        0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let base64: String = pem
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
        .map(|body| body.split_whitespace().collect())
        .unwrap_or_default();
    BASE64_STANDARD
        .decode(base64)
        .ok()
        .and_then(|der| {
            let point = der.strip_prefix(HEADER)?;
            (point.len() == 65).then(|| point.to_vec())
        })
        .map(|point| {
            ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, point)
        })
        .ok_or_else(|| {
            Failure::input("that is no public key of cosign's kind (ECDSA P-256, PEM)")
                .hint("`cosign generate-key-pair` writes it to cosign.pub")
        })
}

/// Runs it to its end, unless it is cancelled.
fn complete<T>(
    cancel: &Cancel,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("the network cannot be used: {error}"),
            )
        })?;
    runtime.block_on(async {
        let cancelled = async {
            while !cancel.is_cancelled() {
                tokio::time::sleep(CANCEL_POLL).await;
            }
        };
        tokio::select! {
            result = work => result,
            () = cancelled => Err(Failure::new(Exit::Failure, "stopped").hint("nothing was changed")),
        }
    })
}

fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => registry,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost"
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words = format!("{words}: {cause}");
        next = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_registries() {
        for text in [
            "oci://localhost:5000/name:1.0",
            "oci://registry.example/some/name:latest",
        ] {
            assert_eq!(Source::parse(text).unwrap().to_string(), text);
        }
        let digest = format!("oci://registry.example/name@sha256:{}", "a".repeat(64));
        assert_eq!(Source::parse(&digest).unwrap().to_string(), digest);
        for text in [
            "",
            "oci://",
            "oci://name",
            "oci://name/more:1",
            "oci://registry.example/NAME:1",
            "oci://registry.example/",
            "https://registry.example/name",
            "oci://registry.example/name:",
            "oci://registry.example/name@sha256:123",
        ] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_is_spoken_to_in_the_clear() {
        for registry in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.1.2.3",
            "[::1]:5000",
        ] {
            assert!(is_loopback(registry), "{registry}");
        }
        for registry in [
            "registry.example",
            "localhost.example:5000",
            "10.0.0.1:5000",
            "[::2]:5000",
            "127.0.0.1.example",
        ] {
            assert!(!is_loopback(registry), "{registry}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for pem in [
            "",
            "key",
            "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            assert!(public_key(pem).is_err(), "{pem}");
        }
    }

    #[test]
    fn a_signature_is_about_one_manifest() {
        let payload = |digest: &str| {
            json!({"critical": {"identity": {"docker-reference": "x"}, "image": {"docker-manifest-digest": digest}, "type": "cosign container image signature"}, "optional": null}).to_string()
        };
        assert!(is_about(payload("sha256:a").as_bytes(), "sha256:a"));
        assert!(!is_about(payload("sha256:b").as_bytes(), "sha256:a"));
        assert!(!is_about(b"sha256:a", "sha256:a"));
    }
}
