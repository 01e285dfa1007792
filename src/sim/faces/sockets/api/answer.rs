//! One request and its answer.

use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::model::ids::MachineName;
use crate::sim::world::ApiDoor;
use crate::sim::world::store::{
    Fault, Key, Part, PatchKind, Selector, Store, Writer, apply, create, evict, patch_object,
    patch_scale, remove, replace, scale,
};

use super::form::{AGGREGATED, Body, Form, fault, json as json_answer, plain, typed};
use super::route::{Objects, Query, Route};
use super::table::View;
use super::watch::{self, Wanted};
use super::{Cluster, discovery};

/// The longest body that is taken. Nothing that ananke or kubectl sends comes near it.
const MAX_BODY: usize = 1 << 20;
/// So much of a longer one is read before it is refused.
const MAX_READ: usize = 8 << 20;
/// How long a body may take.
const BODY: Duration = Duration::from_secs(30);
/// The longest field manager that Kubernetes takes.
const MAX_MANAGER: usize = 128;

/// What one server answers from.
#[derive(Debug)]
pub(super) struct Face<C> {
    pub(super) server: MachineName,
    pub(super) token: String,
    pub(super) cluster: C,
}

/// A request, read so far that it can be judged.
struct Call {
    what: Objects,
    method: Method,
    query: Query,
    media: String,
    manager: String,
    body: Vec<u8>,
}

/// What an exchange with etcd ends in.
struct Done {
    code: u16,
    object: Value,
}

impl<C: Cluster> Face<C> {
    /// Answers anything.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        match self.respond(&head, body).await {
            Ok(response) => response,
            Err(why) => fault(&why),
        }
    }

    async fn respond(&self, head: &Parts, body: Incoming) -> Result<Response<Body>, Fault> {
        let path = head.uri.path();
        let route = Route::of(path);
        let public = route.as_ref().is_ok_and(Route::is_public);
        self.admit(&head.headers, path, public)?;
        let ready = self.cluster.door(&self.server) == ApiDoor::Ready;
        let route = match route {
            Ok(route) if route.is_public() || ready => route,
            Ok(_) => return Err(Fault::unavailable()),
            Err(fault) => return Err(fault),
        };
        if let Route::Objects(what) = route {
            return self.objects(what, head, body).await;
        }
        if !["GET", "HEAD"].contains(&head.method.as_str()) {
            return Err(Fault::no_such_method());
        }
        let form = Form::of(&head.headers)?;
        let media = if form == Form::Aggregated { AGGREGATED } else { "application/json" };
        Ok(match route {
            Route::Ready if !ready => {
                plain(500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n")
            }
            Route::Ready | Route::Live => plain(200, "ok"),
            Route::Version => json_answer(200, &version(self.cluster.version())),
            Route::Core => typed(200, media, discovery::core(form).to_string()),
            Route::Groups => typed(200, media, discovery::all(form).to_string()),
            Route::Group(name) => json_answer(200, &discovery::one(&name)?),
            Route::Resources { group, version } => {
                json_answer(200, &discovery::resources(&group, &version))
            }
            Route::Objects(_) => return Err(Fault::no_such_path()),
        })
    }

    /// Wrong credentials are no credentials, and with none only public paths are open.
    fn admit(&self, headers: &HeaderMap, path: &str, public: bool) -> Result<(), Fault> {
        match headers.get(header::AUTHORIZATION) {
            None if public => Ok(()),
            None => Err(Fault::anonymous(path)),
            Some(said) => {
                let token = said.to_str().ok().and_then(|it| it.strip_prefix("Bearer "));
                let right = token.is_some_and(|token| token.trim() == self.token);
                if right { Ok(()) } else { Err(Fault::unauthorized()) }
            }
        }
    }

    async fn objects(
        &self,
        what: Objects,
        head: &Parts,
        body: Incoming,
    ) -> Result<Response<Body>, Fault> {
        let query = Query::of(head.uri.query().unwrap_or_default())?;
        let form = match Form::of(&head.headers)? {
            Form::Aggregated => Form::Plain,
            form @ (Form::Plain | Form::Table | Form::Metadata) => form,
        };
        let view = View::of(what.kind, form, &query)?;
        let reads = ["GET", "HEAD"].contains(&head.method.as_str());
        if reads && what.name.is_empty() {
            return self.several(what, view, &query);
        }
        if reads && query.flag("watch") {
            return Err(Fault::no_such_method());
        }
        let call = Call {
            what,
            method: head.method.clone(),
            media: media(&head.headers),
            manager: manager(&query, &head.headers)?,
            query,
            body: whole(body).await?,
        };
        let Done { code, object } = call.carry_out(&self.cluster)?;
        let now = self.cluster.look(|_, now| now);
        // Neither has rows of a kind to show.
        let plain = object["kind"] == "Status" || object["kind"] == "Scale";
        let shown = if plain { object } else { view.one(&object, now) };
        Ok(json_answer(code, &shown))
    }

    /// A list or a watch.
    fn several(&self, what: Objects, view: View, query: &Query) -> Result<Response<Body>, Fault> {
        let (labels, fields) = (query.text("labelSelector"), query.text("fieldSelector"));
        let selector = Selector::parse(what.kind, labels, fields)?;
        if query.flag("watch") {
            let wanted = Wanted::of(what, view, selector, query)?;
            return Ok(watch::answer(&self.cluster, &self.server, wanted));
        }
        let asked = query.number("resourceVersion")?.unwrap_or(0);
        if !query.text("continue").is_empty() {
            // No list is cut here, so that nobody has a token of ours.
            return Err(Fault::bad_request("continue key is not valid"));
        }
        let namespace = (!what.namespace.is_empty()).then_some(what.namespace.as_str());
        let (objects, revision, now) = self.cluster.look(|store, now| {
            let chosen = store.list(what.kind, namespace);
            let chosen = chosen.filter(|(_, object)| selector.matches(object));
            let chosen: Vec<_> = chosen.map(|(_, object)| object.clone()).collect();
            (chosen, store.revision(), now)
        });
        if asked > revision {
            return Err(Fault::too_new(asked, revision));
        }
        let objects = objects.iter().map(|object| &**object);
        Ok(json_answer(200, &view.list(objects, revision, now)))
    }
}

