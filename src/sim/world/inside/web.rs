//! What somebody gets who asks for a host behind the ingress, or for a Service itself: the answer
//! of whoever serves there, or that of the ingress for those who don't.

use serde_json::{Value, json};

use super::super::World;
use super::super::doors::{Door, Life};
use super::super::machine::MAINLAND;
use super::super::store::Key;
use super::super::store::kinds::{ENDPOINT_SLICES, INGRESSES};
use super::{GIT, INGRESS, REGISTRY, VAULT, WORKLOADS, Workload, row};
use crate::model::vault::SEAL_STATUS;

/// What an HTTP client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Web {
    /// Nothing comes back.
    Silent,
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// Its media type.
        media: &'static str,
        /// What it says.
        body: String,
        /// Where it sends the client instead.
        location: Option<&'static str>,
        /// How the client is to say who it is (`WWW-Authenticate`).
        challenge: Option<String>,
    },
}

impl Web {
    pub(super) fn text(status: u16, body: &str) -> Self {
        let media = "text/plain; charset=utf-8";
        Self::Answer { status, media, body: body.to_owned(), location: None, challenge: None }
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        let media = "application/json";
        Self::Answer { status, media, body: body.to_string(), location: None, challenge: None }
    }

    fn page(title: &str) -> Self {
        let body = format!("<!doctype html><html><head><title>{title}</title></head></html>\n");
        Self::Answer {
            status: 200,
            media: "text/html; charset=utf-8",
            body,
            location: None,
            challenge: None,
        }
    }

    fn sent_to(location: &'static str) -> Self {
        let media = "text/html; charset=utf-8";
        Self::Answer {
            status: 302,
            media,
            body: String::new(),
            location: Some(location),
            challenge: None,
        }
    }

    /// What a registry says to somebody whom it does not know (distribution, `/v2/`).
    fn who_is_there(challenge: String) -> Self {
        let says = json!({"errors": [{"code": "UNAUTHORIZED",
            "message": "unauthorized: unauthorized"}]});
        Self::Answer {
            status: 401,
            media: "application/json",
            body: says.to_string(),
            location: None,
            challenge: Some(challenge),
        }
    }
}

impl World {
    /// What connecting to the ingress' port finds, from ananke's host: every node forwards it.
    pub fn web_door(&self) -> Door {
        let heard = self.machines.values().filter(|it| it.island == MAINLAND);
        let mut heard = heard.filter(|it| it.frozen.is_none());
        let answers = heard.any(|it| !matches!(it.life, Life::Off | Life::Firmware { .. }));
        let serves = self.pods.values().any(|pod| {
            WORKLOADS[pod.workload].name == INGRESS
                && self.works(pod)
                && self.island_of(&pod.node) == Some(MAINLAND)
        });
        match (answers, serves) {
            (false, _) => Door::Silent,
            (true, false) => Door::Refused,
            (true, true) => Door::Open,
        }
    }

    /// The answer to a request through an open door.
    pub fn web(&self, host: &str, path: &str) -> Web {
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(service) = host.strip_suffix(".svc.cluster.local").or(host.strip_suffix(".svc"))
        {
            return self.service_says(service, path);
        }
        if row(INGRESS).is_some_and(|it| self.inside.is_mute(it)) {
            return Web::Silent;
        }
        let route = if self.ingress_knows() { self.route(&host) } else { None };
        let Some((workload, row)) = route else {
            return Web::text(404, "404 page not found\n");
        };
        match self.endpoints_ready(row) {
            false => Web::text(503, "no available server\n"),
            true if self.inside.is_mute(workload) => Web::Silent,
            true if !self.answers_on(workload, Some(MAINLAND)) => Web::text(502, "Bad Gateway"),
            true => self.page(row, path),
        }
    }

    /// A Service by its name and namespace, as from inside of the cluster.
    fn service_says(&self, named: &str, path: &str) -> Web {
        let (name, namespace) = named.split_once('.').unwrap_or((named, "default"));
        let found = WORKLOADS.iter().enumerate().find(|(_, row)| {
            row.namespace == namespace && row.service.is_some_and(|(it, _)| it == name)
        });
        let Some((workload, row)) = found else { return Web::Silent };
        let runs = self.pods.values().any(|pod| pod.workload == workload && self.works(pod));
        if runs && !self.inside.is_mute(workload) { self.page(row, path) } else { Web::Silent }
    }

