//! What is asked of the hosts that the cluster's ingresses name.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::cluster::ClusterFacts;
use super::ids::{GateId, MachineName};
use super::policy::Policy;
use super::probe::{Ask, HttpAsk, Probe, ProbeName};

/// How hosts are asked that nobody named: the cluster does, in its ingresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IngressPolicy {
    /// Whether they are asked at all.
    pub check: bool,
    /// The addresses at which they are asked: the first one that accepts a connection. Empty: what
    /// their names resolve to.
    pub at: Vec<String>,
    /// Whether over HTTPS.
    pub https: bool,
    /// Through which machine.
    pub via: Option<MachineName>,
    /// The statuses that are good, where they are not those of [`IngressPolicy::good`].
    pub statuses: Option<BTreeSet<u16>>,
    /// What differs for one host.
    pub hosts: BTreeMap<String, IngressHost>,
    /// A certificate that ends within so many days is shown as one that ends soon.
    pub certificate_days: u64,
    /// Whether the certificate of anybody will do.
    pub unverified: bool,
}

/// What differs for one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct IngressHost {
    /// The statuses that are good.
    pub statuses: Option<BTreeSet<u16>>,
    /// The address at which it is asked.
    pub at: Option<String>,
    /// Whether over HTTPS.
    pub https: Option<bool>,
    /// Why it is not asked.
    pub skip: Option<String>,
}

impl Default for IngressPolicy {
    /// As the configuration has it where it says nothing.
    fn default() -> Self {
        Self {
            check: true,
            at: Vec::new(),
            https: true,
            via: None,
            statuses: None,
            hosts: BTreeMap::new(),
            certificate_days: Self::CERTIFICATE_DAYS,
            unverified: false,
        }
    }
}

impl IngressPolicy {
    /// The gate that these probes open.
    pub const GATE: GateId = GateId::fixed("ingress");

    /// More hosts than this are not asked.
    pub const MAX_HOSTS: usize = 500;

    /// Who renews certificates does so a month before; half of that is late.
    pub const CERTIFICATE_DAYS: u64 = 14;

    /// What an application answers: anything that is good, a way elsewhere, or a question who is
    /// there. Not 404, 502, 503 and 504, which an ingress answers for one that is not there.
    pub fn good() -> BTreeSet<u16> {
        (200..400).chain([401, 403]).collect()
    }

    /// Why a host is not asked.
    pub fn skips(&self, host: &str) -> Option<&str> {
        self.hosts.get(host)?.skip.as_deref()
    }

    /// What is asked of a host.
    pub fn probe(&self, host: &str) -> Probe {
        let own = self.hosts.get(host);
        let scheme = match own.and_then(|own| own.https).unwrap_or(self.https) {
            true => "https",
            false => "http",
        };
        let statuses = own.and_then(|own| own.statuses.as_ref()).or(self.statuses.as_ref());
        let (at, or_at) = match (own.and_then(|own| own.at.clone()), self.at.split_first()) {
            (Some(at), _) => (Some(at), Vec::new()),
            (None, Some((first, others))) => (Some(first.clone()), others.to_vec()),
            (None, None) => (None, Vec::new()),
        };
        let ask = HttpAsk {
            url: format!("{scheme}://{host}/"),
            at,
            statuses: statuses.cloned().unwrap_or_else(Self::good),
            body: None,
            json: None,
            redirect: None,
            challenge: None,
            or_at,
            unverified: self.unverified,
        };
        Probe { gate: Self::GATE, ask: Ask::Http(ask), via: self.via.clone() }
    }
}

/// The hosts that ingresses name and that can be asked. One with a `*` stands for many, of which
/// nobody knows one.
pub fn discovered(cluster: &ClusterFacts) -> BTreeSet<&str> {
    let ingresses = cluster.ingresses.any_age().into_iter().flat_map(BTreeMap::values);
    let hosts = ingresses.flat_map(|ingress| &ingress.hosts);
    hosts.map(String::as_str).filter(|host| !host.is_empty() && !host.contains('*')).collect()
}

impl Policy {
    /// Everything that is asked from outside: what the configuration names, and the hosts of the
    /// cluster's ingresses. A name that is in both is asked as the configuration says.
    pub fn asked(&self, cluster: &ClusterFacts) -> BTreeMap<ProbeName, Probe> {
        let mut asked = self.probes.clone();
        if !self.ingress.check {
            return asked;
        }
        let hosts = discovered(cluster).into_iter().take(IngressPolicy::MAX_HOSTS);
        for host in hosts.filter(|host| self.ingress.skips(host).is_none()) {
            asked.entry(ProbeName::new(host)).or_insert_with(|| self.ingress.probe(host));
        }
        asked
    }

    /// What is asked under a name that is known.
    pub fn probe(&self, name: &str) -> Probe {
        let configured = self.probes.get(&ProbeName::new(name)).cloned();
        configured.unwrap_or_else(|| self.ingress.probe(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_ingress_answers_for_somebody_who_is_gone_is_not_good() {
        let good = IngressPolicy::good();
        assert!([200, 204, 302, 399, 401, 403].iter().all(|status| good.contains(status)));
        assert!([199, 400, 404, 500, 502, 503, 504].iter().all(|status| !good.contains(status)));
    }

    #[test]
    fn a_host_is_asked_at_the_addresses_of_all_unless_it_has_its_own() {
        let own = IngressHost {
            at: Some("192.0.2.9:8443".to_owned()),
            https: Some(false),
            ..IngressHost::default()
        };
        let policy = IngressPolicy {
            at: vec!["192.0.2.1".to_owned(), "192.0.2.2".to_owned()],
            hosts: BTreeMap::from([("a.example".to_owned(), own)]),
            ..IngressPolicy::default()
        };
        let asked = |host: &str| match policy.probe(host).ask {
            Ask::Http(ask) => (ask.url, ask.at.unwrap_or_default(), ask.or_at),
            Ask::Tcp { .. } | Ask::Dns { .. } | Ask::Vault(_) => panic!("no host of an ingress"),
        };
        let text = str::to_owned;
        assert_eq!(
            asked("b.example"),
            (text("https://b.example/"), text("192.0.2.1"), vec![text("192.0.2.2")])
        );
        let own = (text("http://a.example/"), text("192.0.2.9:8443"), Vec::new());
        assert_eq!(asked("a.example"), own);
    }
}
