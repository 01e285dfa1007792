//! An SSH server for each machine, each on its own port of the loopback.
//!
//! The port does what the machine does: it is open, refuses, or is silent; connections stall when
//! the power goes and are reset after the boot. Everything ends when [`SshDoors`] is dropped.

mod forward;
mod keys;
mod leash;
mod post;
mod server;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::keys::PublicKey;
use russh::keys::ssh_key::LineEnding;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::model::ids::MachineName;
use crate::sim::faces::Stage;
use crate::sim::world::Door;
use leash::{Flow, Leash};
use post::Post;
use server::{Conn, Machine};

/// Connections at once to one machine. ananke holds one; the rest is for people.
const CONNECTIONS: usize = 32;

/// How long a client may take to say which SSH it speaks.
const GREETING: Duration = Duration::from_secs(60);

/// How long connections go on at a machine that switches itself off: as with a real sshd, the
/// answer to that very command is still sent.
const FAREWELL: Duration = Duration::from_millis(200);

/// Why there are no doors.
#[derive(Debug, thiserror::Error)]
pub enum SshDoorsError {
    /// No port on the loopback.
    #[error("no port on the loopback for {machine}")]
    Port {
        /// Whose.
        machine: MachineName,
        /// What the system said.
        source: io::Error,
    },
    /// No key could be made.
    #[error("no SSH key could be made: {0}")]
    Key(String),
}

/// The SSH servers of a site.
#[derive(Debug)]
pub struct SshDoors {
    ports: BTreeMap<MachineName, u16>,
    known_hosts: String,
    login: String,
    kubeconfig: Arc<OnceLock<String>>,
    _tasks: JoinSet<()>,
}

/// What a machine shows to who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Doorway {
    door: Door,
    /// A connection belongs to the boot in which it was made.
    boots: u32,
    host_key: u32,
}

impl SshDoors {
    /// Starts the servers of every machine of the site. When it returns, each port does what its
    /// machine does. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`SshDoorsError`]; nothing is left behind.
    pub async fn open(stage: &Stage) -> Result<Self, SshDoorsError> {
        let no_key = |error: russh::keys::ssh_key::Error| SshDoorsError::Key(error.to_string());
        let site = stage.with(|world| world.site().clone());
        let login = keys::login_key().map_err(no_key)?;
        let kubeconfig = Arc::new(OnceLock::new());
        let mut doors = Self {
            ports: BTreeMap::new(),
            known_hosts: String::new(),
            login: login.to_openssh(LineEnding::LF).map_err(no_key)?.to_string(),
            kubeconfig: Arc::clone(&kubeconfig),
            _tasks: JoinSet::new(),
        };
        let mut shown = Vec::new();
        for name in site.machines.keys() {
            let failed = |source| SshDoorsError::Port { machine: name.clone(), source };
            let mut post = Post::take().map_err(failed)?;
            let doorway = doorway(stage, name);
            post.turn(doorway.door).await.map_err(failed)?;
            let key = keys::host_key(&site.cluster, name, doorway.host_key).map_err(no_key)?;
            let line = key.public_key().to_openssh().map_err(no_key)?;
            doors.ports.insert(name.clone(), post.port());
            doors.known_hosts += &format!("[127.0.0.1]:{} {line}\n", post.port());
            let (show, see) = watch::channel(doorway);
            shown.push((name.clone(), show));
            let machine = Machine {
                name: name.clone(),
                stage: stage.clone(),
                login: PublicKey::from(login.public_key().key_data().clone()),
                kubeconfig: Arc::clone(&kubeconfig),
            };
            let porter = Porter::new(machine, site.cluster.clone(), post);
            doors._tasks.spawn(porter.attend(see));
        }
        doors._tasks.spawn(watch_doorways(stage.clone(), shown));
        Ok(doors)
    }

    /// The port of each machine, on 127.0.0.1.
    pub const fn ports(&self) -> &BTreeMap<MachineName, u16> {
        &self.ports
    }

    /// The host keys as they were at first, in the format of known_hosts.
    pub fn known_hosts(&self) -> &str {
        &self.known_hosts
    }

