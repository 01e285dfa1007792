//! What a question from outside finds: through the ingress, or through a machine that is part of
//! the cluster's network. It is the truth of the moment, whatever any status says.

use jiff::Timestamp;

use super::super::World;
use super::super::beginning;
use super::super::doors::Door;
use super::super::look::later;
use super::super::machine::MAINLAND;
use super::super::store::Key;
use super::super::store::kinds::SERVICES;
use super::{DNS, WORKLOADS, Web, Workload, row};
use crate::model::ids::MachineName;
use crate::model::probe::{Answer, Ask, HttpAsk, HttpReply};
use crate::model::time::Span;

/// Where Services have their addresses (k3s server, `--service-cidr`).
const SERVICE_RANGE: &str = "10.43.";

/// The API's own Service, which the API server makes itself.
const KUBERNETES: (&str, &str) = ("kubernetes.default.svc.cluster.local", "10.43.0.1");

/// What is left of the certificate when the world begins: Let's Encrypt gives 90 days, and
/// cert-manager asks for a new one when a third of them is left.
const CERTIFICATE: Span = Span::mins(60 * 24 * 60);

/// The ingress' ports: plain and with TLS.
const WEB_PORTS: [u16; 2] = [80, 443];

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// The name has no address where it is asked.
    Unresolved,
    /// Nothing comes back.
    Silent,
    /// Connection refused.
    Refused,
    /// The ingress, on its plain port or on the one with TLS.
    Ingress {
        /// Whether it speaks TLS there.
        tls: bool,
    },
    /// A Service, by the host under which [`World::web`] knows it.
    Service(String),
    /// The name server of the cluster.
    Names,
}

impl Reached {
    /// Why there is no connection. `None`: there is one.
    const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Unresolved => Some("the name does not resolve"),
            Self::Silent => Some(SILENT),
            Self::Refused => Some("connection refused"),
            Self::Ingress { .. } | Self::Service(_) | Self::Names => None,
        }
    }
}

pub(super) const SILENT: &str = "no answer";

impl World {
    /// What a question finds, asked from ananke's host or through a machine. `None`: nobody could
    /// ask, because that machine can't be reached.
    pub fn asked(&self, ask: &Ask, via: Option<&MachineName>) -> Option<Answer> {
        if via.is_some_and(|via| self.ssh_door(via) != Door::Open) {
            return None;
        }
        Some(match ask {
            Ask::Http(ask) => self.http_asked(ask, via),
            Ask::Vault(ask) => self.seal_asked(ask, via),
            Ask::Tcp { host, port } => match self.reached(host, *port, via).refusal() {
                Some(why) => nothing(why),
                None => Answer::Accepted,
            },
            Ask::Dns { server, port, name } => {
                let reached = self.reached(server, *port, via);
                if reached != Reached::Names {
                    nothing(reached.refusal().unwrap_or("it is no name server"))
                } else if self.looked_up(name).is_some() {
                    Answer::Resolved
                } else {
                    Answer::NoSuchName
                }
            }
        })
    }

    fn http_asked(&self, ask: &HttpAsk, via: Option<&MachineName>) -> Answer {
        let (page, certificate_until) = match self.page_of(ask, via) {
            Ok(Page { host, path, tls }) => (self.web(&host, &path), until(tls)),
            Err(why) => return nothing(why),
        };
        match page {
            Web::Silent => nothing(SILENT),
            Web::Answer { status, body, location, challenge, media: _ } => {
                let challenges: Vec<&str> = challenge.as_deref().into_iter().collect();
                Answer::Http(ask.held_against(&HttpReply {
                    status,
                    location,
                    challenges: &challenges,
                    body: body.as_bytes(),
                    cut: false,
                    certificate_until,
                }))
            }
        }
    }

