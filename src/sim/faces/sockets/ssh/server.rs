//! The SSH protocol of a simulated machine: one key that may log in, one command a channel, and
//! connections into the cluster's network.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::keys::PublicKey;
use russh::server::{
    Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, PublicKeyOffer, Session,
    VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Pty, SshId};
use tokio::task::{AbortHandle, JoinSet};

use super::forward::Forward;
use crate::adapters::guard::Reply;
use crate::model::ids::MachineName;
use crate::sim::faces::Stage;
use crate::sim::faces::config::USER;
use crate::sim::faces::shell::{self, Said};

/// Commands at once in one connection (`MaxSessions`, sshd_config(5)).
const SESSIONS: usize = 10;

/// Forwarded connections at once in one connection.
const FORWARDS: usize = 64;

/// What all connections of one machine share.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) name: MachineName,
    pub(super) stage: Stage,
    /// Who may log in.
    pub(super) login: PublicKey,
    /// What lies in k3s' own place for the kubeconfig, once the API is there.
    pub(super) kubeconfig: Arc<OnceLock<String>>,
}

/// The server's side, with this host key.
pub(super) fn config(host_key: russh::keys::PrivateKey) -> Config {
    Config {
        server_id: SshId::Standard("SSH-2.0-rehearsal".into()),
        methods: MethodSet::from(&[MethodKind::PublicKey][..]),
        // Nothing is to be protected here, and a person's `ssh` asks for "none" first.
        auth_rejection_time: Duration::from_millis(10),
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        nodelay: true,
        ..Config::default()
    }
}

/// One connection.
pub(super) struct Conn {
    machine: Arc<Machine>,
    /// Ends with the connection.
    tasks: JoinSet<()>,
    running: BTreeMap<ChannelId, AbortHandle>,
    /// As above.
    forwards: JoinSet<()>,
}

impl Conn {
    pub(super) fn new(machine: Arc<Machine>) -> Self {
        let (tasks, forwards) = (JoinSet::new(), JoinSet::new());
        Self { machine, tasks, running: BTreeMap::new(), forwards }
    }

    fn judge(&self, user: &str, key: &PublicKey) -> Auth {
        let known = user == USER && key.key_data() == self.machine.login.key_data();
        if known { Auth::Accept } else { Auth::reject() }
    }
}

impl Handler for Conn {
    type Error = russh::Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, offer.public_key))
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        Ok(self.judge(user, key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        _channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _from: &str,
        _from_port: u32,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        while self.forwards.try_join_next().is_some() {}
        let Ok(port) = u16::try_from(port) else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        if self.forwards.len() >= FORWARDS {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        let (stage, machine) = (self.machine.stage.clone(), self.machine.name.clone());
        let forward = Forward { stage, machine, host: host.to_owned(), port };
        self.forwards.spawn(forward.serve(channel, reply));
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _term: &str,
        _columns: u32,
        _rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn shell_request(
        &mut self,
        id: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        // For a terminal that nobody set up.
        let text = shell::greeting(&self.machine.name).replace('\n', "\r\n");
        let reply = Reply { status: Some(0), stdout: text.into_bytes(), stderr: Vec::new() };
        let to = session.handle();
        self.tasks.spawn(async move { send(&to, id, reply).await });
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        while self.tasks.try_join_next().is_some() {}
        self.running.retain(|_, task| !task.is_finished());
        if self.tasks.len() >= SESSIONS {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        let line = String::from_utf8_lossy(command).into_owned();
        let (machine, to) = (Arc::clone(&self.machine), session.handle());
        let task = self.tasks.spawn(async move {
            let reply = machine.run(&line).await;
            send(&to, id, reply).await;
        });
        self.running.insert(id, task);
        Ok(())
    }

    async fn channel_close(
        &mut self,
        id: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Who waits for a unit and goes away changes nothing on the machine.
        if let Some(task) = self.running.remove(&id) {
            task.abort();
        }
        Ok(())
    }
}

impl Machine {
    /// Runs a line to its end.
    async fn run(&self, line: &str) -> Reply {
        let mut changed = self.stage.changed();
        let kubeconfig = self.kubeconfig.get().map(String::as_str);
        let mut said = shell::on(&self.stage, &self.name, line, kubeconfig);
        loop {
            match said {
                Said::Ended(reply) => return reply,
                Said::Waits(unit) => {
                    if changed.changed().await.is_err() {
                        return std::future::pending().await;
                    }
                    said = self.stage.with(|world| shell::again(world, &self.name, unit));
                }
                // It lost its power in the middle: nobody answers, and the connection tells.
                Said::Nobody => return std::future::pending().await,
            }
        }
    }
}

/// Sends what a command gave, in sshd's order. A client that is gone hears nothing.
async fn send(to: &Handle, id: ChannelId, reply: Reply) {
    if !reply.stdout.is_empty() {
        drop(to.data(id, reply.stdout).await);
    }
    if !reply.stderr.is_empty() {
        drop(to.extended_data(id, 1, reply.stderr).await);
    }
    to.eof(id).await.ok();
    if let Some(status) = reply.status {
        to.exit_status_request(id, status).await.ok();
    }
    to.close(id).await.ok();
}
