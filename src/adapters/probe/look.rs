//! One question, from the connection to the answer.

use std::path::Path;

use tokio::time::{Instant, timeout_at};

use super::connect::{Miss, Stream, Ways, direct};
use super::dns;
use super::http::{self, Goal, Talk};
use super::tls::{self, Trust};
use crate::model::facts::{Blind, BlindKind};
use crate::model::probe::{Answer, Ask, Finding, HttpAnswer, HttpAsk, LIMIT, Probe};
use crate::model::vault::{SEAL_STATUS, Seal, SealStatus, VaultAsk};
use crate::ports::Clock;

/// Asks. Cheap to share.
pub(super) struct Asker<W, C> {
    ways: W,
    trust: Trust,
    pub(super) clock: C,
}

impl<W: Ways, C: Clock> Asker<W, C> {
    pub(super) fn new(authorities: Option<&Path>, clock: C, ways: W) -> Self {
        Self { ways, trust: Trust::load(authorities), clock }
    }

    /// Asks once, within the limit.
    pub(super) async fn look(&self, probe: &Probe) -> Result<Finding, Blind> {
        let began = self.clock.now().mono;
        let end = Instant::now() + LIMIT.to_std();
        let answer = match self.answer(probe, end).await {
            Ok(answer) => answer,
            Err(Miss::Nothing(why)) => Answer::Nothing { why },
            Err(Miss::Blind(blind)) => return Err(blind),
        };
        Ok(Finding { answer, took: self.clock.now().mono.since(began) })
    }

    async fn answer(&self, probe: &Probe, end: Instant) -> Result<Answer, Miss> {
        match &probe.ask {
            Ask::Http(ask) => self.http(probe, ask, end).await.map(Answer::Http),
            Ask::Vault(ask) => self.seal(probe, ask, end).await.map(Answer::Seal),
            Ask::Tcp { host, port } => {
                let places = [(host.as_str(), *port)];
                self.connect(probe, &places, end).await.map(|_| Answer::Accepted)
            }
            Ask::Dns { server, port, name } => {
                let places = [(server.as_str(), *port)];
                let mut stream = self.connect(probe, &places, end).await?;
                in_time(end, dns::ask(&mut *stream, name)).await
            }
        }
    }

    async fn http(&self, probe: &Probe, ask: &HttpAsk, end: Instant) -> Result<HttpAnswer, Miss> {
        let goal = Goal::of(&ask.url)?;
        let talk = self.talk(probe, ask, &goal, end).await?;
        in_time(end, http::get(talk, &goal, ask)).await
    }

    /// How a vault says that it stands.
    pub(super) async fn seal(
        &self,
        probe: &Probe,
        ask: &VaultAsk,
        end: Instant,
    ) -> Result<SealStatus, Miss> {
        let ask = ask.at_path(SEAL_STATUS);
        let goal = Goal::of(&ask.url)?;
        let mut talk = self.talk(probe, &ask, &goal, end).await?;
        let certificate_until = talk.certificate_until();
        let reply = in_time(end, talk.get(&goal, true)).await?;
        let seal = Seal::read(reply.status, &reply.body).map_err(Miss::Nothing)?;
        Ok(SealStatus { seal, certificate_until })
    }

    /// A connection over which HTTP is spoken, with whom the probe trusts.
    pub(super) async fn talk(
        &self,
        probe: &Probe,
        ask: &HttpAsk,
        goal: &Goal,
        end: Instant,
    ) -> Result<Talk, Miss> {
        let stream = self.connect(probe, &goal.places(ask), end).await?;
        in_time(end, async {
            if !goal.tls {
                return Talk::begin(stream, None).await;
            }
            let right = self.clock.now().wall_trusted;
            let handshake = self.trust.handshake(stream, &goal.host, ask.unverified, right);
            let stream = handshake.await?;
            let until = tls::until(&stream);
            Talk::begin(stream, until).await
        })
        .await
    }

    /// The first of the places that accepts a connection. That one of them was asked in vain is a
    /// finding, also where the others could not be asked.
    async fn connect(
        &self,
        probe: &Probe,
        places: &[(&str, u16)],
        end: Instant,
    ) -> Result<Box<dyn Stream>, Miss> {
        let mut last = None;
        for (host, port) in places {
            let opened = match &probe.via {
                None => in_time(end, direct(host, *port)).await,
                Some(machine) => {
                    match timeout_at(end, self.ways.open(machine, host, *port)).await {
                        Ok(opened) => opened,
                        Err(_) => {
                            let why =
                                format!("the way through {machine} takes longer than {LIMIT}");
                            Err(Miss::blind(BlindKind::TimedOut, why))
                        }
                    }
                }
            };
            last = match (opened, last) {
                (Ok(stream), _) => return Ok(stream),
                (Err(Miss::Blind(_)), Some(Miss::Nothing(why))) => Some(Miss::Nothing(why)),
                (Err(miss), _) => Some(miss),
            };
        }
        Err(last.unwrap_or_else(|| Miss::blind(BlindKind::NotAsked, "there is nobody to ask")))
    }
}

/// Who does not answer in time was asked all the same.
pub(super) async fn in_time<T>(
    end: Instant,
    question: impl Future<Output = Result<T, Miss>>,
) -> Result<T, Miss> {
    let late = || Err(Miss::Nothing(format!("no answer within {LIMIT}")));
    timeout_at(end, question).await.unwrap_or_else(|_| late())
}
