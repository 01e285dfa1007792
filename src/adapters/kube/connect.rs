//! From a kubeconfig to clients that verify whom they talk to.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};
use tokio::io::AsyncReadExt;

use crate::model::facts::{Blind, BlindKind};

use super::watch::WATCH_SECONDS;
use super::wire::{Wire, short};

/// A kubeconfig has a few kilobytes; k3s' own has three.
const MAX_KUBECONFIG: u64 = 1 << 20;
/// TCP connect and TLS handshake together.
const CONNECT: Duration = Duration::from_secs(5);
/// Longer than a watch is silent, so that it only ends what is dead.
const READ: Duration = Duration::from_secs(WATCH_SECONDS + 10);

/// The text of a kubeconfig. It holds secrets: `Debug` does not show it.
pub struct KubeconfigText {
    /// The YAML.
    pub yaml: String,
    /// The folder against which relative paths in it are meant. `None` for a text that was
    /// fetched from elsewhere: it may not name files of this host.
    pub base: Option<PathBuf>,
}

impl fmt::Debug for KubeconfigText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeconfigText").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Where the kubeconfig comes from. Read again whenever the link comes up and after a 401, since
/// k3s renews its certificates.
pub trait KubeconfigSource: Send + Sync + 'static {
    /// Reads it. Bounded by the caller.
    ///
    /// # Errors
    /// [`Blind`] with the reason why it can't be had.
    fn read(&self) -> impl Future<Output = Result<KubeconfigText, Blind>> + Send;
}

/// A kubeconfig in a file.
#[derive(Debug, Clone)]
pub struct KubeconfigFile(pub PathBuf);

impl KubeconfigSource for KubeconfigFile {
    async fn read(&self) -> Result<KubeconfigText, Blind> {
        let path = &self.0;
        let blind = |e: std::io::Error| {
            let kind = if e.kind() == std::io::ErrorKind::PermissionDenied {
                BlindKind::Denied
            } else if e.kind() == std::io::ErrorKind::InvalidData {
                BlindKind::Garbled
            } else {
                BlindKind::NotAsked
            };
            Blind::new(kind, format!("kubeconfig {}: {e}", path.display()))
        };
        let file = tokio::fs::File::open(path).await.map_err(blind)?;
        let mut yaml = String::new();
        file.take(MAX_KUBECONFIG).read_to_string(&mut yaml).await.map_err(blind)?;
        Ok(KubeconfigText { yaml, base: path.parent().map(Path::to_owned) })
    }
}

impl<F, Fut> KubeconfigSource for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<String, Blind>> + Send,
{
    async fn read(&self) -> Result<KubeconfigText, Blind> {
        Ok(KubeconfigText { yaml: self().await?, base: None })
    }
}

/// Makes clients of a kubeconfig. A trait, so that a test can put an API without sockets there.
pub(super) trait Connect: Send + Sync + 'static {
    /// One client for each endpoint, or for the kubeconfig's own server if there are none.
    fn connect(
        &self,
        text: KubeconfigText,
        endpoints: &[String],
    ) -> impl Future<Output = Result<Vec<Wire>, Blind>> + Send;
}

/// The real thing: HTTPS by rustls.
#[derive(Debug)]
pub(super) struct Tls;

impl Connect for Tls {
    async fn connect(
        &self,
        text: KubeconfigText,
        endpoints: &[String],
    ) -> Result<Vec<Wire>, Blind> {
        install_crypto();
        let config = checked_config(text).await?;
        let own = [config.cluster_url.to_string()];
        let endpoints = if endpoints.is_empty() { &own } else { endpoints };
        endpoints.iter().map(|endpoint| wire(&config, endpoint)).collect()
    }
}

/// rustls needs one provider for the process. With two in the tree it would panic instead of
/// choosing, so that ours is set before the first connection; another one set earlier is kept.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

async fn checked_config(text: KubeconfigText) -> Result<Config, Blind> {
    let mut kubeconfig = Kubeconfig::from_yaml(&text.yaml).map_err(|e| broken(&e))?;
    match &text.base {
        Some(base) => resolve_paths(&mut kubeconfig, base),
        None => refuse_files(&mut kubeconfig)?,
    }
    refuse_what_runs_programs(&kubeconfig)?;
    let own_proxy = kubeconfig
        .clusters
        .iter()
        .filter_map(|named| named.cluster.as_ref())
        .any(|cluster| cluster.proxy_url.is_some());
    if own_proxy {
        return Err(unusable("it names a proxy; the API must be reached directly"));
    }
    let options = KubeConfigOptions::default();
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|e| broken(&e))?;
    if config.accept_invalid_certs {
        return Err(unusable("it says insecure-skip-tls-verify; the API must be verified"));
    }
    // kube takes HTTPS_PROXY from the environment; nothing in the environment may reroute us.
    config.proxy_url = None;
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(READ);
    config.reset_reader_on_write = true;
    config.default_retry = false;
    Ok(config)
}

/// Plugins are run without a deadline by kube, and would need things that are down in an outage.
fn refuse_what_runs_programs(kubeconfig: &Kubeconfig) -> Result<(), Blind> {
    let plugin = kubeconfig
        .auth_infos
        .iter()
        .filter_map(|named| named.auth_info.as_ref())
        .any(|auth| auth.exec.is_some() || auth.auth_provider.is_some());
    if plugin {
        return Err(unusable("it gets its credentials from a plugin; use a token or certificate"));
    }
    Ok(())
}

