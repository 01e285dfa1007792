//! The same requests to the simulated API and to the real kube-apiserver: they must say the same.

use super::script;
use super::side::{Bare, Side, client};
use crate::kube::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_simulated_api_says_what_the_real_one_says() {
    let rig = Rig::start().await;
    let mut real = Side::new(rig.admin().await);
    script::run(&mut real).await;
    let bare = Bare::new();
    let server = bare.serve();
    let mut simulated = Side::new(client(server.kubeconfig()).await);
    script::run(&mut simulated).await;
    let differs: Vec<String> = real
        .heard
        .iter()
        .zip(&simulated.heard)
        .filter(|(real, simulated)| real != simulated)
        .map(|(real, simulated)| format!("real      {real}\nsimulated {simulated}\n"))
        .collect();
    assert_eq!(real.heard.len(), simulated.heard.len());
    let (count, all) = (differs.len(), real.heard.len());
    assert!(differs.is_empty(), "{count} of {all} differ:\n{}", differs.join("\n"));
}