    /// The private key that may log in, in OpenSSH's format.
    pub fn login_key(&self) -> &str {
        &self.login
    }

    /// Says what lies in the kubeconfig's place on the servers. The first time counts.
    pub fn set_kubeconfig(&self, text: String) {
        drop(self.kubeconfig.set(text));
    }
}

fn doorway(stage: &Stage, name: &MachineName) -> Doorway {
    stage.with(|world| Doorway {
        door: world.ssh_door(name),
        boots: world.view(name).boots,
        host_key: world.host_key(name),
    })
}

/// Shows each machine's doorway to its porter as the world changes.
async fn watch_doorways(stage: Stage, shown: Vec<(MachineName, watch::Sender<Doorway>)>) {
    let mut changed = stage.changed();
    while changed.changed().await.is_ok() {
        for (name, show) in &shown {
            let now = doorway(&stage, name);
            show.send_if_modified(|shown| std::mem::replace(shown, now) != now);
        }
    }
}

/// Lets people in at one machine.
struct Porter {
    machine: Arc<Machine>,
    cluster: String,
    post: Post,
    config: Option<(u32, Arc<russh::server::Config>)>,
    lines: BTreeMap<u64, (u32, Leash)>,
    count: u64,
    served: JoinSet<u64>,
}

impl Porter {
    fn new(machine: Machine, cluster: String, post: Post) -> Self {
        Self {
            machine: Arc::new(machine),
            cluster,
            post,
            config: None,
            lines: BTreeMap::new(),
            count: 0,
            served: JoinSet::new(),
        }
    }

    async fn attend(mut self, mut doorway: watch::Receiver<Doorway>) {
        loop {
            let now = *doorway.borrow_and_update();
            if let Err(error) = self.post.turn(now.door).await {
                let machine = &self.machine.name;
                tracing::warn!(%machine, %error, "its port is not as it should be");
            }
            for (boots, leash) in self.lines.values() {
                leash.set(match now.door {
                    Door::Silent => Flow::Stalls,
                    Door::Open | Door::Refused if *boots == now.boots => Flow::Flows,
                    Door::Open | Door::Refused => Flow::Ended,
                });
            }
            let farewell = tokio::time::sleep(FAREWELL);
            tokio::pin!(farewell);
            let mut leaves = now.door == Door::Refused;
            loop {
                tokio::select! {
                    changed = doorway.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    () = &mut farewell, if leaves => {
                        leaves = false;
                        self.lines.values().for_each(|(_, leash)| leash.set(Flow::Ended));
                    }
                    stream = self.post.accept() => self.let_in(stream),
                    Some(ended) = self.served.join_next() => {
                        if let Ok(line) = ended {
                            self.lines.remove(&line);
                        }
                    }
                }
            }
        }
    }

    fn let_in(&mut self, stream: tokio::net::TcpStream) {
        // As it is this very moment: what was shown last may be older than the connection.
        let now = doorway(&self.machine.stage, &self.machine.name);
        let Some(config) = self.config(now.host_key).filter(|_| self.lines.len() < CONNECTIONS)
        else {
            return;
        };
        let (stream, leash) = leash::hold(stream);
        let conn = Conn::new(Arc::clone(&self.machine));
        self.count += 1;
        let line = self.count;
        self.lines.insert(line, (now.boots, leash));
        self.served.spawn(async move {
            let greeted = russh::server::run_stream(config, stream, conn);
            if let Ok(Ok(session)) = tokio::time::timeout(GREETING, greeted).await {
                // How a client leaves is its own affair.
                drop(session.await);
            }
            line
        });
    }

    /// The server's side with the host key of this generation.
    fn config(&mut self, generation: u32) -> Option<Arc<russh::server::Config>> {
        if self.config.as_ref().is_none_or(|(of, _)| *of != generation) {
            let key = keys::host_key(&self.cluster, &self.machine.name, generation).ok()?;
            self.config = Some((generation, Arc::new(server::config(key))));
        }
        self.config.as_ref().map(|(_, config)| Arc::clone(config))
    }
}
