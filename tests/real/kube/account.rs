//! ananke's own account, made on a real API server from the same manifests that a person could
//! apply. Its token is asked of the server, since no controller runs here that fills Secrets.

use ananke::adapters::kube::{Desk, KubeconfigText, Put, rbac_yaml};
use ananke::report;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::Site;

const HOME: &str = "kube-system";

pub(super) async fn an_account_is_made_once_and_sees_the_nodes(site: &Site) {
    let path = site.rig.write_kubeconfig("desk.kubeconfig", "admin", "ca");
    let base = path.parent().map(std::path::Path::to_owned);
    let text = KubeconfigText { yaml: std::fs::read_to_string(&path).unwrap(), base };
    let admin = Desk::open(text, &[site.rig.endpoint()]).await.unwrap();
    for round in [Put::Made, Put::Kept] {
        for text in [report::crd_yaml(), rbac_yaml()] {
            let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
            for object in objects {
                let put = admin.put(&object).await.unwrap();
                // Other cases made the kind before.
                let made_before = object["kind"] == "CustomResourceDefinition";
                assert!(put == round || made_before, "{}: {put:?}", object["kind"]);
            }
        }
    }
    let foreign = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "ananke-token", "namespace": HOME}, "type": "Opaque"});
    let refused = admin.put(&foreign).await.unwrap_err();
    assert!(refused.detail.contains("type"), "the server's own words: {refused}");

    fill(site, &token(site).await).await;
    let yaml = admin.kubeconfig().await.unwrap();
    let own = Desk::open(KubeconfigText { yaml, base: None }, &[]).await.unwrap();
    own.prove().await.unwrap();
    assert_eq!(own.endpoint(), admin.endpoint());
    let refused = own.put(&foreign).await.unwrap_err();
    assert!(refused.detail.contains("cannot patch resource"), "the account's rights: {refused}");
}

/// A token for the account, from the server itself.
async fn token(site: &Site) -> String {
    let path = format!("/api/v1/namespaces/{HOME}/serviceaccounts/ananke/token");
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(ask.to_string().into_bytes())
        .unwrap();
    let answer: Value = site.admin.request(request).await.unwrap();
    answer["status"]["token"].as_str().unwrap().to_owned()
}

/// Does the work of the token controller.
async fn fill(site: &Site, token: &str) {
    let ca = std::fs::read(site.rig.path("ca.crt")).unwrap();
    let data = json!({"data": {"token": STANDARD.encode(token), "ca.crt": STANDARD.encode(ca)}});
    let secrets: Api<Secret> = Api::namespaced(site.admin.clone(), HOME);
    secrets.patch("ananke-token", &PatchParams::default(), &Patch::Merge(data)).await.unwrap();
}