    /// The page that a question gets to, or why it gets to none.
    pub(super) fn page_of(
        &self,
        ask: &HttpAsk,
        via: Option<&MachineName>,
    ) -> Result<Page, &'static str> {
        let Some(url) = Url::of(&ask.url) else { return Err("this is no URL") };
        let places = ask.at.iter().chain(&ask.or_at).map(|at| split(at, url.port));
        let places = places.chain(ask.at.is_none().then_some((url.host, url.port)));
        let mut reached = Reached::Unresolved;
        // The first that accepts a connection.
        for (host, port) in places {
            reached = self.reached(host, port, via);
            if reached.refusal().is_none() {
                break;
            }
        }
        let (host, tls) = match reached {
            Reached::Ingress { tls } => (url.host.to_owned(), tls),
            Reached::Service(name) => (name, false),
            Reached::Names => return Err("it does not speak HTTP"),
            Reached::Unresolved | Reached::Silent | Reached::Refused => {
                return Err(reached.refusal().unwrap_or(SILENT));
            }
        };
        if url.tls != tls {
            return Err(if tls { "it speaks TLS only" } else { "it does not speak TLS" });
        }
        Ok(Page { host, path: url.path.to_owned(), tls })
    }

    /// Who answers at an address, or at what a name resolves to, for somebody on ananke's host or
    /// on a machine. Every name outside of the cluster is one of the ingress.
    pub fn reached(&self, host: &str, port: u16, via: Option<&MachineName>) -> Reached {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let inside = via.is_some_and(|it| self.is_in_network(it));
        if let Some(name) = in_cluster(&host) {
            let resolves = inside && row(DNS).is_some_and(|it| self.answers_on(it, Some(MAINLAND)));
            return match self.service_named(name) {
                Some(workload) if resolves => self.service_reached(workload, port),
                Some(_) | None => Reached::Unresolved,
            };
        }
        if host.starts_with(SERVICE_RANGE) {
            return match self.service_at(&host) {
                Some(workload) if inside => self.service_reached(workload, port),
                Some(_) | None => Reached::Silent,
            };
        }
        let machine = self.site.machines.keys().find(|name| {
            name.as_str() == host || self.site.address(name).is_some_and(|it| it == host)
        });
        if machine.is_some_and(|name| self.ssh_door(name) == Door::Silent) {
            return Reached::Silent;
        }
        match self.web_door() {
            Door::Silent => Reached::Silent,
            Door::Open if WEB_PORTS.contains(&port) => {
                Reached::Ingress { tls: port == WEB_PORTS[1] }
            }
            Door::Open | Door::Refused => Reached::Refused,
        }
    }

    /// The address that the cluster's name server gives for a name. What is not the cluster's it
    /// asks of the site's own, which knows the hosts of the site.
    pub fn looked_up(&self, name: &str) -> Option<String> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        if name == KUBERNETES.0 {
            return Some(KUBERNETES.1.to_owned());
        }
        if let Some(service) = name.strip_suffix(".svc.cluster.local") {
            return self.address_of(&WORKLOADS[self.service_named(service)?]);
        }
        let ours = name.ends_with(&format!(".{}.example", self.site.cluster));
        let any = self.site.machines.keys().next().filter(|_| ours)?;
        self.site.address(any)
    }

    /// Whether Services have their addresses on a machine: k3s brings that with it.
    fn is_in_network(&self, machine: &MachineName) -> bool {
        let found = self.machines.get(machine);
        found.is_some_and(|it| it.role.is_node() && it.runs() && it.kubelet.network)
    }

    /// The address of a workload's Service, if it is there.
    fn address_of(&self, row: &Workload) -> Option<String> {
        let key = Key::of(&SERVICES, row.namespace, row.service?.0);
        self.store.get(&key)?["spec"]["clusterIP"].as_str().map(str::to_owned)
    }

    fn service_named(&self, named: &str) -> Option<usize> {
        let (name, namespace) = named.split_once('.').unwrap_or((named, "default"));
        WORKLOADS.iter().position(|row| {
            row.namespace == namespace
                && row.service.is_some_and(|(it, _)| it == name)
                && self.address_of(row).is_some()
        })
    }

    fn service_at(&self, address: &str) -> Option<usize> {
        WORKLOADS.iter().position(|row| self.address_of(row).is_some_and(|it| it == address))
    }

    /// kube-proxy refuses where it knows no endpoint, and sends the rest to where one was. A port
    /// that the Service does not have it knows nothing of.
    fn service_reached(&self, workload: usize, port: u16) -> Reached {
        let row = &WORKLOADS[workload];
        let Some((name, own)) = row.service else { return Reached::Silent };
        if own != port {
            return Reached::Silent;
        }
        let works = self.pods.values().any(|pod| {
            pod.workload == workload
                && self.works(pod)
                && self.island_of(&pod.node) == Some(MAINLAND)
        });
        match works && !self.inside.is_mute(workload) {
            true if row.name == DNS => Reached::Names,
            true => Reached::Service(format!("{name}.{}.svc", row.namespace)),
            false if self.endpoints_ready(row) => Reached::Silent,
            false => Reached::Refused,
        }
    }
}

/// A page of whoever serves it.
pub(super) struct Page {
    /// As [`World::web`] knows whoever serves it.
    pub(super) host: String,
    pub(super) path: String,
    pub(super) tls: bool,
}

/// When the certificate ends that is shown there.
pub(super) fn until(tls: bool) -> Option<Timestamp> {
    tls.then(|| later(beginning(), CERTIFICATE))
}

pub(super) fn nothing(why: &str) -> Answer {
    Answer::Nothing { why: why.to_owned() }
}

/// The Service in a name of the cluster, with its namespace.
fn in_cluster(host: &str) -> Option<&str> {
    host.strip_suffix(".svc.cluster.local").or_else(|| host.strip_suffix(".svc"))
}

/// An address with its port, or with this one.
fn split(text: &str, port: u16) -> (&str, u16) {
    match text.rsplit_once(':').map(|(host, it)| (host, it.parse())) {
        Some((host, Ok(port))) => (host, port),
        Some((_, Err(_))) | None => (text, port),
    }
}

/// The parts of a URL that a question needs.
struct Url<'a> {
    tls: bool,
    host: &'a str,
    port: u16,
    path: &'a str,
}

impl<'a> Url<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, port) = split(&rest[..end], WEB_PORTS[usize::from(tls)]);
        let path = rest[end..].split(['?', '#']).next().filter(|path| !path.is_empty());
        Some(Self { tls, host, port, path: path.unwrap_or("/") })
    }
}