    /// Whether a pod of the ingress that runs has routes.
    fn ingress_knows(&self) -> bool {
        self.pods.iter().any(|(id, pod)| {
            WORKLOADS[pod.workload].name == INGRESS
                && self.works(pod)
                && !self.inside.faults.routeless.contains(id)
        })
    }

    fn route(&self, host: &str) -> Option<(usize, &'static Workload)> {
        let named = |row: &Workload| {
            let key = Key::of(&INGRESSES, row.namespace, row.name);
            let object = self.store.get(&key);
            object.is_some_and(|it| it["spec"]["rules"][0]["host"] == host)
        };
        WORKLOADS.iter().enumerate().find(|(_, row)| row.host.is_some() && named(row))
    }

    /// What the ingress knows of a backend: the slices, however old they are.
    pub(super) fn endpoints_ready(&self, row: &Workload) -> bool {
        let service = row.service.map_or("", |(name, _)| name);
        let mut slices = self.store.list(&ENDPOINT_SLICES, Some(row.namespace));
        slices.any(|(_, slice)| {
            let ours = slice["metadata"]["labels"]["kubernetes.io/service-name"] == service;
            let all = slice["endpoints"].as_array().into_iter().flatten();
            ours && all.into_iter().any(|it| it["conditions"]["ready"] == true)
        })
    }

    fn works_by_name(&self, name: &str) -> bool {
        row(name).is_some_and(|it| self.answers(it))
    }

    /// What the program itself says.
    fn page(&self, row: &Workload, path: &str) -> Web {
        let path = path.split('?').next().unwrap_or_default();
        match (row.name, path) {
            (GIT, "/api/healthz") => {
                let good = self.works_by_name("postgres");
                let (status, word) = if good { (200, "pass") } else { (503, "fail") };
                Web::json(
                    status,
                    &json!({"status": word,
                    "description": "Gitea: Git with a cup of tea",
                    "checks": {"database:ping": [{"status": word}]}}),
                )
            }
            ("harbor-core", "/api/v2.0/health") => self.harbor_health(),
            ("harbor-core", "/v2/") => {
                let at = format!("https://harbor.{}.example/service/token", self.site.cluster);
                Web::who_is_there(format!("Bearer realm=\"{at}\",service=\"harbor-registry\""))
            }
            (REGISTRY, "/v2/") => {
                Web::who_is_there("Basic realm=\"harbor-registry-basic-realm\"".to_owned())
            }
            ("grafana", "/api/health") => {
                Web::json(200, &json!({"database": "ok", "version": "12.1.0"}))
            }
            ("grafana", "/") => Web::sent_to("/login"),
            (VAULT, "/v1/sys/health") => {
                let open = self.works_by_name(VAULT);
                let status = if open { 200 } else { 503 };
                Web::json(
                    status,
                    &json!({"initialized": true, "sealed": !open,
                    "standby": !open, "version": "1.20.4"}),
                )
            }
            (VAULT, SEAL_STATUS) => Web::json(200, &self.seal_status()),
            ("jellyfin", "/health") => Web::text(200, "Healthy"),
            ("matrix", "/health") => Web::text(200, "OK"),
            ("prometheus", "/-/ready") => Web::text(200, "Prometheus Server is Ready.\n"),
            (name, "/" | "/login" | "/healthz") => Web::page(name),
            _ => Web::text(404, "Not Found\n"),
        }
    }

    /// Harbor says 200 with a word for each of its parts, whatever they do (harbor
    /// `src/server/v2.0/handler/health.go`).
    fn harbor_health(&self) -> Web {
        let word = |good: bool| if good { "healthy" } else { "unhealthy" };
        let parts = [
            ("core", true),
            ("database", self.works_by_name("postgres")),
            ("redis", self.works_by_name("harbor-redis")),
            ("registry", self.works_by_name(REGISTRY)),
        ];
        let all = parts.iter().all(|(_, good)| *good);
        let parts: Vec<Value> =
            parts.iter().map(|(name, good)| json!({"name": name, "status": word(*good)})).collect();
        Web::json(200, &json!({"status": word(all), "components": parts}))
    }
}
