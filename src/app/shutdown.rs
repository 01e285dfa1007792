//! `shutdown`: a person wants the cluster down.

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::rise;
use crate::cli::{DownTo, Format, ShutdownArgs};
use crate::model::intent::Desired;
use crate::model::tick::Order;

/// Runs until everything is down, or a person is needed.
pub(super) async fn shutdown(
    loaded: Loaded,
    args: ShutdownArgs,
    caller: &str,
    format: Format,
) -> Result<Ended, Failure> {
    if let Some(why) = not_built(&args) {
        return Err(Failure::Usage(why.to_owned()));
    }
    let order = Order::Shutdown {
        by: caller.to_owned(),
        why: args.reason,
        to: match args.mode {
            DownTo::ClusterOnly => Desired::DownClusterOnly,
            DownTo::Poweroff => Desired::DownPoweroff,
        },
        drain: !args.skip_drain,
        snapshot: !args.skip_etcd_snapshot,
    };
    rise::carry_out(loaded, order, args.execute, args.timeout, format).await
}

/// What is asked for and can't be done yet: nothing is begun that would stop half-way.
const fn not_built(args: &ShutdownArgs) -> Option<&'static str> {
    if !args.skip_drain || !args.skip_etcd_snapshot {
        return Some(
            "this version neither evicts pods nor saves the datastore; nothing was changed. To go \
             on without both: --skip-drain --skip-etcd-snapshot",
        );
    }
    match args.mode {
        DownTo::Poweroff if args.execute => {
            Some("this version can't switch machines off: the guard has no verb for it yet")
        }
        DownTo::Poweroff | DownTo::ClusterOnly => None,
    }
}
