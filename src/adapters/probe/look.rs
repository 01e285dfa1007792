//! One question, from the connection to the answer.

use std::path::Path;

use tokio::time::{Instant, timeout_at};

use super::connect::{Miss, Stream, Ways, direct};
use super::dns;
use super::http::{self, Goal};
use super::tls::{self, Trust};
use crate::model::facts::{Blind, BlindKind};
use crate::model::probe::{Answer, Ask, Finding, HttpAnswer, HttpAsk, LIMIT, Probe};
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
        let stream = self.connect(probe, &goal.places(ask), end).await?;
        in_time(end, async {
            if !goal.tls {
                return http::get(stream, &goal, ask, None).await;
            }
            let right = self.clock.now().wall_trusted;
            let handshake = self.trust.handshake(stream, &goal.host, ask.unverified, right);
            let stream = handshake.await?;
            let until = tls::until(&stream);
            http::get(stream, &goal, ask, until).await
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
async fn in_time<T>(
    end: Instant,
    question: impl Future<Output = Result<T, Miss>>,
) -> Result<T, Miss> {
    let late = || Err(Miss::Nothing(format!("no answer within {LIMIT}")));
    timeout_at(end, question).await.unwrap_or_else(|_| late())
}
