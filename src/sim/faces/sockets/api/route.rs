//! What a path and a query mean.

use std::collections::BTreeMap;

use crate::sim::world::store::{Fault, Kind, has_scale, kinds};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// `/readyz`
    Ready,
    /// `/livez`, `/healthz`
    Live,
    /// `/version`
    Version,
    /// `/api`
    Core,
    /// `/apis`
    Groups,
    /// `/apis/GROUP`
    Group(String),
    /// `/api/v1`, `/apis/GROUP/VERSION`
    Resources { group: String, version: String },
    /// Objects of a kind.
    Objects(Objects),
}

/// One object, those of a namespace, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Objects {
    pub(super) kind: &'static Kind,
    /// Empty for the cluster, and for all namespaces.
    pub(super) namespace: String,
    /// Empty for all.
    pub(super) name: String,
    /// Empty for the object itself.
    pub(super) subresource: String,
}

impl Route {
    /// Reads a path.
    pub(super) fn of(path: &str) -> Result<Self, Fault> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let parts = match parts.as_slice() {
            [parts @ .., ""] | parts => parts,
        };
        if parts.iter().any(|part| part.is_empty()) {
            return Err(Fault::no_such_path());
        }
        match parts {
            ["readyz"] => Ok(Self::Ready),
            ["livez" | "healthz"] => Ok(Self::Live),
            ["version"] => Ok(Self::Version),
            ["api"] => Ok(Self::Core),
            ["apis"] => Ok(Self::Groups),
            ["apis", group] => Ok(Self::Group((*group).to_owned())),
            ["api", version] => Self::resources("", version),
            ["apis", group, version] => Self::resources(group, version),
            ["api", version, rest @ ..] => objects("", version, rest),
            ["apis", group, version, rest @ ..] => objects(group, version, rest),
            _ => Err(Fault::no_such_path()),
        }
    }

    fn resources(group: &str, version: &str) -> Result<Self, Fault> {
        let known = kinds::ALL.iter().any(|it| it.group == group && it.version == version);
        let route = || Self::Resources { group: group.to_owned(), version: version.to_owned() };
        known.then(route).ok_or_else(Fault::no_such_path)
    }

    /// Whether somebody without credentials may ask (role `system:public-info-viewer`).
    pub(super) const fn is_public(&self) -> bool {
        matches!(self, Self::Ready | Self::Live | Self::Version)
    }
}

fn objects(group: &str, version: &str, rest: &[&str]) -> Result<Route, Fault> {
    let (namespace, plural, rest) = match rest {
        // The subresources of a namespace are no kinds.
        ["namespaces", _, "status" | "finalize"] => ("", "namespaces", &rest[1..]),
        ["namespaces", namespace, plural, rest @ ..] => (*namespace, *plural, rest),
        [plural, rest @ ..] => ("", *plural, rest),
        [] => return Err(Fault::no_such_path()),
    };
    let kind = kinds::find(group, version, plural).ok_or_else(Fault::no_such_path)?;
    let (name, subresource) = match rest {
        [] => ("", ""),
        [name] => (*name, ""),
        [name, subresource] => (*name, *subresource),
        _ => return Err(Fault::no_such_path()),
    };
    let served = match subresource {
        "" => true,
        "status" => kind.status,
        "eviction" => kind == &kinds::PODS,
        "scale" => has_scale(kind),
        _ => false,
    };
    // An object of a namespace has no path without it, and one of the cluster none within.
    let homeless = kind.namespaced && namespace.is_empty() && !name.is_empty();
    if !served || homeless || (!kind.namespaced && !namespace.is_empty()) {
        return Err(Fault::no_such_path());
    }
    Ok(Route::Objects(Objects {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
    }))
}

/// The query of a request. Of a key that stands twice the first one counts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn of(text: &str) -> Result<Self, Fault> {
        let mut found = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (Some(key), Some(value)) = (decoded(key), decoded(value)) else {
                return Err(Fault::bad_request("the query can't be read"));
            };
            found.entry(key).or_insert(value);
        }
        Ok(Self(found))
    }

    /// A value; empty if there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// A flag, as the API server reads one: only `0` and `false` are no.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|it| it != "0" && !it.eq_ignore_ascii_case("false"))
    }

    /// A number, if there is one.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, Fault> {
        let text = self.text(key);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse();
        number.map(Some).map_err(|_| Fault::bad_request(format!("{key}: {text:?} is no number")))
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_mean_what_kubernetes_says() {
        let table = [
            ("/api/v1/nodes", Some(("nodes", "", "", ""))),
            ("/api/v1/nodes/n/status", Some(("nodes", "", "n", "status"))),
            ("/api/v1/pods", Some(("pods", "", "", ""))),
            ("/api/v1/namespaces/a", Some(("namespaces", "", "a", ""))),
            ("/api/v1/namespaces/a/status", Some(("namespaces", "", "a", "status"))),
            ("/api/v1/namespaces/a/pods/p/eviction", Some(("pods", "a", "p", "eviction"))),
            ("/apis/coordination.k8s.io/v1/namespaces/a/leases", Some(("leases", "a", "", ""))),
            (
                "/apis/apps/v1/namespaces/a/deployments/d/scale",
                Some(("deployments", "a", "d", "scale")),
            ),
            ("/apis/apps/v1/namespaces/a/daemonsets/d/scale", None),
            ("/api/v1/pods/p", None),
            ("/api/v1/namespaces/a/nodes", None),
            ("/api/v1/nodes/n/eviction", None),
            ("/api/v1/nodes/n/proxy", None),
            ("/api/v1//nodes", None),
            ("/api/v2/nodes", None),
            ("/apis/apps/v1/controllerrevisions", None),
            ("/", None),
            ("/metrics", None),
        ];
        for (path, expected) in table {
            let found = Route::of(path).ok().map(|route| match route {
                Route::Objects(it) => (it.kind.plural, it.namespace, it.name, it.subresource),
                other @ (Route::Ready
                | Route::Live
                | Route::Version
                | Route::Core
                | Route::Groups
                | Route::Group(_)
                | Route::Resources { .. }) => panic!("{path}: {other:?}"),
            });
            let found =
                found.as_ref().map(|(k, ns, n, s)| (*k, ns.as_str(), n.as_str(), s.as_str()));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn queries_are_decoded_and_nonsense_is_refused() {
        let query = Query::of("a=b%2Cc+d&watch=1&a=x&n=7").expect("readable");
        assert_eq!((query.text("a"), query.number("n")), ("b,c d", Ok(Some(7))));
        assert!(query.flag("watch") && !query.flag("gone"));
        for bad in ["a=%", "a=%f", "a=%zz", "%ff=1"] {
            assert!(Query::of(bad).is_err(), "{bad}");
        }
        let query = Query::of("watch=False&n=-1").expect("readable");
        assert!(!query.flag("watch") && query.number("n").is_err());
    }
}
