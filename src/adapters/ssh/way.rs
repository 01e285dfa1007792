//! The way to a machine: through the jump host, or directly.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::{info, warn};

use super::error::{SshError, Stage};
use super::fleet::Inner;
use super::session::Session;
use super::slot::Slot;
use crate::config::settings::SshTarget;

/// How long a jump host that failed is left alone, so that not every look pays for it.
const JUMP_REST: Duration = Duration::from_secs(30);

/// How long a jump host may take to prove that it lives.
const JUMP_PING: Duration = Duration::from_secs(1);

/// A connection to a machine on which no SSH is spoken yet.
pub(super) enum Way {
    Direct(TcpStream),
    Jump(russh::Channel<russh::client::Msg>, Arc<Session>),
}

/// Why a machine is not reached through the jump host.
enum Detour {
    /// The jump host is no use: try directly.
    Direct(SshError),
    /// The jump host works, and the machine does not answer it.
    Dead(SshError),
}

impl Inner {
    pub(super) async fn connect(&self, slot: &Slot) -> Result<Session, SshError> {
        let (way, jump_error) = self.way(slot).await?;
        let established = match way {
            Way::Direct(stream) => {
                Session::establish(stream, &slot.end, &self.trust, &self.deadlines, None).await
            }
            Way::Jump(channel, via) => {
                let stream = channel.into_stream();
                Session::establish(stream, &slot.end, &self.trust, &self.deadlines, Some(via)).await
            }
        };
        let session = established.map_err(|direct| self.both(jump_error, direct))?;
        self.end_rest(slot).await;
        Ok(session)
    }

    /// The jump host is often one of the machines. When it answers as such, it is back, and need
    /// not be left alone any longer: the machines behind it may have no other way.
    async fn end_rest(&self, slot: &Slot) {
        let Some(jump) = &self.jump else { return };
        let (ours, its) = (&slot.end.target, &jump.end.target);
        let is_same = (&ours.address, ours.port) == (&its.address, its.port);
        // Whoever connects to the jump host as such holds its line already.
        if is_same && !std::ptr::eq(jump, slot) {
            jump.line.lock().await.failed = None;
        }
    }

    /// Through the jump host where that is asked for; directly if the jump host is no use. With
    /// the direct way goes the reason why the other one failed.
    pub(super) async fn way(&self, slot: &Slot) -> Result<(Way, Option<SshError>), SshError> {
        let mut jump_error = None;
        if let Some(jump) = self.jump.as_ref().filter(|_| slot.end.target.via_jump) {
            match self.jump_way(jump, &slot.end.target).await {
                Ok(way) => return Ok((way, None)),
                Err(Detour::Dead(error)) => return Err(error),
                Err(Detour::Direct(error)) => jump_error = Some(error),
            }
        }
        match slot.connect(self.deadlines.connect).await {
            Ok(stream) => Ok((Way::Direct(stream), jump_error)),
            Err(direct) => Err(self.both(jump_error, direct)),
        }
    }

    fn both(&self, jump: Option<SshError>, direct: SshError) -> SshError {
        match (jump, &self.jump) {
            (Some(jump), Some(slot)) => SshError::BothPaths {
                host: slot.end.target.address.clone(),
                jump: Box::new(jump),
                direct: Box::new(direct),
            },
            _ => direct,
        }
    }

    async fn jump_way(&self, jump: &Slot, target: &SshTarget) -> Result<Way, Detour> {
        let (session, _) = self.jump_session(jump).await.map_err(Detour::Direct)?;
        let limit = self.deadlines.connect;
        match session.forward(&target.address, target.port, limit).await {
            Ok(channel) => Ok(Way::Jump(channel, session)),
            // The jump host may have died with the session open.
            Err(error) if !session.answers(JUMP_PING).await => {
                session.retire();
                rest(jump, &session, &error).await;
                Err(Detour::Direct(error))
            }
            Err(error @ SshError::Refused { .. }) => Err(Detour::Direct(error)),
            Err(SshError::TimedOut { limit, .. }) => {
                Err(Detour::Dead(SshError::TimedOut { stage: Stage::Connect, limit }))
            }
            Err(SshError::Unreachable { .. }) => Err(Detour::Dead(SshError::Unreachable {
                stage: Stage::Connect,
                why: format!("the jump host {} can't reach it", jump.end.target.address),
            })),
            Err(error) => Err(Detour::Dead(error)),
        }
    }

    /// The jump host's session, unless it failed a short while ago.
    async fn jump_session(&self, jump: &Slot) -> Result<(Arc<Session>, bool), SshError> {
        {
            let line = jump.line.lock().await;
            if let Some((at, error)) = &line.failed
                && at.elapsed() < JUMP_REST
            {
                return Err(error.clone());
            }
        }
        let was_silent = jump.silent.load(Ordering::Relaxed);
        let session = Box::pin(self.session(jump)).await;
        let host = &jump.end.target.address;
        match &session {
            Err(error) if !was_silent => {
                warn!(host, %error, "jump host fails; machines are tried directly");
            }
            Ok(_) if was_silent => info!(host, "jump host answers again"),
            _ => {}
        }
        session
    }
}

/// Leaves the jump host alone for a while, unless somebody has a newer session with it.
async fn rest(jump: &Slot, dead: &Arc<Session>, error: &SshError) {
    let mut line = jump.line.lock().await;
    if line.session.as_ref().is_some_and(|session| Arc::ptr_eq(session, dead)) {
        let host = &jump.end.target.address;
        warn!(host, %error, "jump host is lost; machines are tried directly");
        line.session = None;
        line.failed = Some((Instant::now(), error.clone()));
        jump.silent.store(true, Ordering::Relaxed);
    }
}