/// One client. The certificate must name the endpoint's own address, unless the kubeconfig itself
/// says `tls-server-name`. Falling back to the kubeconfig's `127.0.0.1` would be wrong: k3s gives
/// that name to every kubelet's certificate too, so that any agent could pass for the API.
fn wire(config: &Config, endpoint: &str) -> Result<Wire, Blind> {
    let url: http::Uri = endpoint
        .parse()
        .map_err(|e| unusable(&format!("endpoint {endpoint} is not an address: {e}")))?;
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let allowed = match url.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => loopback,
        _ => false,
    };
    if !allowed {
        return Err(unusable(&format!("endpoint {endpoint} is not https://address:port")));
    }
    let mut config = config.clone();
    config.cluster_url = url;
    let client = Client::try_from(config)
        .map_err(|e| unusable(&format!("no client can be made of it: {e}")))?;
    Ok(Wire::new(client, endpoint.trim_end_matches('/').to_owned()))
}

fn resolve_paths(kubeconfig: &mut Kubeconfig, base: &Path) {
    for path in paths(kubeconfig) {
        if Path::new(path.as_str()).is_relative() {
            *path = base.join(path.as_str()).to_string_lossy().into_owned();
        }
    }
}

/// A kubeconfig from elsewhere may not make this host send the content of its own files anywhere,
/// which a `tokenFile` would do.
fn refuse_files(kubeconfig: &mut Kubeconfig) -> Result<(), Blind> {
    match paths(kubeconfig).first() {
        Some(path) => Err(unusable(&format!("it was fetched, and yet names a file: {path}"))),
        None => Ok(()),
    }
}

/// Every file that a kubeconfig names.
fn paths(kubeconfig: &mut Kubeconfig) -> Vec<&mut String> {
    let clusters = kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut());
    let users = kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut());
    let mut paths: Vec<_> =
        clusters.filter_map(|cluster| cluster.certificate_authority.as_mut()).collect();
    for user in users {
        let files = [&mut user.client_certificate, &mut user.client_key, &mut user.token_file];
        paths.extend(files.into_iter().filter_map(Option::as_mut));
    }
    paths
}

fn broken(error: &KubeconfigError) -> Blind {
    // A parse error quotes the file around the spot, and the file holds secrets.
    let KubeconfigError::Parse(inner) = error else { return unusable(&error.to_string()) };
    match inner.location() {
        Some(spot) => unusable(&format!("no YAML at line {}", spot.line())),
        None => unusable("no YAML"),
    }
}

fn unusable(why: &str) -> Blind {
    Blind::new(BlindKind::Garbled, short(&format!("the kubeconfig is unusable: {why}"), 300))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n\
        contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n";

    async fn try_text(yaml: String, endpoints: &[&str]) -> Result<Vec<String>, Blind> {
        let endpoints: Vec<String> = endpoints.iter().map(|&e| e.to_owned()).collect();
        let wires = Tls.connect(KubeconfigText { yaml, base: None }, &endpoints).await?;
        Ok(wires.iter().map(|wire| wire.endpoint().to_owned()).collect())
    }

    #[tokio::test]
    async fn endpoints_replace_the_kubeconfigs_server() {
        assert_eq!(try_text(CLUSTER.into(), &[]).await.unwrap(), ["https://127.0.0.1:1"]);
        let two = ["https://10.0.0.1:6443", "https://[fd00::1]:6443"];
        assert_eq!(try_text(CLUSTER.into(), &two).await.unwrap(), two);
    }

    #[tokio::test]
    async fn what_can_not_be_trusted_is_refused_with_its_reason() {
        let user = |body: &str| format!("{CLUSTER}users: [{{name: u, user: {{{body}}}}}]\n");
        let cluster = |more: &str| CLUSTER.replace("server:", &format!("{more}, server:"));
        let table = [
            (String::new(), vec![], "current context"),
            ("a: [".into(), vec![], "no YAML"),
            (user("exec: {command: x, apiVersion: v1}"), vec![], "plugin"),
            (user("auth-provider: {name: gcp}"), vec![], "plugin"),
            (cluster("insecure-skip-tls-verify: true"), vec![], "must be verified"),
            (cluster("proxy-url: 'http://p:1'"), vec![], "proxy"),
            (cluster("certificate-authority: /nowhere"), vec![], "names a file: /nowhere"),
            (user("tokenFile: /etc/shadow"), vec![], "names a file: /etc/shadow"),
            (CLUSTER.into(), vec!["http://10.0.0.1:6443"], "is not https"),
            (CLUSTER.into(), vec!["10.0.0.1"], "is not https"),
        ];
        for (yaml, endpoints, reason) in table {
            let why = try_text(yaml.clone(), &endpoints).await.unwrap_err();
            assert!(why.detail.contains(reason), "{yaml}: {}", why.detail);
            assert_eq!(why.kind, BlindKind::Garbled);
        }
    }

    #[tokio::test]
    async fn a_broken_kubeconfig_never_shows_its_secrets() {
        let yaml = "users:\n- name: u\n  user: {token: s3cret, : [\n".to_owned();
        let why = try_text(yaml, &[]).await.unwrap_err();
        assert!(!why.detail.contains("s3cret"), "{}", why.detail);
    }

    #[tokio::test]
    async fn a_file_is_read_with_paths_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let yaml = CLUSTER.replace("server:", "certificate-authority: ca.pem, server:");
        std::fs::write(&path, yaml).unwrap();
        let text = KubeconfigFile(path).read().await.unwrap();
        let why = checked_config(text).await.unwrap_err();
        let expected = dir.path().join("ca.pem");
        assert!(why.detail.contains(expected.to_str().unwrap()), "{}", why.detail);
        let missing = KubeconfigFile(dir.path().join("none")).read().await.unwrap_err();
        assert_eq!(missing.kind, BlindKind::NotAsked);
    }
}