impl Call {
    fn carry_out(&self, cluster: &impl Cluster) -> Result<Done, Fault> {
        let kind = self.what.kind;
        let homeless = kind.namespaced && self.what.namespace.is_empty();
        match (self.method.as_str(), self.what.name.as_str(), self.what.subresource.as_str()) {
            ("GET" | "HEAD", _, "" | "status") => cluster.look(|store, _| self.get(store)),
            ("GET" | "HEAD", _, "scale") => cluster.look(|store, now| {
                Ok(Done { code: 200, object: scale(store, &self.writer(now))? })
            }),
            ("PATCH", _, "scale") => self.written(cluster, Self::scale),
            ("POST", "", "") if !homeless => self.written(cluster, Self::post),
            ("POST", _, "eviction") => self.written(cluster, Self::evict),
            ("PUT", name, "" | "status") if !name.is_empty() => self.written(cluster, Self::put),
            ("PATCH", name, "" | "status") if !name.is_empty() => {
                self.written(cluster, Self::patch)
            }
            ("DELETE", name, "") if !name.is_empty() => self.written(cluster, Self::delete),
            _ => Err(Fault::no_such_method()),
        }
    }

    /// Carries out a write; with `dryRun` on a copy that nobody else sees.
    fn written(
        &self,
        cluster: &impl Cluster,
        write: fn(&Self, &mut Store, Timestamp) -> Result<Done, Fault>,
    ) -> Result<Done, Fault> {
        match self.query.text("dryRun") {
            "" => cluster.write(|store, now| write(self, store, now)),
            "All" => cluster.look(|store, now| write(self, &mut store.clone(), now)),
            other => Err(Fault::bad_request(format!("dryRun: {other:?} is not taken"))),
        }
    }

