//! `shutdown`: a person wants the cluster down.

use super::Environment;
use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::rise::{self, Wish};
use crate::cli::{DownTo, Format, ShutdownArgs};
use crate::model::intent::Desired;
use crate::model::tick::Order;

/// Runs until everything is down, or a person is needed.
pub(super) async fn shutdown(
    loaded: Loaded,
    args: ShutdownArgs,
    caller: &str,
    environment: Environment<'_>,
    format: Format,
) -> Result<Ended, Failure> {
    let order = Order::Shutdown {
        by: caller.to_owned(),
        why: args.reason,
        to: match args.mode {
            DownTo::ClusterOnly => Desired::DownClusterOnly,
            DownTo::Poweroff => Desired::DownPoweroff,
        },
        drain: !args.skip_drain,
        snapshot: !args.skip_etcd_snapshot,
        host_stays: args.keep_own_host,
    };
    let (execute, timeout) = (args.execute, args.timeout);
    let wish = Wish { order, consents: Vec::new(), execute, timeout };
    Box::pin(rise::carry_out(loaded, wish, environment, format)).await
}
