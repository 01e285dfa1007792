//! Connections that a machine makes for a probe.

use crate::adapters::probe::{Miss, Stream, Ways};
use crate::adapters::ssh::{Fleet, SshError, Stage};
use crate::model::facts::Blind;
use crate::model::ids::MachineName;

/// The machines, reached over SSH.
#[derive(Debug, Clone)]
pub(super) struct FleetWays(pub(super) Fleet);

impl Ways for FleetWays {
    async fn open(
        &self,
        machine: &MachineName,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Stream>, Miss> {
        match self.0.forward(machine, host, port).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(miss(machine, &error)),
        }
    }
}

/// The machine asked, and the service did not answer; or nobody got as far as the machine.
fn miss(machine: &MachineName, error: &SshError) -> Miss {
    let asked = matches!(
        error,
        SshError::Unreachable { stage: Stage::Channel, .. }
            | SshError::TimedOut { stage: Stage::Channel, .. }
    );
    if asked {
        return Miss::Nothing(format!("from {machine}: {error}"));
    }
    Miss::Blind(Blind::new(error.kind(), format!("{machine} can't be used: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Span;

    #[test]
    fn a_machine_that_is_gone_is_no_finding_about_the_service() {
        let machine = MachineName::fixed("cp-1");
        let unreachable = |stage| SshError::Unreachable { stage, why: "refused".to_owned() };
        let late = |stage| SshError::TimedOut { stage, limit: Span::secs(5) };
        for error in [unreachable(Stage::Channel), late(Stage::Channel)] {
            assert!(matches!(miss(&machine, &error), Miss::Nothing(_)), "{error}");
        }
        for error in [unreachable(Stage::Connect), late(Stage::Auth), SshError::Closed] {
            assert!(matches!(miss(&machine, &error), Miss::Blind(_)), "{error}");
        }
    }
}