    fn writer(&self, at: Timestamp) -> Writer<'_> {
        let Objects { kind, namespace, name, subresource } = &self.what;
        let part = if subresource == "status" { Part::Status } else { Part::Whole };
        Writer { kind, namespace, name, part, manager: &self.manager, at }
    }

    fn get(&self, store: &Store) -> Result<Done, Fault> {
        let Objects { kind, namespace, name, .. } = &self.what;
        let object = store.get(&Key::of(kind, namespace, name));
        let object = object.ok_or_else(|| Fault::not_found(kind, name))?;
        Ok(Done { code: 200, object: (**object).clone() })
    }

    fn post(&self, store: &mut Store, now: Timestamp) -> Result<Done, Fault> {
        let object = create(store, &self.writer(now), &self.object()?)?;
        Ok(Done { code: 201, object: (*object).clone() })
    }

    fn put(&self, store: &mut Store, now: Timestamp) -> Result<Done, Fault> {
        let object = replace(store, &self.writer(now), &self.object()?)?;
        Ok(Done { code: 200, object: (*object).clone() })
    }

    fn patch(&self, store: &mut Store, now: Timestamp) -> Result<Done, Fault> {
        let w = self.writer(now);
        if self.media == "application/apply-patch+yaml" {
            let w = Writer { manager: self.query.text("fieldManager"), ..w };
            let (object, new) = apply(store, &w, &self.yaml()?, self.query.flag("force"))?;
            return Ok(Done { code: if new { 201 } else { 200 }, object: (*object).clone() });
        }
        let object = patch_object(store, &w, self.patch_kind()?, &self.json()?)?;
        Ok(Done { code: 200, object: (*object).clone() })
    }

    fn patch_kind(&self) -> Result<PatchKind, Fault> {
        match self.media.as_str() {
            "application/json-patch+json" => Ok(PatchKind::Json),
            "application/merge-patch+json" => Ok(PatchKind::Merge),
            "application/strategic-merge-patch+json" => Ok(PatchKind::Strategic),
            _ => Err(Fault::media_type(
                "application/json-patch+json, application/merge-patch+json, \
                 application/strategic-merge-patch+json, application/apply-patch+yaml",
            )),
        }
    }

    fn scale(&self, store: &mut Store, now: Timestamp) -> Result<Done, Fault> {
        let w = self.writer(now);
        let object = patch_scale(store, &w, self.patch_kind()?, &self.json()?)?;
        Ok(Done { code: 200, object })
    }

    fn delete(&self, store: &mut Store, now: Timestamp) -> Result<Done, Fault> {
        let mut options = if self.body.is_empty() { json!({}) } else { self.object()? };
        if let Some(seconds) = self.query.number("gracePeriodSeconds")?
            && let Some(options) = options.as_object_mut()
        {
            options.insert("gracePeriodSeconds".to_owned(), seconds.into());
        }
        let w = self.writer(now);
        Ok(Done { code: 200, object: remove(store, &w, &options)?.answer(&w) })
    }

    fn evict(&self, store: &mut Store, now: Timestamp) -> Result<Done, Fault> {
        evict(store, &self.writer(now), &self.object()?)?;
        let object = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Success", "code": 201});
        Ok(Done { code: 201, object })
    }

    /// The body of a write.
    fn object(&self) -> Result<Value, Fault> {
        match self.media.as_str() {
            "" | "application/json" => self.json(),
            "application/yaml" => self.yaml(),
            _ => Err(Fault::media_type("application/json, application/yaml")),
        }
    }

    fn json(&self) -> Result<Value, Fault> {
        serde_json::from_slice(&self.body)
            .map_err(|why| Fault::bad_request(format!("the body is no JSON: {why}")))
    }

    /// YAML, of which JSON is a part.
    fn yaml(&self) -> Result<Value, Fault> {
        self.json().or_else(|_| {
            let text = std::str::from_utf8(&self.body).unwrap_or_default();
            let no_yaml = |_| Fault::bad_request("error decoding YAML: the body is none");
            serde_saphyr::from_str::<Value>(text).map_err(no_yaml)
        })
    }
}

/// The body, if it is not too long. What is too long is read on for a while, or the sender would
/// find its connection broken instead of the answer.
async fn whole(mut body: Incoming) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let mut length = 0;
    let read = async {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return Err(Fault::bad_request("the body broke off")) };
            let data = frame.into_data().unwrap_or_default();
            length += data.len();
            if length > MAX_READ {
                break;
            }
            if length <= MAX_BODY {
                bytes.extend_from_slice(&data);
            }
        }
        Ok(())
    };
    let read = timeout(BODY, read).await;
    read.map_err(|_| Fault::bad_request("the body did not come in time"))??;
    if length > MAX_BODY { Err(Fault::too_large(MAX_BODY)) } else { Ok(bytes) }
}

fn media(headers: &HeaderMap) -> String {
    let said = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let said = said.unwrap_or_default().split(';').next().unwrap_or_default();
    said.trim().to_ascii_lowercase()
}

/// Who writes: by its own word, else by the name of its program.
fn manager(query: &Query, headers: &HeaderMap) -> Result<String, Fault> {
    let said = query.text("fieldManager");
    if said.len() > MAX_MANAGER || said.chars().any(char::is_control) {
        return Err(Fault::bad_request("fieldManager: too long, or not printable"));
    }
    if !said.is_empty() {
        return Ok(said.to_owned());
    }
    let agent = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok());
    let program = agent.unwrap_or_default().split('/').next().unwrap_or_default();
    let program: String = program.chars().take(MAX_MANAGER).collect();
    Ok(if program.is_empty() { "unknown".to_owned() } else { program })
}

fn version(git: &str) -> Value {
    let mut numbers = git.trim_start_matches('v').split('.');
    let mut next = || numbers.next().unwrap_or_default().to_owned();
    json!({"major": next(), "minor": next(), "gitVersion": git, "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
        "compiler": "", "platform": "linux/amd64"})
}
